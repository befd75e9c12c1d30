import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { PasswordCheck, PasswordHash } from "../../src/password.js";

/** By Python's hashlib.scrypt of "pass:wörd", with the salt 0 … 15, as the platform makes them. */
const BY_PYTHON = "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$ChxvfO37BHI5agPydbSxOlUp0wSxpNcyRPOaiQaRSig";
const RIGHT = Buffer.from("pass:wörd");
const WRONG = Buffer.from("pass:word");
const wanted = (): boolean => true;

suite("password", () => {
  test("a hash is salted, says what it costs, and is read as it was written", async () => {
    const [one, other] = [PasswordHash.of("pass:wörd").toString(), PasswordHash.of("pass:wörd").toString()];
    assert.notEqual(one, other);
    assert.match(one, /^\$scrypt\$ln=14,r=8,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    const hash = PasswordHash.parse(one);
    assert.equal(hash?.toString(), one);
    assert.deepEqual([await hash.matches(RIGHT), await hash.matches(WRONG)], [true, false]);
    assert.ok(await PasswordHash.parse(BY_PYTHON)?.matches(RIGHT));
  });

  test("anything else is no hash, nor is one that would fill the memory or cost nothing", () => {
    for (const text of [
      "",
      "secret",
      BY_PYTHON.slice(1),
      BY_PYTHON.slice(0, -1),
      `${BY_PYTHON}x`,
      BY_PYTHON.replace("ln=10", "ln=9"),
      BY_PYTHON.replace("ln=10", "ln=19"),
      BY_PYTHON.replace("r=8", "r=17"),
      BY_PYTHON.replace("p=1", "p=0"),
      BY_PYTHON.replace("scrypt", "argon2id"),
      BY_PYTHON.replace("AAECAwQFBgcICQoLDA0ODw", "AAEC"),
    ]) {
      assert.equal(PasswordHash.parse(text), null, text);
    }
  });

  test("the right password passes and no other, before it was seen and after it", async () => {
    for (const check of [PasswordCheck.ofPassword("pass:wörd"), PasswordCheck.ofHash(PasswordHash.of("pass:wörd"))]) {
      for (let round = 0; round < 2; round += 1) {
        assert.ok(!(await check.matches(WRONG, wanted)));
        assert.ok(!(await check.matches(Buffer.alloc(0), wanted)));
        assert.ok(await check.matches(RIGHT, wanted));
      }
    }
  });

  test("wrong passwords are tried one after the other, and the right one waits for none once it was seen", async () => {
    const check = PasswordCheck.ofHash(PasswordHash.of("pass:wörd"));
    await check.matches(RIGHT, wanted);
    const started = performance.now();
    const guesses = Array.from({ length: 10 }, () => check.matches(WRONG, wanted));
    assert.ok(await check.matches(RIGHT, wanted));
    const right = performance.now() - started;
    assert.deepEqual(new Set(await Promise.all(guesses)), new Set([false]));
    const all = performance.now() - started;
    assert.ok(right < 100 && all > 450, `${right.toFixed(0)} ms and ${all.toFixed(0)} ms`);
  });

  test("for who has left no time is spent", async () => {
    const check = PasswordCheck.ofHash(PasswordHash.of("pass:wörd"));
    const started = performance.now();
    await Promise.all(Array.from({ length: 200 }, () => check.matches(WRONG, () => false)));
    assert.ok(performance.now() - started < 100);
  });
});
