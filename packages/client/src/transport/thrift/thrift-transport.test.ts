// The transport over a small node: many open items on one connection, few calls for many requests, and nothing lost
// when connections end.

import { afterEach, describe, expect, test } from "vitest";
import { FakeThrift } from "../../testing/fake-thrift.ts";
import { ScriptedThrift } from "../../testing/scripted-thrift.ts";
import { until } from "../../testing/until.ts";
import type { OpenRead } from "../transport.ts";
import { TransportError } from "../transport-error.ts";
import { ThriftTransport, type ThriftTransportOptions } from "./thrift-transport.ts";

const toEnd: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function start(
  options: Partial<ThriftTransportOptions> = {},
): Promise<{ node: FakeThrift; transport: ThriftTransport }> {
  const node = await FakeThrift.start();
  const transport = new ThriftTransport({
    host: "127.0.0.1",
    port: node.port,
    connectTimeoutMs: 5_000,
    answerBytesMax: 10_000_000,
    timeoutMs: 5_000,
    readConnectionsMax: 10,
    idleMs: 5_000,
    waitingMax: 10_000,
    waitingBytesMax: 1_000_000_000,
    autoAbortMs: 60_000,
    ...options,
  });
  toEnd.push(node, { [Symbol.asyncDispose]: () => transport.close() });
  return { node, transport };
}

