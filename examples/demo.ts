/**
 * Three nodes, four producers, four consumers, 30,000 numbered items, and one node that is killed half-way and
 * comes back on its journal: nothing may be lost, and every node must keep its order. Exits with 1 otherwise.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { KestrelClientError, KestrelClusterClient } from "@kestrel-mq/client";
import { Account, type DemoItem } from "./demo/account.ts";
import { DemoNode, findFreePorts } from "./demo/node.ts";

const itemCount = 30_000;
const producerCount = 4;
const consumerCount = 4;
const killAt = itemCount / 2;
const restartAt = (itemCount * 2) / 3;
const secondsMax = 60;

const account = new Account();
const steps = new EventTarget();
const startedAt = performance.now();
const seconds = (): string => ((performance.now() - startedAt) / 1000).toFixed(1).padStart(5);
const say = (what: string, text: string): void => console.log(`${seconds()} s  ${what.padEnd(8)} ${text}`);

/** One consumer reads one queue, so that the order in which a node gives it back can be judged exactly. */
const queueOf = (consumer: number): string => `work-${consumer}`;

async function produce(servers: string[], producer: number): Promise<void> {
  await using client = new KestrelClusterClient({ servers, strategy: "round-robin" });
  for (let number = 1; number <= itemCount / producerCount; number++) {
    // Each queue gets its items from all producers, over all nodes.
    const queue = queueOf(1 + (Math.floor(number / 3) % consumerCount));
    await putUntilStored(client, queue, { producer, number, attempt: 1 });
    steps.dispatchEvent(new Event("stored"));
  }
}

async function putUntilStored(client: KestrelClusterClient, queue: string, item: DemoItem): Promise<void> {
  for (;;) {
    try {
      const outcome = await client.put(queue, JSON.stringify(item));
      if (!outcome.stored) throw new Error(`${outcome.node} refused an item: ${outcome.reason}`);
      account.store(item);
      return;
    } catch (error) {
      if (!(error instanceof KestrelClientError)) throw error;
      // The connection broke while a put was under way: it may have happened. Better twice than never.
      if (error.code === "unknown") {
        account.unknownPuts++;
        item.attempt++;
      } else if (error.code === "no-node" || error.code === "unavailable") await pause(50);
      else throw error;
    }
  }
}

/** Opens and confirms items until all have been put and every node says that nothing is there. */
async function consume(servers: string[], consumer: number, isAllPut: () => boolean): Promise<void> {
  await using client = new KestrelClusterClient({ servers, strategy: "round-robin" });
  const queue = queueOf(consumer);
  for (;;) {
    const wasAllPut = isAllPut();
    try {
      const item = await client.open(queue, { wait: 500 });
      if (item === null) {
        if (wasAllPut) return;
        continue;
      }
      account.see(item.node, queue, item.json() as DemoItem);
      await item.confirm();
    } catch (error) {
      // A node is down, or went down before it heard of the confirming: then the item will come back.
      if (!(error instanceof KestrelClientError)) throw error;
      await pause(50);
    }
  }
}

/** Resolves when that many items have been stored. */
function untilStored(count: number): Promise<void> {
  return new Promise((resolve) => {
    if (account.stored >= count) return resolve();
    steps.addEventListener("stored", function check() {
      if (account.stored < count) return;
      steps.removeEventListener("stored", check);
      resolve();
    });
  });
}

async function run(nodes: DemoNode[]): Promise<void> {
  const servers = nodes.map((node) => node.address);
  const victim = nodes[1]!;
  await Promise.all(nodes.map((node) => node.start()));
  say("start", `three nodes, each with a journal of its own: ${servers.join(", ")}`);

  say(
    "put",
    `${producerCount} producers put ${format(itemCount)} numbered items, round robin over the nodes`,
  );
  say("read", `${consumerCount} consumers open each item, and confirm it when they have it`);
  let isAllPut = false;
  const producers = Array.from({ length: producerCount }, (_, i) => produce(servers, i + 1));
  const consumers = Array.from({ length: consumerCount }, (_, i) => consume(servers, i + 1, () => isAllPut));
  const accident = (async () => {
    await untilStored(killAt);
    await victim.end("SIGKILL");
    say("kill", `${format(account.stored)} put, ${format(account.read)} read: SIGKILL to ${victim.address}`);
    await untilStored(restartAt);
    await victim.start();
    say(
      "restart",
      `${format(account.stored)} put, ${format(account.read)} read: it is back on the same journal`,
    );
  })();
  const allPut = Promise.all(producers).then(() => {
    isAllPut = true;
    say("put", `all ${format(account.stored)} items are put`);
  });
  await Promise.all([allPut, accident, ...consumers]);
  say("read", "every node says that nothing is left");
}

function report(): void {
  const line = (name: string, count: number, remark: string): void =>
    console.log(`  ${name.padEnd(22)}${format(count).padStart(8)}   ${remark}`.trimEnd());
  console.log();
  line("put", account.stored, "");
  line("  outcome unknown", account.unknownPuts, "the kill came before the answer; put again");
  line("read", account.read, "");
  line("  redelivered", account.redelivered, "the kill came between reading and confirming");
  line("  second copies", account.secondCopies, "of puts whose outcome was unknown");
  line("lost", account.lost, account.lost === 0 ? "" : "MUST BE 0");
  console.log(
    `\n  ${"node".padEnd(22)}${"read".padStart(8)}${"redelivered".padStart(14)}${"order violations".padStart(19)}`,
  );
  for (const [node, { read, redelivered, orderViolations }] of [...account.nodes].sort()) {
    const numbers = `${format(read).padStart(8)}${format(redelivered).padStart(14)}${format(orderViolations).padStart(19)}`;
    console.log(`  ${node.padEnd(22)}${numbers}${orderViolations === 0 ? "" : "   MUST BE 0"}`);
  }
  console.log();
}

function format(count: number): string {
  return count.toLocaleString("en");
}

async function main(): Promise<void> {
  console.log(
    `Three nodes, ${producerCount} producers, ${consumerCount} consumers; one node is killed half-way.\n`,
  );
  const folder = await mkdtemp(join(tmpdir(), "kestrel-demo-"));
  const ports = await findFreePorts(3);
  const nodes = ports.map((port, i) => new DemoNode(join(folder, `node-${i + 1}`), port));
  process.on("exit", () => {
    for (const node of nodes) node.killNow();
  });
  const limit = setTimeout(() => {
    console.error(`not done after ${secondsMax} s`);
    report();
    process.exit(1);
  }, secondsMax * 1000);
  try {
    await run(nodes);
  } finally {
    clearTimeout(limit);
    await Promise.all(nodes.map((node) => node.end("SIGTERM")));
    await rm(folder, { recursive: true, force: true });
  }
  report();
  const isGood = account.stored === itemCount && account.read === itemCount && account.lost === 0;
  if (!isGood || account.orderViolations > 0) {
    console.log("Something is off: see above.");
    process.exitCode = 1;
  } else console.log(`Nothing lost, every node in order, in ${seconds().trim()} s.`);
}

await main();
