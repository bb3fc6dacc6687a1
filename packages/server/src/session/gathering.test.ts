import { expect, test } from "vitest";
import { TestPort, type TestPortOptions } from "../testing/fake-connection.ts";
import { GatheredMemory } from "./gathered-memory.ts";
import type { GatherRequest, Reply } from "./request.ts";
import { Session } from "./session.ts";

const gather: GatherRequest = {
  kind: "gather",
  queue: "q",
  lengthMax: 100,
  bytesMax: 100_000,
  waitMs: 1000,
  lendMs: 0,
  endsWithSession: false,
};

/** Notes the items of each answer. */
class Client {
  readonly address = "here";
  readonly isReady = true;
  readonly session: Session;
  readonly heard: string[][] = [];

  constructor(port: TestPort) {
    this.session = new Session(port.host, this);
  }

  reply(reply: Reply): void {
    if (reply.kind === "gathered") this.heard.push(reply.items.map(({ data }) => data.toString()));
  }

  holdFor(): void {}
}

/** Room for three small items in all gatherings together. */
async function start(options: TestPortOptions = {}): Promise<TestPort> {
  const port = await TestPort.start(options);
  Object.assign(port.host, { gatheredMemory: new GatheredMemory(600) });
  return port;
}

test("with as much gathered as may be, who has something is answered, and who has nothing gets one item", async () => {
  const port = await start();
  const { node } = port;
  const [first, second, third] = [new Client(port), new Client(port), new Client(port)];
  for (const client of [first, second]) client.session.execute({ ...gather, queue: "p" });
  for (const text of ["a", "b"]) node.put("p", text);
  expect([first.heard, second.heard]).toEqual([[], []]);
  for (const text of ["c", "d", "e"]) node.put("q", text);
  third.session.execute(gather);
  expect(third.heard).toEqual([["c"]]);
  third.session.execute(gather);
  expect(third.heard).toEqual([["c"], ["d"]]);
  // They heard of nothing, and what they hold is theirs until their time is over.
  expect([first.heard, second.heard]).toEqual([[], []]);
  node.clock.advance(1000);
  expect([first.heard, second.heard]).toEqual([[["a"]], [["b"]]]);
  await node.stop();
});

test.each([
  ["a wait that is told to end", (client: Client) => client.session.stopWaiting()],
  ["the time", (_: Client, port: TestPort) => port.node.clock.advance(1000)],
  ["the client's end", (client: Client) => client.session.end()],
])("%s lets go of what was gathered", async (_, end) => {
  const port = await start();
  const { node } = port;
  for (let round = 0; round < 3; round++) {
    for (const text of ["a", "b"]) node.put("q", text);
    const client = new Client(port);
    client.session.execute(gather);
    expect(client.heard).toEqual([]);
    end(client, port);
    await node.drain("q");
    expect(port.host.gatheredMemory.isFull).toBe(false);
  }
  for (const text of ["a", "b", "c", "d"]) node.put("q", text);
  const client = new Client(port);
  client.session.execute({ ...gather, lengthMax: 2 });
  expect(client.heard).toEqual([["a", "b"]]);
  await node.stop();
});

test("what waits for the medium before it is answered counts until then", async () => {
  const port = await start({ rules: { default: { syncJournal: 0 } } });
  const { node } = port;
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 10; round++) {
      for (let step = 0; step < 50; step++) await Promise.resolve();
      node.clock.advance(10);
      node.turn.endNow();
    }
  };
  for (const text of ["a", "b", "c"]) node.put("q", text);
  await settle();
  const client = new Client(port);
  client.session.execute({ ...gather, waitMs: 0 });
  expect(client.heard).toEqual([]);
  expect(port.host.gatheredMemory.isFull).toBe(true);
  await settle();
  expect(client.heard).toEqual([["a", "b", "c"]]);
  expect(port.host.gatheredMemory.isFull).toBe(false);
  await node.stop();
});
