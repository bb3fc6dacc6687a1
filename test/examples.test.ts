/** The examples do what they say: on nodes of their own, on a cluster that is given to them, and on none. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { KestrelServer, QueueRules } from "@kestrel-mq/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findFreePort } from "./harness/free-port.ts";

const folder = fileURLToPath(new URL("../examples", import.meta.url));

/** A program that hangs is killed after this. */
const runMsMax = 40_000;
const testMsMax = runMsMax + 10_000;

/** The last line of each, which it says when all its checks have held. */
const conclusions: Record<string, string> = {
  "worker-pool": "57 thumbnails, 3 dead letters, of 60 images: all accounted for.",
  "fanout-audit": "Each reader got every order of its time, once.",
  "per-key-order": "Every account is on one node, and in order.",
  "delayed-jobs": "Each in its time.",
  tracing: "each order is one trace, from its put to its shipping.",
  "graceful-shutdown": "all 100 jobs are accounted for.",
};
const names = Object.keys(conclusions);

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(name: string, servers: string): Promise<Ended> {
  const child = spawn(process.execPath, [join(folder, `dist/${name}.js`)], {
    env: { ...process.env, KESTREL_SERVERS: servers },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: runMsMax,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  return { code, signal, stdout, stderr };
}

function expectConclusion(name: string, { code, signal, stdout, stderr }: Ended): void {
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: "" });
  expect(stdout.trimEnd().split("\n").at(-1)).toContain(conclusions[name]);
}

test("every example is run here, but the demo, and is in the README", async () => {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".ts"));
  expect(files.sort()).toEqual([...names, "demo"].map((name) => `${name}.ts`).sort());
  const readme = await readFile(join(folder, "README.md"), "utf8");
  for (const file of files) expect(readme).toContain(`| [${file}](${file}) |`);
});

describe("on nodes of their own", () => {
  test.each(names)("%s", async (name) => expectConclusion(name, await run(name, "")), testMsMax);
});

describe("on three nodes that are given", () => {
  let nodes: KestrelServer[] = [];
  let servers = "";

  beforeAll(async () => {
    const rules = new QueueRules({
      queues: [
        ["reminders-1s", { maxAgeMs: 1_000, expireToQueue: "reminders" }],
        ["reminders-3s", { maxAgeMs: 3_000, expireToQueue: "reminders" }],
      ],
    });
    const start = (): Promise<KestrelServer> =>
      KestrelServer.start({ memcachePort: 0, queuePath: null, rules });
    nodes = await Promise.all([start(), start(), start()]);
    servers = nodes.map((node) => `127.0.0.1:${node.listeners.memcache!.port}`).join(",");
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  });

  test.each(names)(
    "%s",
    async (name) => {
      expectConclusion(name, await run(name, servers));
      // What it has made, it has taken away; what settings name stays, and is empty. So is a queue that a last question
      // of its consumers, on its way when the queue was deleted, has made anew.
      for (const { queues } of nodes) {
        for (const queue of queues.names()) expect([queue, await queues.peek(queue)]).toEqual([queue, null]);
      }
    },
    testMsMax,
  );
});

describe("without a node", () => {
  test.each(names)(
    "%s says so, and exits with 1",
    async (name) => {
      const ended = await run(name, `127.0.0.1:${await findFreePort()}`);
      expect(ended).toMatchObject({ code: 1, signal: null });
      expect(ended.stderr).toContain("KestrelClientError");
      expect(ended.stdout).not.toContain(conclusions[name]);
    },
    testMsMax,
  );
});
