import { expect, test } from "vitest";
import { TestPort } from "../testing/fake-connection.ts";
import type { MonitorRequest, Reply } from "./request.ts";
import { Session } from "./session.ts";

const monitor: MonitorRequest = { kind: "monitor", queue: "q", waitMs: 1000, lengthMax: null };

/** Notes the items that it is given, "end" for the end of a monitor, and other answers by their kind. */
class Client {
  readonly address = "here";
  isReady = true;
  readonly session: Session;
  readonly #heard: string[] = [];

  constructor(port: TestPort) {
    this.session = new Session(port.host, this);
  }

  reply(reply: Reply): void {
    if (reply.kind === "item") {
      const { buffer, start, end } = reply.item;
      this.#heard.push(buffer.toString("utf8", start, end));
    } else {
      this.#heard.push(reply.kind === "nothing" ? "end" : reply.kind);
    }
  }

  holdFor(): void {}

  /** What was heard since the last time. */
  heard(): string[] {
    return this.#heard.splice(0);
  }
}

async function start(maxOpenTransactions = 10): Promise<{ port: TestPort; client: Client }> {
  const port = await TestPort.start({ maxOpenTransactions });
  return { port, client: new Client(port) };
}

test("gives what there is, then what comes, until its time is over", async () => {
  const { port, client } = await start();
  const { node } = port;
  for (const text of ["a", "b"]) node.put("q", text);
  client.session.execute(monitor);
  expect(client.heard()).toEqual(["a", "b"]);
  node.clock.advance(900);
  node.put("q", "c");
  expect(client.heard()).toEqual(["c"]);
  expect(client.session.isWaiting).toBe(true);
  expect(client.session.isPatient).toBe(true);
  node.clock.advance(100);
  expect(client.heard()).toEqual(["end"]);
  expect(client.session.isWaiting).toBe(false);
  node.put("q", "d");
  expect(client.heard()).toEqual([]);
  await node.stop();
});

test("ends after as many as were asked for, given at once or later", async () => {
  const { port, client } = await start();
  const { node } = port;
  for (const text of ["a", "b", "c"]) node.put("q", text);
  client.session.execute({ ...monitor, lengthMax: 2 });
  expect(client.heard()).toEqual(["a", "b", "end"]);
  client.session.execute({ ...monitor, lengthMax: 2 });
  expect(client.heard()).toEqual(["c"]);
  node.put("q", "d");
  expect(client.heard()).toEqual(["d", "end"]);
  await node.stop();
});

test("ends when as many reads are open as a session may have; what it gave is open", async () => {
  const { port, client } = await start(2);
  const { node } = port;
  for (const text of ["a", "b", "c"]) node.put("q", text);
  client.session.execute({ ...monitor, lengthMax: 5 });
  expect(client.heard()).toEqual(["a", "b", "end"]);
  expect(node.queue("q").openLength).toBe(2);
  client.session.execute({ kind: "confirm", queue: "q", length: 1 });
  client.session.execute({ ...monitor, lengthMax: 5 });
  expect(client.heard()).toEqual(["confirmed", "c", "end"]);
  client.session.end();
  expect(await node.drain("q")).toEqual(["b", "c"]);
  await node.stop();
});

test("pauses while the client can take no more", async () => {
  const { port, client } = await start();
  const { node } = port;
  client.session.execute(monitor);
  client.isReady = false;
  for (const text of ["a", "b"]) node.put("q", text);
  // The first was promised to it already.
  expect(client.heard()).toEqual(["a"]);
  expect(node.queue("q").length).toBe(1);
  client.session.resume();
  expect(client.heard()).toEqual([]);
  client.isReady = true;
  client.session.resume();
  expect(client.heard()).toEqual(["b"]);
  await node.stop();
});

test("ends where reading is allowed no more, and where its session is told to wait no more", async () => {
  const { port, client } = await start();
  const { node } = port;
  client.session.execute(monitor);
  client.isReady = false;
  for (const text of ["a", "b"]) node.put("q", text);
  Object.assign(port.host.controls, { takesReads: false });
  client.isReady = true;
  client.session.resume();
  expect(client.heard()).toEqual(["a", "end"]);
  client.session.execute(monitor);
  expect(client.heard()).toEqual(["error"]);
  Object.assign(port.host.controls, { takesReads: true });
  expect(await node.drain("q")).toEqual(["b"]);
  client.session.execute(monitor);
  client.session.stopWaiting();
  expect(client.heard()).toEqual(["end"]);
  node.put("q", "c");
  expect(client.heard()).toEqual([]);
  await node.stop();
});

test("whose client is gone gets nothing more", async () => {
  const { port, client } = await start();
  const { node } = port;
  client.session.execute(monitor);
  node.put("q", "a");
  client.session.end();
  node.put("q", "b");
  expect(client.heard()).toEqual(["a"]);
  expect(await node.drain("q")).toEqual(["a", "b"]);
  await node.stop();
});

test("an item that its client has had open for too long is the next one's", async () => {
  const port = await TestPort.start({ rules: { default: { openTransactionTimeoutMs: 10_000 } } });
  const { node } = port;
  const [first, second] = [new Client(port), new Client(port)];
  node.put("q", "a");
  first.session.execute({ ...monitor, lengthMax: 1 });
  node.clock.advance(11_000);
  second.session.execute({ ...monitor, lengthMax: 1 });
  first.session.execute({ kind: "confirm", queue: "q", length: 1 });
  expect(second.heard()).toEqual(["a", "end"]);
  expect(node.queue("q").openLength).toBe(1);
  await node.stop();
});
