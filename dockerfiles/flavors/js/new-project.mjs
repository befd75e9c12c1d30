#!/usr/bin/env node
// codeopen-new FRAMEWORK DIRECTORY: starts a project with the pinned versions of the image's package cache, so that
// it needs no network.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

const here = dirname(realpathSync(process.argv[1]));
const read = (name) => JSON.parse(readFileSync(join(here, name), "utf8"));
const starters = read("starters.json");
const pins = read("package.json").dependencies;
const [framework, directory] = process.argv.slice(2);

const fail = (text) => {
  process.stderr.write(`codeopen-new: ${text}\n`);
  process.exit(2);
};

if (!framework || !directory) fail(`usage: codeopen-new ${Object.keys(starters).join("|")} DIRECTORY`);
const starter = starters[framework];
if (!starter) fail(`unknown framework ${framework}: take one of ${Object.keys(starters).join(", ")}`);
const target = resolve(directory);
if (existsSync(target) && readdirSync(target).length > 0) fail(`${target} is not empty: name a new directory`);

const pinned = (names) => Object.fromEntries(names.map((name) => [name, pins[name]]));
const manifest = {
  name: basename(target).toLowerCase().replace(/[^a-z0-9._-]/g, "-"),
  version: "0.0.0",
  private: true,
  type: "module",
  scripts: starter.scripts,
  dependencies: pinned(starter.dependencies),
  devDependencies: pinned(starter.devDependencies),
};
const files = { "package.json": `${JSON.stringify(manifest, null, 2)}\n`, ".gitignore": "node_modules\n", ...starter.files };
for (const [name, text] of Object.entries(files)) {
  mkdirSync(dirname(join(target, name)), { recursive: true });
  writeFileSync(join(target, name), text);
}
// With the cache's lock file npm finds every version without asking the registry; it prunes what this project lacks.
copyFileSync(join(here, "package-lock.json"), join(target, "package-lock.json"));
const install = ["install", "--offline", "--no-audit", "--no-fund", "--cache", "/opt/codeopen/js/cache"];
process.exit(spawnSync("npm", install, { cwd: target, stdio: "inherit" }).status ?? 1);
