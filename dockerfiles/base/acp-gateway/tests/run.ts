/** Runs the compiled tests: units, then those against a real gateway process, and, where OPENCODE_BIN names it, OpenCode. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folders = ["unit", "integration", ...(process.env["OPENCODE_BIN"] ? ["opencode"] : [])];
const files = folders.flatMap((folder) => {
  const path = fileURLToPath(new URL(folder, import.meta.url));
  return readdirSync(path)
    .filter((name) => name.endsWith(".test.js"))
    .map((name) => `${path}/${name}`);
});
if (!folders.includes("opencode"))
  console.log("OPENCODE_BIN is not set: the tests against the real opencode are left out");
const done = spawnSync(
  process.execPath,
  [
    "--enable-source-maps",
    "--test",
    "--test-reporter=spec",
    "--test-timeout=600000",
    "--test-force-exit",
    ...process.argv.slice(2),
    ...files,
  ],
  {
    stdio: "inherit",
  },
);
process.exit(done.status ?? 1);
