#!/usr/bin/env node
// new-project.mjs DIRECTORY: starts a project with the framework whose name it is called by, in the pinned versions of
// the image's package cache, so that it needs no network. Run by codeopen-new.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

const [, script, directory] = process.argv;
const here = dirname(realpathSync(script));
const read = (name) => JSON.parse(readFileSync(join(here, name), "utf8"));
const starter = read("starters.json")[basename(script)];
const pins = read("package.json").dependencies;
const target = resolve(directory);

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
