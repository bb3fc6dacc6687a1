// One node's connections: which requests share one, how many there are, and what becomes of them.

import { afterEach, expect, test } from "vitest";
import { renderMiss, renderReply } from "../../testing/binary-frames.ts";
import { FakeKestrel } from "../../testing/fake-kestrel.ts";
import { ScriptedServer } from "../../testing/scripted-server.ts";
import { until } from "../../testing/until.ts";
import { TransportError } from "../transport-error.ts";
import { MemcacheTransport, type MemcacheTransportOptions } from "./memcache-transport.ts";

const toEnd: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function startNode(): Promise<FakeKestrel> {
  const node = await FakeKestrel.start();
  toEnd.push(node);
  return node;
}

function createTransport(port: number, options: Partial<MemcacheTransportOptions> = {}): MemcacheTransport {
  const transport = new MemcacheTransport({
    host: "127.0.0.1",
    port,
    connectTimeoutMs: 5_000,
    timeoutMs: 5_000,
    replyBytesMax: 1_000_000,
    readConnectionsMax: 10,
    idleMs: 5_000,
    waitingMax: 10_000,
    waitingBytesMax: 1_000_000_000,
    ...options,
  });
  toEnd.push({ [Symbol.asyncDispose]: () => transport.close() });
  return transport;
}