async function failure(promise: Promise<unknown>): Promise<TransportError> {
  const outcome = await promise.then(
    (value) => `resolved with ${value}`,
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(TransportError);
  return outcome as TransportError;
}

function openAll(transport: ThriftTransport, length: number): Promise<(OpenRead | null)[]> {
  return Promise.all(Array.from({ length }, () => transport.openRead("q", 0)));
}

const textsOf = (reads: readonly (OpenRead | null)[]): (string | undefined)[] =>
  reads.map((read) => read?.data.toString());

const LONG_MS = 60_000;

describe("what is asked in one turn", () => {
  test("is one get and one confirm, on one connection, in any order", async () => {
    const { node, transport } = await start();
    node.add("q", "a", "b", "c", "d");
    const reads = await openAll(transport, 4);
    expect(textsOf(reads)).toEqual(["a", "b", "c", "d"]);
    await Promise.all([reads[3]!.confirm(), reads[0]!.abort(), reads[1]!.confirm()]);
    expect(node.confirmed).toEqual(["d", "b"]);
    expect(node.log).toEqual(["get q 4", "abort q 1", "confirm q 2"]);
    expect(node.connectionsTotal).toBe(1);
    await reads[2]!.confirm();
    expect(textsOf(await openAll(transport, 1))).toEqual(["a"]);
  });

  test("confirms and opens next ones in one round trip", async () => {
    const { node, transport } = await start();
    node.add("q", "a", "b", "c");
    const reads = await openAll(transport, 2);
    node.log.length = 0;
    const next = await Promise.all(reads.map((read) => read!.confirmAndOpen()));
    expect(textsOf(next)).toEqual(["c", undefined]);
    // Two were open there before, so that it is certain that there was room.
    expect(node.log).toEqual(["confirm q 2", "get q 2"]);
    expect(node.confirmed).toEqual(["a", "b"]);
    await next[0]!.confirm();
  });
});

describe("a node that lets little be open on one connection", () => {
  test.each([1, 2, 3])("%i: everything is found, over as many connections as it takes", async (openMax) => {
    const { node, transport } = await start();
    node.openMax = openMax;
    node.add("q", "a", "b", "c", "d", "e", "f");
    const reads = await openAll(transport, 8);
    expect(
      textsOf(reads)
        .filter((text) => text !== undefined)
        .toSorted(),
    ).toEqual([...["a", "b", "c", "d", "e", "f"]]);
    expect(node.connectionsTotal).toBeGreaterThanOrEqual(6 / openMax);
    expect(node.connectionsTotal).toBeLessThanOrEqual(8);
    await Promise.all(reads.map((read) => read?.confirm()));
    expect(node.confirmed).toHaveLength(6);
  });

  test("more reads than it has connections for are busy after a while, or get their turn", async () => {
    const { node, transport } = await start({ readConnectionsMax: 2, timeoutMs: 100 });
    node.openMax = 1;
    node.add("q", "a", "b", "c");
    const first = await openAll(transport, 2);
    expect((await failure(transport.openRead("q", 0))).kind).toBe("busy");
    const third = transport.openRead("q", 0);
    await first[0]!.confirm();
    expect((await third)!.data.toString()).toBe("c");
  });

  test("what was confirmed after the question was still open when it was answered: that is no empty queue", async () => {
    const { node, transport } = await start();
    node.openMax = 1;
    const length = 200;
    for (let index = 0; index < length; index++) node.add("q", `${index}`);
    const taking: Promise<string | undefined>[] = [];
    for (let index = 0; index < length; index++) {
      taking.push(
        transport.openRead("q", 0).then(async (read) => {
          await read?.confirm();
          return read?.data.toString();
        }),
      );
      if (index % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(new Set(await Promise.all(taking)).size).toBe(length);
    expect(node.confirmed).toHaveLength(length);
  });

  test("of thousands who found no room each is asked for again where there is some", async () => {
    const { node, transport } = await start({ readConnectionsMax: 100 });
    node.openMax = 20;
    const length = 2_000;
    for (let index = 0; index < length; index++) node.add("q", `${index}`);
    const reads = await openAll(transport, length);
    expect(new Set(textsOf(reads)).size).toBe(length);
    const asked = node.log.map((call) => Number(call.split(" ")[2])).reduce((sum, each) => sum + each);
    expect(asked).toBeLessThan(5 * length);
  });

  test("one that was started anew with another bound is found out", async () => {
    const { node, transport } = await start();
    node.add("q", "a", "b", "c");
    await Promise.all((await openAll(transport, 3)).map((read) => read!.confirm()));
    node.openMax = 1;
    node.breakConnections();
    await until(() => node.connections === 0);
    node.add("q", "d", "e");
    expect(textsOf(await openAll(transport, 2)).toSorted()).toEqual(["d", "e"]);
  });
});

describe("a wait", () => {
  test("has a connection of its own, and holds up nobody", async () => {
    const { node, transport } = await start();
    const waiting = transport.openRead("q", LONG_MS);
    await until(() => node.waitersLength("q") === 1);
    node.add("other", "x");
    expect((await transport.openRead("other", 0))!.data.toString()).toBe("x");
    expect(await transport.openRead("other", 0)).toBeNull();
    node.add("q", "late");
    const read = await waiting;
    expect(read!.data.toString()).toBe("late");
    await read!.confirm();
    expect(node.confirmed).toEqual(["late"]);
  });

  test("is called off at the node", async () => {
    const { node, transport } = await start();
    const controller = new AbortController();
    const waiting = failure(transport.openRead("q", LONG_MS, controller.signal));
    await until(() => node.waitersLength("q") === 1);
    controller.abort();
    expect((await waiting).kind).toBe("aborted");
    await until(() => node.waitersLength("q") === 0 && node.connections === 0);
  });

  test("called off while an item is on its way gives it back, also to a node that keeps open reads", async () => {
    const { node, transport } = await start();
    node.abortsOnDisconnect = false;
    const controller = new AbortController();
    const waiting = failure(transport.openRead("q", LONG_MS, controller.signal));
    await until(() => node.waitersLength("q") === 1);
    node.add("q", "a");
    controller.abort();
    expect((await waiting).kind).toBe("aborted");
    await until(() => node.items("q").length === 1);
    expect(node.returned).toEqual(["a"]);
  });
});

describe("an item whose connection has ended", () => {
  test("has gone back, and its confirm says so", async () => {
    const { node, transport } = await start();
    node.add("q", "a", "b");
    const reads = await openAll(transport, 2);
    node.breakConnections();
    await until(() => node.open.size === 0);
    await until(() => reads.every((read) => read!.isLost));
    for (const read of reads) expect((await failure(read!.confirm())).kind).toBe("lost");
    expect((await failure(reads[0]!.confirm())).kind).toBe("lost");
    await reads[1]!.abort();
    expect(node.items("q").toSorted()).toEqual(["a", "b"]);
  });

  test("is confirmed over another one if the node still has it open", async () => {
    const { node, transport } = await start();
    node.abortsOnDisconnect = false;
    node.add("q", "a", "b");
    const reads = await openAll(transport, 2);
    node.breakConnections();
    await until(() => reads.every((read) => read!.isLost));
    await Promise.all(reads.map((read) => read!.confirm()));
    expect(node.confirmed).toEqual(["a", "b"]);
  });

  test("of a node that is gone is lost", async () => {
    const { node, transport } = await start();
    node.add("q", "a");
    const [read] = await openAll(transport, 1);
    await node[Symbol.asyncDispose]();
    await until(() => read!.isLost);
    expect((await failure(read!.confirm())).kind).toBe("lost");
    await read!.abort();
  });
});

test("of confirms that went together, of which the node has done some, it is not known which", async () => {
  const { node, transport } = await start();
  node.add("q", "a", "b", "c");
  const reads = await openAll(transport, 3);
  node.open.delete([...node.open.keys()][1]!);
  const errors = await Promise.all(reads.map((read) => failure(read!.confirm())));
  for (const error of errors) expect([error.kind, error.mayHaveHappened]).toEqual(["uncertain", true]);
  expect(node.confirmed).toEqual(["a", "c"]);
});

test("a confirm is a confirm, also when the node gives nothing out any more", async () => {
  const { node, transport } = await start();
  node.add("q", "a", "b");
  const [read] = await openAll(transport, 1);
  node.givesReads = false;
  expect(await read!.confirmAndOpen()).toBeNull();
  expect(node.confirmed).toEqual(["a"]);
  expect((await failure(transport.openRead("q", 0))).kind).toBe("unavailable");
});

describe("batches", () => {
  test("are one call, and say how many were taken", async () => {
    const { node, transport } = await start();
    node.itemsMax = 2;
    const items = ["a", "b", "c"].map((text) => Buffer.from(text));
    expect(await transport.putMany("q", { items, flags: 0x0200_0010, expiry: 0 })).toBe(2);
    expect(await transport.put("q", { data: items[2]!, flags: 0, expiry: 0 })).toBe("full");
    const reads = await transport.openMany("q", 10);
    expect(reads.map(({ data, flags }) => [data.toString(), flags])).toEqual([
      ["a", 0x0200_0010],
      ["b", 0x0200_0010],
    ]);
    await Promise.all(reads.map((read) => read.confirm()));
    expect(node.log).toEqual(["put q 3", "put q 1", "get q 10", "confirm q 2"]);
    expect(await transport.openMany("q", 10)).toEqual([]);
  });

  test("asked for more than there can be under way, they are what may be", async () => {
    const { node, transport } = await start();
    node.add("q", "a", "b");
    const [reads, others] = await Promise.all([
      transport.openMany("q", 1_000_000_000),
      transport.openMany("other", 1_000_000_000),
    ]);
    expect(reads.map(({ data }) => data.toString())).toEqual(["a", "b"]);
    expect(others).toEqual([]);
    await Promise.all(reads.map((read) => read.confirm()));
  });

  test("an expiry that thrift can't say is refused before it is sent", async () => {
    const { node, transport } = await start();
    const late = { data: Buffer.from("a"), flags: 0, expiry: Math.ceil(Date.now() / 1000) + 30 * 24 * 3600 };
    expect((await failure(transport.put("q", late))).kind).toBe("invalid");
    expect(node.log).toEqual([]);
  });
});

test("close lets confirms be answered, tells the node what goes back, and leaves no connection", async () => {
  const { node, transport } = await start();
  node.abortsOnDisconnect = false;
  node.add("q", "a", "b");
  const reads = await openAll(transport, 2);
  const confirmed = reads[0]!.confirm();
  await transport.close();
  await confirmed;
  await until(() => node.connections === 0);
  expect(node.confirmed).toEqual(["a"]);
  expect(node.items("q")).toEqual(["b"]);
  expect((await failure(transport.openRead("q", 0))).kind).toBe("closed");
  expect((await failure(transport.put("q", { data: Buffer.from("x"), flags: 0, expiry: 0 }))).kind).toBe(
    "closed",
  );
});

test("close gives up connections that are being made", async () => {
  // Of who wants to say who he is, nobody hears anything here.
  const server = await ScriptedThrift.start(() => {});
  toEnd.push(server);
  const credentials = { username: "shop", password: "x" };
  const { transport } = await start({ port: server.port, credentials, connectTimeoutMs: 600_000 });
  const put = transport.put("q", { data: Buffer.from("x"), flags: 0, expiry: 0 });
  const asked = [...Array.from({ length: 12 }, () => transport.openRead("q", 60_000)), put];
  const failures = asked.map(failure);
  // Of those for reads there may be ten.
  await until(() => server.calls.length === 11);
  await transport.close();
  expect((await Promise.all(failures)).map(({ kind }) => kind)).toEqual(asked.map(() => "closed"));
  await until(() => server.sockets.size === 0);
});

test("it is drained when nothing is open or waited for", async () => {
  const { node, transport } = await start();
  node.add("q", "a");
  const [read] = await openAll(transport, 1);
  let isDrained = false;
  const drained = transport.drained().then(() => (isDrained = true));
  await transport.ping();
  expect(isDrained).toBe(false);
  await read!.confirm();
  await drained;
});

test("connections without use are ended", async () => {
  const { node, transport } = await start({ idleMs: 20 });
  expect(await openAll(transport, 1)).toEqual([null]);
  await until(() => node.connections === 0);
});
