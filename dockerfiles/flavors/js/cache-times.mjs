// cache-times.mjs CACHE: takes the clock out of the index of an npm cache, so that the same packages give the same bytes.
// An entry is a line `sha1 of the JSON`, tab, `JSON`. Source: cacache 19, lib/entry-index.js.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const index = join(process.argv[2], "_cacache/index-v5");
const VOLATILE = ["age", "date", "expires"];

const withoutTimes = (line) => {
  const entry = JSON.parse(line.slice(line.indexOf("\t") + 1));
  entry.time = 0;
  if (entry.metadata) entry.metadata.time = 0;
  for (const name of VOLATILE) delete entry.metadata?.resHeaders?.[name];
  const text = JSON.stringify(entry);
  return `\n${createHash("sha1").update(text).digest("hex")}\t${text}`;
};
for (const found of readdirSync(index, { recursive: true, withFileTypes: true })) {
  if (!found.isFile()) continue;
  const file = join(found.parentPath, found.name);
  const lines = readFileSync(file, "utf8").split("\n").filter(Boolean).map(withoutTimes);
  writeFileSync(file, lines.sort().join(""));
}
