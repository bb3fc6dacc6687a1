/**
 * The tests that find more the longer they run, for as long as one likes. In an ordinary test run each takes seconds.
 * `help` below says which there are. A seed that is given back repeats the choices, not the timing.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeFigures } from "./reliability-page.ts";

const help = `Runs tests that find more the longer they run. Seeds are printed.

  pnpm crash        [--rounds N]  [--seed S]    kills of a node under load (1000)
  pnpm power        [--rounds N]  [--seed S]    histories with power losses, for each way to sync (2000)
  pnpm fuzz         [--seconds N] [--seed S]    strangers at every port, at the admin port, spoilt spools (60 each)
  pnpm fuzz:coverage [--seconds N] [--seed S]   readers of bytes, guided by the blocks they reach (60 each)
  pnpm soak         [--minutes N] [--seed S]    everything at once on one node, nothing grown in the end (60)
  pnpm soak:client  [--minutes N] [--seed S] [--transport memcache|thrift]
                                                the cluster client over nodes that everything happens to (60)
  pnpm network      [--rounds N]  [--seed S]    partitions between network namespaces, for each transport (20)
  pnpm full-disk    [--rounds N]  [--seed S]    a disk that is full, files tampered with, again and again (50)

  --report          put the figures of a run in which all held into docs/reliability.md
`;

interface LongRun {
  /** Its option, and what it is unless given. */
  option: "rounds" | "seconds" | "minutes";
  usual: number;
  /** What goes into the environment for one unit of the option. */
  perUnit: number;
  lengthVariables: string[];
  seedVariables: string[];
  tests: string[];
}

const runs: Record<string, LongRun> = {
  crash: {
    option: "rounds",
    usual: 1000,
    perUnit: 1,
    lengthVariables: ["KESTREL_CRASH_ROUNDS"],
    seedVariables: ["KESTREL_CRASH_SEED"],
    tests: ["test/crash/crash.test.ts"],
  },
  fuzz: {
    option: "seconds",
    usual: 60,
    perUnit: 1000,
    lengthVariables: ["KESTREL_FUZZ_MS", "KESTREL_JOURNAL_FUZZ_MS", "KESTREL_ADMIN_FUZZ_MS"],
    seedVariables: ["KESTREL_DOORS_SEED", "KESTREL_JOURNAL_SEED", "KESTREL_ADMIN_SEED"],
    tests: ["test/hostile-doors.test.ts", "test/fuzz"],
  },
  "fuzz:coverage": {
    option: "seconds",
    usual: 60,
    perUnit: 1000,
    lengthVariables: ["KESTREL_GUIDED_MS"],
    seedVariables: ["KESTREL_GUIDED_SEED"],
    tests: [
      "packages/server/src/protocol",
      "packages/server/src/journal",
      "packages/server/src/kestrel2",
    ].map((folder) => `${folder}/guided-fuzz.test.ts`),
  },
  soak: {
    option: "minutes",
    usual: 60,
    perUnit: 60_000,
    lengthVariables: ["KESTREL_SOAK_MS"],
    seedVariables: ["KESTREL_SOAK_SEED"],
    tests: ["test/soak"],
  },
  "soak:client": {
    option: "minutes",
    // Shared by two strategies and two transports.
    usual: 60,
    perUnit: 60_000,
    lengthVariables: ["CLIENT_SOAK_MS"],
    seedVariables: ["CLIENT_SOAK_SEED"],
    tests: ["test/client/soak"],
  },
  power: {
    option: "rounds",
    usual: 2000,
    perUnit: 1,
    lengthVariables: ["KESTREL_POWER_RUNS"],
    seedVariables: ["KESTREL_SEED"],
    tests: ["packages/server/src/journal/power-loss.test.ts"],
  },
  network: {
    option: "rounds",
    usual: 20,
    perUnit: 1,
    lengthVariables: ["KESTREL_PARTITION_ROUNDS"],
    seedVariables: ["KESTREL_PARTITION_SEED", "KESTREL_CONNECTIONS_SEED"],
    tests: ["test/network"],
  },
  "full-disk": {
    option: "rounds",
    usual: 50,
    perUnit: 1,
    lengthVariables: ["KESTREL_FULL_ROUNDS", "KESTREL_TAMPER_ROUNDS"],
    seedVariables: ["KESTREL_TAMPER_SEED"],
    tests: ["test/disk"],
  },
};

const { name, values, run, length } = commandLine();
const env = { ...process.env };
for (const variable of run.lengthVariables) env[variable] = String(length * run.perUnit);
if (values.seed !== undefined) for (const variable of run.seedVariables) env[variable] = values.seed;
if (values.transport !== undefined) env.CLIENT_SOAK_TRANSPORT = values.transport;
const root = fileURLToPath(new URL("../..", import.meta.url));
const vitest = spawn("node_modules/.bin/vitest", ["run", "--no-file-parallelism", ...run.tests], {
  cwd: root,
  stdio: ["inherit", "pipe", "inherit"],
  env,
});
const lines: string[] = [];
createInterface(vitest.stdout).on("line", (line) => {
  console.log(line);
  lines.push(line);
});
const [status] = (await once(vitest, "close")) as [number | null];
process.exitCode = status ?? 1;
if (status === 0 && values.report) {
  writeFigures(`${root}docs/reliability.md`, name, `pnpm ${name} --${run.option} ${length}`, lines);
}

/** Ends the process when it makes no sense. */
function commandLine() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: "string" },
        seconds: { type: "string" },
        minutes: { type: "string" },
        seed: { type: "string" },
        transport: { type: "string" },
        report: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
    if (values.help) {
      process.stdout.write(help);
      process.exit(0);
    }
    const [name = ""] = positionals;
    const run = runs[name];
    if (run === undefined) throw new Error(`which of ${Object.keys(runs).join(", ")}?`);
    const length = Number(values[run.option] ?? run.usual);
    if (!(length > 0)) throw new Error(`--${run.option} wants a number above 0, not "${values[run.option]}"`);
    const others = (["rounds", "seconds", "minutes"] as const).filter((option) => option !== run.option);
    const other = others.find((option) => values[option] !== undefined);
    if (other !== undefined) throw new Error(`${name} takes --${run.option}, not --${other}`);
    return { name, values, run, length };
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${help}`);
    process.exit(2);
  }
}
