/**
 * A node that the network is cut off from, between real network namespaces: packets vanish, no end is told. What was
 * reported stored is handled, what was open goes to others, and nobody hangs. KESTREL_PARTITION_ROUNDS sets how often
 * the network goes and comes; where it is set, the kernel's own watch over silent connections is waited for, too.
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { KestrelClientError, KestrelClusterClient } from "@kestrel-mq/client";
import { expect, type TestContext, test } from "vitest";
import { Random } from "../crash/random.ts";
import { AsciiClient } from "../harness/ascii-client.ts";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { TempFolder } from "../harness/temp-folder.ts";
import { type LinkEnd, NetworkNamespace } from "./network-namespace.ts";

const rounds = Number(process.env.KESTREL_PARTITION_ROUNDS ?? 2);
const isLong = process.env.KESTREL_PARTITION_ROUNDS !== undefined;
const ends: readonly LinkEnd[] = ["ours", "theirs"];
const notHere = "left out: this machine doesn't let us make networks of our own";
/** The kernel asks a silent peer after a minute, then every second, ten times. */
const keepAliveMsMax = 120_000;

type Skip = TestContext["skip"];

function leftOut(skip: Skip, why: string): never {
  console.warn(why);
  return skip();
}

/** A node that listens in there, on every link. */
async function startIn(namespace: NetworkNamespace, flags: string[] = []): Promise<KestrelNode> {
  const [host] = namespace.hosts as [string];
  return await KestrelNode.start({
    host,
    command: namespace.command,
    speaksThrift: true,
    flags: ["--listen", "0.0.0.0", ...flags],
  });
}

test.for(["memcache", "thrift"] as const)(
  `what was reported stored is handled, through ${rounds} partitions, over %s`,
  { timeout: 120_000 + rounds * 20_000 },
  async (transport, { skip }) => {
    using namespace = NetworkNamespace.create(1);
    if (namespace === null) return leftOut(skip, notHere);
    const random = Random.announced("KESTREL_PARTITION_SEED");
    await using far = await startIn(namespace);
    await using near = await KestrelNode.start({ speaksThrift: true });
    await using client = new KestrelClusterClient({
      servers: [far, near].map((node) => (transport === "thrift" ? node.thriftAddress : node.address)),
      transport,
      timeoutMs: 500,
      connectTimeoutMs: 300,
    });
    const account = new Account();
    const consumer = client.consume("jobs", (item) => account.handle(item.text()), { concurrency: 4 });
    const producing = [0, 1, 2].map((number) => account.produce(client, `p${number}`));
    for (let round = 0; round < rounds; round++) {
      await account.untilStored(random.whole(50, 500));
      namespace.cut(0, ends[random.whole(0, 1)]!);
      // Some partitions are shorter than any time-out, some outlast them all.
      await pause(random.magnitude(100, 3_000));
      namespace.mend(0);
    }
    await account.untilStored(200);
    account.end();
    await Promise.all(producing);
    await account.untilHandled();
    await consumer.stop();
    const { stored, unknown, handled, doubled } = account;
    expect([...handled].filter((text) => !stored.has(text) && !unknown.has(text))).toEqual([]);
    const all = `${stored.size} stored, ${unknown.size} unknown, ${doubled} handled again`;
    console.log(`${rounds} partitions over ${transport}: ${all}; lost 0`);
  },
);

/** What the producers were told, and what came to the consumer. */
class Account {
  readonly stored = new Set<string>();
  readonly unknown = new Set<string>();
  readonly handled = new Set<string>();
  doubled = 0;
  #isEnding = false;
  #onChange: () => void = () => {};

  handle(text: string): void {
    if (this.handled.has(text)) this.doubled++;
    this.handled.add(text);
    this.#onChange();
  }

  async produce(client: KestrelClusterClient, name: string): Promise<void> {
    for (let number = 0; !this.#isEnding; number++) {
      const text = `${name} ${number}`;
      try {
        const outcome = await client.put("jobs", text);
        if (outcome.stored) this.stored.add(text);
      } catch (error) {
        if (!(error instanceof KestrelClientError)) throw error;
        if (error.code === "unknown") this.unknown.add(text);
        else if (error.code !== "no-node") throw error;
      }
      this.#onChange();
      // Consumers keep up.
      while (this.stored.size - this.handled.size > 2_000) await pause(10);
    }
  }

  end(): void {
    this.#isEnding = true;
  }

  async untilStored(more: number): Promise<void> {
    const wanted = this.stored.size + more;
    await this.#until(() => this.stored.size >= wanted);
  }

  async untilHandled(): Promise<void> {
    await this.#until(() => [...this.stored].every((text) => this.handled.has(text)));
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
      });
    }
  }
}

test.for(ends)(
  "an item open for one who vanished without a word goes to the next, after clientTimeout (%s)",
  async (end, { skip }) => {
    await using folder = await TempFolder.create();
    const config = join(folder.path, "kestrel.json");
    await writeFile(config, JSON.stringify({ clientTimeout: "2s" }));
    await expectReturn(skip, end, ["--config", config], 30_000);
  },
);

test("or, without any setting, once the kernel has asked for him in vain", {
  timeout: 2 * keepAliveMsMax,
}, async ({ skip }) => {
  if (!isLong) return leftOut(skip, "left out: it takes more than a minute; pnpm network has it");
  await expectReturn(skip, "ours", [], keepAliveMsMax);
});

/** The one who vanishes has a link of his own; the next, who waits, has another. */
async function expectReturn(skip: Skip, end: LinkEnd, flags: string[], waitMs: number): Promise<void> {
  using namespace = NetworkNamespace.create(2);
  if (namespace === null) return leftOut(skip, notHere);
  await using node = await startIn(namespace, flags);
  const [lost, kept] = namespace.hosts as [string, string];
  await using next = await AsciiClient.connect(node.port, kept);
  expect(await next.put("jobs", "one")).toBe("STORED");
  const vanishing = await AsciiClient.connect(node.port, lost);
  expect((await vanishing.get("jobs/open"))?.data.toString()).toBe("one");
  namespace.cut(0, end);
  await vanishing[Symbol.asyncDispose]();
  expect((await next.get(`jobs/t=${waitMs}`))?.data.toString()).toBe("one");
}
