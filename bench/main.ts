/**
 * Measures a node in suites, beside a bare Node TCP responder and whatever else is named: each server in a process
 * of its own on one core, the load on the other, rounds interleaved, medians and spreads.
 */

import { parseArgs } from "node:util";
import { factsOf } from "./facts.ts";
import { Load } from "./load-process.ts";
import { performancePage, writeToPage } from "./performance-page.ts";
import { isRivalName, promiseOf, type RivalName, rivalNames, versionOf } from "./rivals.ts";
import { renderSection, type Section } from "./section.ts";
import { client } from "./suites/client.ts";
import { fanouts } from "./suites/fanouts.ts";
import { idle } from "./suites/idle.ts";
import { latency } from "./suites/latency.ts";
import { nodes } from "./suites/nodes.ts";
import { placing } from "./suites/placing.ts";
import { queues } from "./suites/queues.ts";
import { reliable } from "./suites/reliable.ts";
import { shapes } from "./suites/shapes.ts";
import { sizes } from "./suites/sizes.ts";
import { steady } from "./suites/steady.ts";
import type { Bench, Suite } from "./suites/suite.ts";
import { sync } from "./suites/sync.ts";

const suites: readonly Suite[] = [
  shapes,
  reliable,
  latency,
  sync,
  sizes,
  idle,
  queues,
  fanouts,
  steady,
  nodes,
  placing,
  client,
];

const usage = `Measures operations a second of a Kestrel node against a bare Node TCP responder and other servers.

  --suite NAMES     of these, comma-separated, or "all" (shapes):
${suites.map(({ name, about }) => `                      ${name.padEnd(10)}${about}`).join("\n")}
  --against NAMES   comma-separated, or "all": servers to start and measure beside:
${rivalNames.map((name) => `                      ${name.padEnd(16)}${promiseOf(name)}`).join("\n")}
  --target H:P      measure this running server too, which speaks memcache; may be repeated
  --checkout DIR    and the node of this other checkout, built: does a change cost anything? may be repeated
  --rounds N        rounds, each over all loads and servers (5)
  --seconds S       length of one measurement (0.8)
  --bytes N,N       sizes of the items in shapes (100,1024)
  --connections N   with --depth: a load of this shape in place of the suite's own
  --depth N         requests in flight on each connection
  --idle N          connections of the suite idle (10000)
  --behind N        items of the suite steady's backlog (10000000)
  --report          put what is found into docs/performance.md
  --json            print all that is found as one JSON object
  --help`;

interface Options {
  bench: Omit<Bench, "load">;
  suites: readonly Suite[];
  isReport: boolean;
  isJson: boolean;
}

function parseOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      suite: { type: "string", default: "shapes" },
      against: { type: "string", default: "" },
      target: { type: "string", multiple: true, default: [] },
      checkout: { type: "string", multiple: true, default: [] },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "0.8" },
      bytes: { type: "string", default: "100,1024" },
      connections: { type: "string" },
      depth: { type: "string" },
      idle: { type: "string", default: "10000" },
      behind: { type: "string", default: "10000000" },
      report: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const { connections, depth } = values;
  const isShaped = connections !== undefined || depth !== undefined;
  return {
    bench: {
      against: rivalsNamed(values.against),
      running: values.target,
      checkouts: values.checkout,
      rounds: number("rounds", values.rounds),
      seconds: number("seconds", values.seconds),
      itemBytes: values.bytes.split(",").map((text) => number("bytes", text)),
      shape: isShaped
        ? { connections: number("connections", connections ?? "100"), depth: number("depth", depth ?? "1") }
        : null,
      idleConnections: number("idle", values.idle),
      itemsBehind: number("behind", values.behind),
    },
    suites: suitesNamed(values.suite),
    isReport: values.report,
    isJson: values.json,
  };
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} wants a number above 0, not "${text}"`);
  return value;
}

function suitesNamed(names: string): readonly Suite[] {
  if (names === "all") return suites;
  return names.split(",").map((name) => {
    const suite = suites.find((one) => one.name === name);
    if (suite === undefined) throw new Error(`there is no suite "${name}"; see --help`);
    return suite;
  });
}

function rivalsNamed(names: string): readonly RivalName[] {
  const wanted = names === "all" ? rivalNames : names.split(",").filter((name) => name !== "");
  return wanted.map((name) => {
    if (!isRivalName(name)) throw new Error(`--against knows no "${name}"; see --help`);
    if (versionOf(name) === null)
      throw new Error(`${name} is not installed (memcached, redis-server, beanstalkd)`);
    return name;
  });
}

async function main(): Promise<void> {
  const options = parseOptions();
  if (options === null) return console.log(usage);
  const facts = factsOf("pnpm bench", options.bench.against);
  const { rounds, seconds } = options.bench;
  if (!options.isJson) {
    console.log(`${facts.machine}\n${facts.versions}\n${rounds} rounds of ${seconds} s`);
  }
  const sections: Section[] = [];
  const load = new Load();
  try {
    for (const suite of options.suites) {
      process.stderr.write(`${suite.name}\n`);
      const section = await suite.run({ ...options.bench, load });
      sections.push(section);
      if (!options.isJson) console.log(renderSection(section));
      // After each, so that what was found is kept whatever happens to the next.
      if (options.isReport) await writeToPage(performancePage, [section], facts);
    }
  } finally {
    await load.stop();
  }
  if (options.isJson) console.log(JSON.stringify({ facts, rounds, seconds, sections }));
}

await main();
