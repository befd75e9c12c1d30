import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";

import { agentsThatFit, DEFAULT_MEMORY, usableMemory } from "../../src/memory.js";

const GIB = 1024 ** 3;
const NO_LIMIT_OF_V1 = "9223372036854771712\n";

suite("memory", () => {
  const folder = mkdtempSync(join(tmpdir(), "memory-"));
  after(() => {
    rmSync(folder, { recursive: true });
  });

  function file(name: string, text: string): string {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  }

  test("the limit of cgroup v2 counts, and that of v1", () => {
    const v2 = [file("max-3g", `${3 * GIB}\n`), join(folder, "none")];
    assert.equal(usableMemory({ files: v2, constrained: 0, total: 64 * GIB }, null), 3 * GIB);
    const v1 = [join(folder, "none"), file("limit-2g", `${2 * GIB}\n`)];
    assert.equal(usableMemory({ files: v1, constrained: 0, total: 64 * GIB }, null), 2 * GIB);
  });

  test("without a limit it is the default, whatever the machine has, and never more than that", () => {
    const unlimited = [file("max", "max\n"), file("v1-max", NO_LIMIT_OF_V1)];
    assert.equal(usableMemory({ files: unlimited, constrained: 2 ** 63, total: 256 * GIB }, null), DEFAULT_MEMORY);
    assert.equal(usableMemory({ files: [join(folder, "none")], constrained: 0, total: 8 * GIB }, null), 4 * GIB);
    assert.equal(usableMemory({ files: unlimited, constrained: 0, total: 2 * GIB }, null), 2 * GIB);
  });

  test("the tier's memory counts, not what add-ons bring beside it", () => {
    const files = [file("gui", `${8 * GIB}`)];
    assert.equal(usableMemory({ files, constrained: 0, total: 64 * GIB }, 4 * GIB), 4 * GIB);
    assert.equal(usableMemory({ files, constrained: 0, total: 64 * GIB }, 16 * GIB), 8 * GIB, "the limit is smaller");
    assert.equal(usableMemory({ files: [], constrained: 0, total: 64 * GIB }, 16 * GIB), 16 * GIB, "it has no limit");
    assert.equal(usableMemory({ files: [], constrained: 0, total: 8 * GIB }, 16 * GIB), 8 * GIB);
  });

  test("the smallest limit on the way to the root counts", () => {
    assert.equal(
      usableMemory({ files: [file("4g", `${4 * GIB}`)], constrained: 2 * GIB, total: 8 * GIB }, null),
      2 * GIB,
    );
  });

  test("agents that fit: as many as the memory beside the reserve holds, at least one", () => {
    assert.equal(agentsThatFit(2 * GIB, 512e6, 750e6), 2);
    assert.equal(agentsThatFit(512e6 + 1500e6, 512e6, 750e6), 2);
    assert.equal(agentsThatFit(512e6 + 1500e6 - 1, 512e6, 750e6), 1);
    assert.equal(agentsThatFit(100e6, 512e6, 750e6), 1);
  });
});
