// Consumers over small nodes in this process: confirmed, put back, tried again, stopped.

import { afterEach, describe, expect, test } from "vitest";
import type { KestrelClusterClient } from "../cluster-client.ts";
import { ClusterFixture, codeOf, range } from "../testing/cluster-fixture.ts";
import { until } from "../testing/until.ts";
import { retriesIn, withoutRetries, withRetries } from "./attempts.ts";
import type { ConsumedItem, Consumer } from "./consumer.ts";

const toEnd: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function start(length: number, options = {}): Promise<ClusterFixture> {
  const fixture = await ClusterFixture.start(length, options);
  toEnd.push(fixture);
  return fixture;
}

/** A promise to be settled from outside. */
function gate(): { opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

function failures(client: KestrelClusterClient): string[] {
  const log: string[] = [];
  client.on("item:failed", ({ item, action, error }) => log.push(`${item.text()} ${action} ${error}`));
  return log;
}

describe("a consumer", () => {
  test("handles every item of every node once, in each node's order, and confirms it", async () => {
    const { client, nodes } = await start(3);
    for (const [index, node] of nodes.entries())
      node.add("q", ...range(100).map((text) => `${index} ${text}`));
    const seen: string[] = [];
    client.consume("q", (item) => seen.push(item.text()));
    await until(() => nodes.every((node) => node.confirmed.length === 100));
    for (const index of nodes.keys()) {
      const share = seen.filter((text) => text.startsWith(`${index} `));
      expect(share).toEqual(range(100).map((text) => `${index} ${text}`));
    }
    expect(nodes.flatMap(({ returned }) => returned)).toEqual([]);
  });

  test("confirms and opens the next in one round trip", async () => {
    const { client, nodes } = await start(1);
    nodes[0]!.add("q", ...range(10));
    const consumer = client.consume("q", () => {});
    await until(() => nodes[0]!.confirmed.length === 10);
    expect(nodes[0]!.log.filter((line) => line === "get q/close/open")).toHaveLength(10);
    expect(nodes[0]!.log.filter((line) => line === "get q/close")).toHaveLength(0);
    await consumer.stop();
  });

  test("has no more items open than handlers, and as many handlers at work as it may", async () => {
    const fixture = await start(2);
    for (const node of fixture.nodes) node.add("q", ...range(50));
    let running = 0;
    let most = 0;
    const held = gate();
    const consumer = fixture.client.consume(
      "q",
      async () => {
        most = Math.max(most, ++running);
        await held.opened;
        running--;
      },
      { concurrency: 5 },
    );
    await until(() => running === 5);
    expect(fixture.openLength("q")).toBe(5);
    expect(consumer.running).toBe(5);
    held.open();
    await until(() => consumer.handled === 100);
    expect(most).toBe(5);
  });

  test("with many handlers, queues and calls on one signal makes Node warn of nothing", async () => {
    const { client, nodes } = await start(2);
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    const { signal } = new AbortController();
    const queues = range(20).map((text) => `q${text}`);
    const consumer = client.consume(queues, () => {}, { concurrency: 30, signal });
    for (const queue of queues) nodes[0]!.add(queue, "x");
    await Promise.all(queues.map((queue) => client.put(queue, "y", { signal })));
    await Promise.all(queues.map((queue) => client.get(`${queue}-other`, { wait: 10, signal })));
    await until(() => consumer.handled === 40);
    await consumer.stop();
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });

  test("waits for items wherever they come, and is fair to the nodes", async () => {
    const { client, nodes } = await start(3);
    const seen: string[] = [];
    client.consume("q", (item) => seen.push(item.node));
    for (const node of [...nodes, ...nodes]) {
      await until(() => nodes.every((each) => each.waitersLength("q") === 1));
      const before = seen.length;
      node.add("q", "x");
      await until(() => seen.length === before + 1);
      expect(seen.at(-1)).toBe(node.address);
    }
    for (const node of nodes) node.add("q", ...range(200));
    await until(() => seen.length === 606);
    // Nobody is left behind until the others are empty.
    expect(new Set(seen.slice(6, 206)).size).toBe(3);
  });

  test("prefers the queues that are named first", async () => {
    const { client, nodes } = await start(2);
    for (const node of nodes) {
      node.add("low", ...range(20));
      node.add("high", ...range(20));
    }
    const seen: string[] = [];
    client.consume(["high", "low"], (item) => {
      seen.push(item.queue);
      if (seen.length === 50) nodes[0]!.add("high", "late");
    });
    await until(() => seen.length === 81);
    expect(seen.slice(0, 40).every((queue) => queue === "high")).toBe(true);
    expect(seen.lastIndexOf("high")).toBe(50);
    // Idle, it waits at both.
    nodes[1]!.add("low", "x");
    await until(() => seen.length === 82);
    nodes[1]!.add("high", "x");
    await until(() => seen.length === 83);
  });

  test("of several queues loses nothing when items come for all of them at once", async () => {
    const { client, nodes } = await start(2);
    const seen: string[] = [];
    client.consume(["a", "b", "c"], (item) => seen.push(item.text()), { concurrency: 2 });
    for (let turn = 0; turn < 20; turn++) {
      for (const node of nodes) for (const queue of ["a", "b", "c"]) node.add(queue, `${turn} ${queue}`);
      await until(() => seen.length === (turn + 1) * 6);
    }
    await until(() => nodes.reduce((sum, node) => sum + node.confirmed.length, 0) === 120);
  });

  test("works as soon as there is a node", async () => {
    const { client, nodes } = await start(2);
    for (const node of nodes) await node.stop();
    const seen: string[] = [];
    client.consume("q", (item) => seen.push(item.text()));
    const put = client.put("q", "a", { wait: 60_000 });
    await until(() => client.nodes().every(({ state }) => state === "down"));
    await nodes[1]!.start();
    expect(await put).toMatchObject({ stored: true });
    await until(() => seen.length === 1);
  });

  test("says so when an item that it has handled could not be confirmed, and goes on", async () => {
    const { client, nodes } = await start(1);
    nodes[0]!.add("q", "a");
    const codes: string[] = [];
    client.on("item:unconfirmed", ({ error, item }) => codes.push(`${item.text()} ${error.code}`));
    let times = 0;
    client.consume("q", async () => {
      if (++times > 1) return;
      nodes[0]!.breakConnections();
      await until(() => nodes[0]!.items("q").length === 1 || nodes[0]!.openLength("q") === 1);
    });
    await until(() => nodes[0]!.confirmed.length === 1);
    expect(["a lost", "a unknown"]).toContain(codes[0]);
    expect(codes).toHaveLength(1);
    expect(times).toBe(2);
  });

  test.each([
    ["a", { concurrency: 0 }],
    ["a", { concurrency: 1.5 }],
    ["", {}],
    [[], {}],
    [["a", "b/c"], {}],
    ["a", { onFailure: "retry" }],
    ["a", { onFailure: { maxAttempts: 0 } }],
    ["a", { onFailure: { deadLetterQueue: "a.b" } }],
    ["a", { onFailure: { backoff: { minMs: -1 } } }],
  ])("of %j with %j is refused at once", async (queue, options) => {
    const { client } = await start(1);
    expect(() => client.consume(queue, () => {}, options as never)).toThrow(
      expect.objectContaining({ code: "bad-request" }),
    );
  });
});

describe("a handler that fails", () => {
  const backoff = { minMs: 1, maxMs: 5 };

  test("puts the item back in its place by default", async () => {
    const { client, nodes } = await start(1);
    nodes[0]!.add("q", "a", "b");
    const log = failures(client);
    const seen: string[] = [];
    client.consume("q", (item) => {
      seen.push(item.text());
      if (seen.length === 1) throw new Error("not yet");
    });
    await until(() => nodes[0]!.confirmed.length === 2);
    expect(seen).toEqual(["a", "a", "b"]);
    expect(nodes[0]!.confirmed).toEqual(["a", "b"]);
    expect(log).toEqual(["a abort Error: not yet"]);
  });

  test("again and again doesn't run hot", async () => {
    const { client, nodes } = await start(1);
    nodes[0]!.add("q", "a");
    const log = failures(client);
    const consumer = client.consume("q", () => Promise.reject(new Error("never")));
    await until(() => log.length === 2);
    const startedAt = performance.now();
    await until(() => log.length === 4);
    expect(performance.now() - startedAt).toBeGreaterThan(100);
    await consumer.stop();
    expect(nodes[0]!.items("q")).toEqual(["a"]);
  });

  test("loses the item under drop", async () => {
    const { client, nodes } = await start(1);
    nodes[0]!.add("q", "a", "b");
    const log = failures(client);
    client.consume(
      "q",
      (item) => {
        if (item.text() === "a") throw "no error at all";
      },
      { onFailure: "drop" },
    );
    await until(() => nodes[0]!.confirmed.length === 2);
    expect(log).toEqual(["a drop no error at all"]);
  });

  test("gets the item again up to the last attempt, then it is a dead letter, as it was", async () => {
    const { client, nodes } = await start(2);
    await client.put("q", "bad", { flags: 0x0200_0010 });
    await client.put("q", "good");
    const log = failures(client);
    const attempts: string[] = [];
    client.consume(
      "q",
      (item) => {
        attempts.push(`${item.text()} ${item.attempt} ${item.flags}`);
        if (item.text() === "bad") throw new Error("bad");
      },
      { onFailure: { maxAttempts: 3, deadLetterQueue: "dead", backoff } },
    );
    await until(() => nodes.reduce((sum, node) => sum + node.confirmed.length, 0) === 4);
    expect(attempts.toSorted()).toEqual(["bad 1 33554448", "bad 2 33554448", "bad 3 33554448", "good 1 0"]);
    expect(log).toEqual(["bad retry Error: bad", "bad retry Error: bad", "bad dead-letter Error: bad"]);
    expect(await client.get("dead")).toMatchObject({ flags: 0x0200_0010, retries: 0 });
    expect(await client.get("q")).toBeNull();
  });

  test("uses a retry queue, which the consumer reads too; without a dead letter queue the item is dropped", async () => {
    const { client, nodes } = await start(1);
    nodes[0]!.add("q", "a");
    const seen: string[] = [];
    const log = failures(client);
    client.consume(
      "q",
      (item) => {
        seen.push(`${item.queue} ${item.attempt}`);
        throw new Error("bad");
      },
      { onFailure: { retryQueue: "again", maxAttempts: 3, backoff } },
    );
    await until(() => nodes[0]!.confirmed.length === 3);
    expect(seen).toEqual(["q 1", "again 2", "again 3"]);
    expect(log.at(-1)).toBe("a drop Error: bad");
    expect(nodes[0]!.items("again")).toEqual([]);
  });

  test("keeps the item when it can't be put again", async () => {
    const { client, nodes } = await start(1);
    nodes[0]!.add("q", "a");
    failures(client);
    const codes: string[] = [];
    client.on("item:unconfirmed", ({ error }) => codes.push(error.code));
    nodes[0]!.itemsMax = 0;
    const consumer = client.consume("q", () => Promise.reject(new Error("bad")), {
      onFailure: { retryQueue: "again", backoff },
    });
    await until(() => codes.length >= 2);
    expect(new Set(codes)).toEqual(new Set(["unavailable"]));
    await consumer.stop();
    // The node gives it back when it sees the connection end.
    await until(() => nodes[0]!.items("q").length === 1);
    expect(nodes[0]!.items("q")).toEqual(["a"]);
  });

  test("without anybody listening is told by a warning, once", async () => {
    const { client, nodes } = await start(1);
    nodes[0]!.add("q", "a", "b");
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    client.consume("q", () => Promise.reject(new Error("bad")), { onFailure: "drop" });
    await until(() => nodes[0]!.confirmed.length === 2);
    await until(() => warnings.length > 0);
    process.off("warning", onWarning);
    expect(warnings.filter(({ name }) => name === "KestrelConsumerWarning")).toHaveLength(1);
  });
});

describe("stopping", () => {
  test("lets handlers finish and takes nothing new", async () => {
    const fixture = await start(2);
    for (const node of fixture.nodes) node.add("q", ...range(10));
    const held = gate();
    let running = 0;
    const consumer = fixture.client.consume(
      "q",
      async () => {
        running++;
        await held.opened;
      },
      { concurrency: 3 },
    );
    await until(() => running === 3);
    const stopped = consumer.stop();
    held.open();
    await stopped;
    expect(consumer.handled).toBe(3);
    expect(fixture.left("q")).toHaveLength(17);
    expect(fixture.openLength("q")).toBe(0);
    expect(fixture.nodes.every((node) => node.waitersLength("q") === 0)).toBe(true);
  });

  test("while idle is at once, and leaves no poll", async () => {
    const { client, nodes } = await start(2);
    const consumer = client.consume("q", () => {}, { concurrency: 4 });
    await until(() => nodes.every((node) => node.waitersLength("q") === 4));
    await consumer.stop();
    await until(() => nodes.every((node) => node.waitersLength("q") === 0));
  });

  test("at a deadline returns the items of handlers that are not done, and tells them", async () => {
    const fixture = await start(1);
    fixture.nodes[0]!.add("q", "slow", "next");
    const items: ConsumedItem[] = [];
    const held = gate();
    const consumer = fixture.client.consume("q", async (item) => {
      items.push(item);
      await held.opened;
    });
    await until(() => items.length === 1);
    await consumer.stop({ deadline: 10 });
    expect(items[0]!.signal.aborted).toBe(true);
    await until(() => fixture.left("q").length === 2);
    expect(fixture.left("q")).toEqual(["slow", "next"]);
    held.open();
    expect(consumer.handled).toBe(0);
    expect(fixture.nodes[0]!.confirmed).toEqual([]);
  });

  test.each(Array.from({ length: 16 }, (_, turns) => turns))(
    "in the very moment when an item comes, %i turns later: it goes back",
    async (turns) => {
      let onAnswer = (): void => {};
      const { client, nodes } = await start(1, { observe: () => onAnswer() });
      const consumer = client.consume("q", () => new Promise(() => {}));
      await until(() => nodes[0]!.waitersLength("q") === 1);
      let stopped: Promise<void> | undefined;
      const stopAfter = (left: number): void => {
        if (left > 0) queueMicrotask(() => stopAfter(left - 1));
        else stopped = consumer.stop({ deadline: 0 });
      };
      onAnswer = () => {
        onAnswer = () => {};
        stopAfter(turns);
      };
      nodes[0]!.add("q", "a");
      await until(() => stopped !== undefined);
      await stopped;
      await until(() => nodes[0]!.items("q").length === 1);
    },
  );

  test("by a signal, by disposal or by closing the client", async () => {
    const { client, nodes } = await start(1);
    const controller = new AbortController();
    const bySignal = client.consume("a", () => {}, { signal: controller.signal });
    controller.abort();
    await bySignal.finished;
    let disposed: Consumer;
    {
      await using consumer = client.consume("b", () => {});
      disposed = consumer;
    }
    await disposed.finished;
    nodes[0]!.add("c", "x");
    let isAborted = false;
    const byClose = client.consume("c", (item) => {
      item.signal.addEventListener("abort", () => (isAborted = true));
      return new Promise(() => {});
    });
    await until(() => byClose.running === 1);
    await client.close();
    await byClose.finished;
    expect(isAborted).toBe(true);
    await until(() => nodes[0]!.items("c").length === 1);
    expect(() => client.consume("d", () => {})).toThrow(expect.objectContaining({ code: "closed" }));
  });
});

describe("a loop over items", () => {
  test("confirms each when it comes back for the next, and ends after its wait", async () => {
    const { client, nodes } = await start(2);
    for (const node of nodes) node.add("q", ...range(50));
    let count = 0;
    for await (const item of client.items("q", { wait: 0 })) {
      expect(item.isSettled).toBe(false);
      count++;
    }
    expect(count).toBe(100);
    expect(nodes.map(({ confirmed }) => confirmed.length)).toEqual([50, 50]);
  });

  test("puts back what it leaves by break or by throw, unless that was confirmed", async () => {
    const { client, nodes } = await start(1);
    nodes[0]!.add("q", "a", "b", "c");
    for await (const item of client.items("q")) if (item.text() === "b") break;
    expect(nodes[0]!.items("q")).toEqual(["b", "c"]);
    const thrown = (async () => {
      for await (const item of client.items("q")) throw new Error(item.text());
    })();
    await expect(thrown).rejects.toThrow("b");
    expect(nodes[0]!.items("q")).toEqual(["b", "c"]);
    for await (const item of client.items("q")) {
      await item.confirm();
      break;
    }
    expect(nodes[0]!.items("q")).toEqual(["c"]);
    for await (const item of client.items("q", { wait: 0 })) await item.confirm();
    expect(nodes[0]!.confirmed).toEqual(["a", "b", "c"]);
  });

  test("waits for ever by default, and is ended by its signal", async () => {
    const { client, nodes } = await start(2);
    const controller = new AbortController();
    const seen: string[] = [];
    const loop = (async () => {
      for await (const item of client.items("q", { signal: controller.signal })) seen.push(item.text());
    })();
    await until(() => nodes.every((node) => node.waitersLength("q") === 1));
    nodes[1]!.add("q", "a");
    await until(() => nodes[1]!.confirmed.length === 1);
    controller.abort();
    expect(await codeOf(loop)).toBe("aborted");
    expect(seen).toEqual(["a"]);
  });

  test("ends with the client", async () => {
    const { client, nodes } = await start(1);
    nodes[0]!.add("q", "a");
    const loop = (async () => {
      for await (const _item of client.items("q")) await client.close();
    })();
    expect(await codeOf(loop)).toBe("closed");
    await until(() => nodes[0]!.items("q").length === 1);
  });

  test("goes on after an item whose connection broke, and says so", async () => {
    const { client, nodes } = await start(1);
    nodes[0]!.add("q", "a", "b");
    const codes: string[] = [];
    client.on("item:unconfirmed", ({ error }) => codes.push(error.code));
    const seen: string[] = [];
    for await (const item of client.items("q", { wait: 500 })) {
      seen.push(item.text());
      if (seen.length > 1) continue;
      nodes[0]!.breakConnections();
      await until(() => item.isLost);
    }
    expect(seen).toEqual(["a", "a", "b"]);
    expect(codes).toEqual(["lost"]);
  });
});

test("retries are kept in bits that leave the other flags alone", () => {
  expect(withRetries(0xff00_ffff, 3)).toBe(0xff03_ffff);
  expect(retriesIn(0xff03_ffff)).toBe(3);
  expect(withoutRetries(0xff03_ffff)).toBe(0xff00_ffff);
  expect(retriesIn(withRetries(16, 1_000))).toBe(255);
});