async function failure(promise: Promise<unknown>): Promise<TransportError> {
  const outcome = await promise.then(
    (value) => `resolved with ${JSON.stringify(value)}`,
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(TransportError);
  return outcome as TransportError;
}

const item = { data: Buffer.from("x"), flags: 0, expiry: 0 };

test("puts share one connection; every open read has its own", async () => {
  const node = await startNode();
  const transport = createTransport(node.port);
  await Promise.all(Array.from({ length: 20 }, () => transport.put("q", item)));
  expect(node.connectionsTotal).toBe(1);
  const reads = await Promise.all([1, 2, 3].map(() => transport.openRead("q", 0)));
  expect(node.connectionsTotal).toBe(4);
  for (const read of reads) await read!.confirm();
  expect(node.confirmed).toHaveLength(3);
});

test("flags come back as they were put", async () => {
  const node = await startNode();
  const transport = createTransport(node.port);
  await transport.put("q", { ...item, flags: 0xfedc_ba98 });
  expect((await transport.openRead("q", 0))!.flags).toBe(0xfedc_ba98);
});

test("confirming and opening the next is one request", async () => {
  const node = await startNode();
  const transport = createTransport(node.port);
  node.add("q", "a", "b");
  const first = await transport.openRead("q", 0);
  const second = await first!.confirmAndOpen();
  expect(second!.data.toString()).toBe("b");
  expect(await second!.confirmAndOpen()).toBeNull();
  expect(node.log).toEqual(["get q/open", "get q/close/open", "get q/close/open"]);
  expect(node.confirmed).toEqual(["a", "b"]);
  // The connection is free again.
  await transport.openRead("q", 0);
  expect(node.connectionsTotal).toBe(1);
});

test("an aborted wait ends its connection, so that the node hands the item to somebody else", async () => {
  const node = await startNode();
  const transport = createTransport(node.port);
  const controller = new AbortController();
  const waiting = failure(transport.openRead("q", 60_000, controller.signal));
  await until(() => node.waitersLength("q") === 1);
  node.add("q", "on its way");
  controller.abort();
  expect((await waiting).kind).toBe("aborted");
  await until(() => node.items("q").length === 1);
  expect((await transport.openRead("q", 0))!.data.toString()).toBe("on its way");
});

test("a read that isn't answered in time ends its connection: the item of the late answer goes back", async () => {
  const node = await startNode();
  const transport = createTransport(node.port, { timeoutMs: 50 });
  node.add("q", "a");
  node.pause();
  expect((await failure(transport.openRead("q", 0))).kind).toBe("no-answer");
  node.resume();
  await until(() => node.connections === 0);
  expect(node.items("q")).toEqual(["a"]);
});

test("a wait may last longer than the time-out", async () => {
  const node = await startNode();
  const transport = createTransport(node.port, { timeoutMs: 50 });
  const waiting = transport.openRead("q", 60_000);
  await until(() => node.waitersLength("q") === 1);
  await new Promise((resolve) => setTimeout(resolve, 120));
  node.add("q", "a");
  expect((await waiting)!.data.toString()).toBe("a");
});

test("connections for reads end when they are not used", async () => {
  const node = await startNode();
  const transport = createTransport(node.port, { idleMs: 20 });
  expect(await transport.openRead("q", 0)).toBeNull();
  expect(node.connections).toBe(1);
  await until(() => node.connections === 0);
  expect(await transport.openRead("q", 0)).toBeNull();
});

test("waiting reads beyond the limit wait for a connection, in their order", async () => {
  const node = await startNode();
  const transport = createTransport(node.port, { readConnectionsMax: 2 });
  const got: string[] = [];
  const reads = ["a", "b", "c", "d"].map(async (queue) => {
    const read = await transport.openRead(queue, 60_000);
    got.push(read!.data.toString());
    await read!.confirm();
  });
  await until(() => node.waitersLength("a") === 1 && node.waitersLength("b") === 1);
  expect(node.connections).toBe(2);
  for (const queue of ["b", "c", "d", "a"]) {
    node.add(queue, queue);
    await until(() => got.includes(queue));
  }
  await Promise.all(reads);
  expect(got).toEqual(["b", "c", "d", "a"]);
  expect(node.connectionsTotal).toBe(2);
});

test("an applicant for a connection may leave, and a broken one makes room", async () => {
  const node = await startNode();
  const transport = createTransport(node.port, { readConnectionsMax: 1 });
  const first = failure(transport.openRead("a", 60_000));
  await until(() => node.waitersLength("a") === 1);
  const controller = new AbortController();
  const leaving = failure(transport.openRead("b", 60_000, controller.signal));
  const staying = transport.openRead("c", 60_000);
  controller.abort();
  expect((await leaving).kind).toBe("aborted");
  node.breakConnections();
  expect((await first).kind).toBe("no-answer");
  await until(() => node.waitersLength("c") === 1);
  node.add("c", "c");
  expect((await staying)!.data.toString()).toBe("c");
});

test("puts that wait for their turn are bounded", async () => {
  const node = await startNode();
  const transport = createTransport(node.port, { waitingMax: 5 });
  const puts = Array.from({ length: 8 }, () => transport.put("q", item));
  const outcomes = await Promise.allSettled(puts);
  const busy = outcomes.filter((outcome) => outcome.status === "rejected");
  // The first five wait for the connection.
  expect(busy.map(({ reason }) => (reason as TransportError).kind)).toEqual(["busy", "busy", "busy"]);
  expect(node.stored).toHaveLength(5);
});

test("and so are their bytes", async () => {
  const node = await startNode();
  const transport = createTransport(node.port, { waitingBytesMax: 250 });
  const puts = Array.from({ length: 5 }, () => transport.put("q", { ...item, data: Buffer.alloc(100, "x") }));
  const outcomes = await Promise.allSettled(puts);
  expect(outcomes.map(({ status }) => status)).toEqual([
    ...["fulfilled", "fulfilled", "fulfilled"],
    ...["rejected", "rejected"],
  ]);
  // What has gone makes room.
  expect(await transport.put("q", { ...item, data: Buffer.alloc(10_000, "x") })).toBe("stored");
});

test("while more reads wait than there may be connections, each gets its turn", async () => {
  const node = await startNode();
  const transport = createTransport(node.port, { readConnectionsMax: 2 });
  const queues = ["a", "b", "c", "d", "e", "f"];
  const seen: string[] = [];
  const readers = queues.map(async (queue) => {
    let read = null;
    while (read === null) read = await transport.openRead(queue, 60_000);
    seen.push(read.data.toString());
    await read.confirm();
  });
  await until(() => node.waitersLength("a") + node.waitersLength("b") === 2);
  for (const queue of ["a", "b"]) node.add(queue, queue);
  await until(() => seen.length === 2);
  // The others come and go, each in its turn, though nothing has come for those who are there.
  for (const queue of ["f", "e", "d", "c"]) node.add(queue, queue);
  await Promise.all(readers);
  expect(seen.toSorted()).toEqual(queues);
});

test("connections for reads are made a few at a time, and nobody waits for a node that is not there", async () => {
  const node = await startNode();
  const transport = createTransport(node.port, { readConnectionsMax: 1_000 });
  const many = Array.from({ length: 200 }, (_, index) => `q${index}`);
  expect(await Promise.all(many.map((queue) => transport.openRead(queue, 0)))).toEqual(many.map(() => null));
  await node.stop();
  await until(() => node.connections === 0);
  const failures = await Promise.all(many.map((queue) => failure(transport.openRead(queue, 60_000))));
  // One may have been lent a connection that the node had just ended.
  const kinds = failures.map(({ kind }) => kind).filter((kind) => kind !== "no-answer");
  expect(new Set(kinds)).toEqual(new Set(["unreachable"]));
});

test("a put larger than all that may be in flight still goes", async () => {
  const node = await startNode();
  const transport = createTransport(node.port);
  const data = Buffer.alloc(17 * 1024 * 1024, "x");
  const answers = await Promise.all([1, 2].map(() => transport.put("q", { ...item, data })));
  expect(answers).toEqual(["stored", "stored"]);
});

test("an aborted put that waits for its turn is taken back", async () => {
  const node = await startNode();
  const transport = createTransport(node.port);
  const controller = new AbortController();
  const aborted = failure(transport.put("q", item, controller.signal));
  const other = transport.put("q", { ...item, data: Buffer.from("y") });
  controller.abort();
  expect((await aborted).kind).toBe("aborted");
  await other;
  expect(node.items("q")).toEqual(["y"]);
});

test.each([
  [0x04, "invalid"],
  [0x08, "forbidden"],
  [0x20, "unauthorized"],
  [0x81, "failed"],
  [0x82, "failed"],
  [0x85, "unavailable"],
  [0x86, "unavailable"],
  [0x1234, "failed"],
])("status %i is an answer, %s, and surely nothing happened", async (status, kind) => {
  const server = await ScriptedServer.start((request, socket) => {
    socket.write(renderReply(request.opcode, request.opaque, { status, value: "some text" }));
  });
  toEnd.push(server);
  const transport = createTransport(server.port);
  const errors = await Promise.all([
    failure(transport.put("q", item)),
    failure(transport.openRead("q", 0)),
    failure(transport.peek("q")),
    failure(transport.deleteQueue("q")),
    failure(transport.ping()),
  ]);
  for (const error of errors) expect(error).toMatchObject({ kind, mayHaveHappened: false });
});

test("a read that is refused leaves nothing open behind", async () => {
  const server = await ScriptedServer.start((request, socket) => {
    if (request.key === "q/close") socket.write(renderReply(0, request.opaque, { status: 0x86 }));
    else if (request.connection === 1)
      socket.write(renderReply(0, request.opaque, { extras: Buffer.alloc(4) }));
    else socket.write(renderMiss(request));
  });
  toEnd.push(server);
  const transport = createTransport(server.port);
  const read = await transport.openRead("q", 0);
  expect((await failure(read!.confirm())).kind).toBe("unavailable");
  expect(await transport.openRead("q", 0)).toBeNull();
  expect(server.log).toEqual(["q/open@1", "q/close@1", "q/open@2"]);
});

test("close lets what was sent be answered, turns away the rest, and returns open reads", async () => {
  const node = await startNode();
  const transport = createTransport(node.port);
  node.add("q", "open");
  await transport.openRead("q", 0);
  await transport.put("warm", item);
  const sent = transport.put("r", item);
  await transport.close();
  expect(await sent).toBe("stored");
  await until(() => node.connections === 0);
  expect(node.items("q")).toEqual(["open"]);
  expect((await failure(transport.put("r", item))).kind).toBe("closed");
  expect((await failure(transport.openRead("r", 0))).kind).toBe("closed");
  expect((await failure(transport.stats())).kind).toBe("closed");
});

test("close turns away who waits for a connection before what is under way gives one back", async () => {
  const node = await startNode();
  const transport = createTransport(node.port, { readConnectionsMax: 1 });
  node.add("q", "a", "b");
  const read = await transport.openRead("q", 0);
  const applicant = failure(transport.openRead("q", 60_000));
  const confirmed = read!.confirm();
  await transport.close();
  await confirmed;
  expect((await applicant).kind).toBe("closed");
  await until(() => node.connections === 0);
  expect(node.items("q")).toEqual(["b"]);
});

test("close gives up connections that are being made", async () => {
  // Of who wants to say who he is, nobody hears anything here.
  const server = await ScriptedServer.start(() => {});
  toEnd.push(server);
  const credentials = { username: "shop", password: "x" };
  const transport = createTransport(server.port, { credentials, connectTimeoutMs: 600_000 });
  const { signal } = new AbortController();
  const asked = [
    transport.openRead("q", 0, signal),
    transport.openRead("q", 60_000),
    transport.put("q", item),
  ];
  const failures = asked.map(failure);
  await until(() => server.requests.length === asked.length);
  await transport.close();
  expect((await Promise.all(failures)).map(({ kind }) => kind)).toEqual(asked.map(() => "closed"));
  await until(() => server.sockets.size === 0);
});
