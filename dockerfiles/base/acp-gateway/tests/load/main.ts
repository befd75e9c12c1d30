/**
 * The gateway under load: many connections to `cat`, and, where OPENCODE_BIN names it, some to the real OpenCode. What
 * the gateway adds is a percentile of the times through it minus the same percentile of the times over stdio to as many
 * `cat` without it; both take turns under one schedule.
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";

import { GatewayProcess } from "../gateway-process.js";
import { FloodLink } from "./flood.js";
import { DirectLink, ECHO_AGENT, GatewayLink } from "./links.js";
import {
  type Holdings,
  holdings,
  latencies,
  type Latencies,
  leftOver,
  measure,
  openAll,
  round,
  type Ways,
} from "./measure.js";
import { loadOpencode, type OpencodeReport } from "./opencode-load.js";
import { type ProcessorUse, watchProcessor } from "./processor.js";

const TARGET_MS = 5;
/** What the runtime's heap may keep of a load that is over. */
const MEMORY_SLACK_MB = 64;
/** What it may keep of the rounds after the first; a leak grows with each. */
const MEMORY_GROWTH_MB = 32;

/** What is kept after the last round is compared with what is kept after the first. */
const FEWEST_ROUNDS = 2;
const EXIT_USAGE = 2;

/** Hundreds of processes that have just started leave the machine some work to do. */
const SETTLE_MS = 2000;

// The sender's own collections of a small heap, a long one every few dozen messages, would be measured with the rest.
setFlagsFromString("--heap-growing-percent=900");

const { values } = parseArgs({
  options: {
    connections: { type: "string", default: "200" },
    opencode: { type: "string", default: "6" },
    bytes: { type: "string", default: "65536" },
    interval: { type: "string", default: "2000" },
    seconds: { type: "string", default: "8" },
    rounds: { type: "string", default: "6" },
    /** Of which shape one more connection sends the largest legal message, again and again: see worst-messages.ts. */
    worst: { type: "string" },
    json: { type: "string" },
  },
});
const connections = Number(values.connections);
const bytes = Number(values.bytes);
const pace = { intervalMs: Number(values.interval), seconds: Number(values.seconds) };
const roundsToPlay = Number(values.rounds);
if (!Number.isInteger(roundsToPlay) || roundsToPlay < FEWEST_ROUNDS) {
  console.error(
    `--rounds ${values.rounds}: give ${FEWEST_ROUNDS} or more, because leaks show from one round to another`,
  );
  process.exit(EXIT_USAGE);
}

interface Round extends Ways<number> {
  readonly processor: ProcessorUse;
  readonly loaded: Holdings;
  readonly after: Holdings;
}

/** What the two ways took, and how they differ. */
interface Comparison {
  readonly direct: Latencies;
  readonly gateway: Latencies;
  readonly added: Pick<Latencies, "p50" | "p99">;
}

function compare(rounds: readonly Round[]): Comparison {
  const direct = latencies(rounds.flatMap((round) => round.direct));
  const gateway = latencies(rounds.flatMap((round) => round.gateway));
  return { direct, gateway, added: { p50: round(gateway.p50 - direct.p50), p99: round(gateway.p99 - direct.p99) } };
}

async function playRound(gateway: GatewayProcess): Promise<Round> {
  const text = "x".repeat(bytes);
  const direct = await openAll(connections, () => DirectLink.open());
  const through = await openAll(connections, () => GatewayLink.open(gateway.port));
  await wait(SETTLE_MS);
  const processorUse = watchProcessor(gateway.pid);
  const flood = values.worst === undefined ? null : await FloodLink.open(gateway.port, values.worst);
  const times = await measure({ direct, gateway: through }, text, pace);
  await flood?.close();
  const processor = processorUse(times.gateway.length + connections);
  const loaded = holdings(gateway.pid);
  await Promise.all([...direct, ...through].map((link) => link.close()));
  return { ...times, processor, loaded, after: await leftOver(gateway.pid) };
}

async function loadStandIns(): Promise<{ readonly before: Holdings; readonly rounds: Round[] }> {
  const gateway = await GatewayProcess.start({
    ACP_GATEWAY_MAX_CONNECTIONS: String(connections + 1),
    ACP_GATEWAY_AGENT_COMMAND: JSON.stringify([ECHO_AGENT]),
  });
  try {
    // One connection first, so that what the runtime allocates once is not taken for a leak.
    await (await GatewayLink.open(gateway.port)).close();
    const before = await leftOver(gateway.pid);
    const rounds: Round[] = [];
    for (let count = 0; count < roundsToPlay; count += 1) rounds.push(await playRound(gateway));
    return { before, rounds };
  } finally {
    await gateway.stop();
  }
}

function leaks(before: Holdings, after: Holdings, memorySlackMb: number): string[] {
  return [
    after.children === 0 ? "" : `${after.children} agents are left`,
    after.open_files <= before.open_files ? "" : `${after.open_files - before.open_files} files are left open`,
    after.resident_mb <= before.resident_mb + memorySlackMb ? "" : `${after.resident_mb} MB are left`,
  ].filter((problem) => problem !== "");
}

const standIns = await loadStandIns();
const { before } = standIns;
const opencode: OpencodeReport | null =
  process.env["OPENCODE_BIN"] === undefined ? null : await loadOpencode(Number(values.opencode), bytes);
const all = compare(standIns.rounds);
const first = standIns.rounds.at(0);
const last = standIns.rounds.at(-1);
const leftBehind = [
  ...(first === undefined ? [] : leaks(before, first.after, Infinity)),
  ...(first === undefined || last === undefined ? [] : leaks(first.after, last.after, MEMORY_GROWTH_MB)),
  ...(opencode === null ? [] : leaks(opencode.before, opencode.after, MEMORY_SLACK_MB)),
];
const problems = [...(all.added.p99 < TARGET_MS ? [] : [`the gateway adds ${all.added.p99} ms (p99)`]), ...leftBehind];
const rounds = standIns.rounds.map((played) => ({
  ...compare([played]),
  processor: played.processor,
  loaded: played.loaded,
  after: played.after,
}));

console.table(
  [...rounds, all].flatMap(({ direct, gateway, added }, index) => {
    const name = index < rounds.length ? `round ${index + 1}` : "all";
    return [
      { what: `${name}, stdio (ms)`, ...direct },
      { what: `${name}, gateway (ms)`, ...gateway },
      { what: `${name}, added (ms)`, ...added },
    ];
  }),
);
console.table(
  rounds.map(({ processor }, index) => ({ "the gateway's processor": `round ${index + 1}`, ...processor })),
);
console.table([
  { when: "before", ...before },
  ...rounds.flatMap(({ loaded, after }, index) => [
    { when: `round ${index + 1}`, ...loaded },
    { when: `after round ${index + 1}`, ...after },
  ]),
]);
if (opencode !== null) {
  console.table([
    { when: "opencode, before", ...opencode.before },
    { when: "opencode, after", ...opencode.after },
  ]);
}
const machine = { cpus: cpus().length, node: process.version };
const report = {
  connections,
  bytes,
  worst: values.worst ?? null,
  pace,
  machine,
  ...all,
  before,
  rounds,
  opencode,
  leaks: leftBehind,
  problems,
};
if (values.json === undefined) console.log(JSON.stringify(report));
else writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exitCode = 1;
}
