#!/usr/bin/env node
/** Prints the hash of the password on standard input, for ACP_GATEWAY_PASSWORD_HASH. */
import { readFileSync } from "node:fs";

import { PasswordHash } from "./password.js";

const password = readFileSync(0, "utf8").replace(/\r?\n$/, "");
if (password.trim() === "") {
  process.stderr.write("codeopen-hash-password: no password on standard input; write one there, and press Ctrl-D\n");
  process.exitCode = 2;
} else {
  process.stdout.write(`${PasswordHash.of(password).toString()}\n`);
}
