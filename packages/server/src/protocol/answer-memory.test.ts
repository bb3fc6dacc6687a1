/** Answers that nobody reads: bounded over all connections, and nobody who reads suffers. */
import { afterEach, describe, expect, test } from "vitest";
import { Turn } from "../journal/turn.ts";
import { LargeItemGate } from "../queue/large-item-gate.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { type TestClient, TestPort, type TestPortOptions } from "../testing/fake-connection.ts";
import { type AnswerHolder, AnswerMemory } from "./answer-memory.ts";

describe("the memory", () => {
  const clock = new FakeClock();

  class Holder implements AnswerHolder {
    progress: number | null = 0;
    isGone = false;
    readonly #memory: AnswerMemory;

    constructor(memory: AnswerMemory, bytes: number) {
      this.#memory = memory;
      memory.hold(this, bytes);
    }

    giveUpAnswers(): void {
      this.isGone = true;
      this.#memory.hold(this, 0);
    }
  }

  function makeMemory(): { memory: AnswerMemory; gate: LargeItemGate; counters: { unreadBytes: number } } {
    const gate = new LargeItemGate();
    const counters = { unreadBytes: 0 };
    const limits = { bytesMax: 100, stallMs: 5000, patienceMs: 60_000 };
    return {
      memory: new AnswerMemory({ ...limits, clock, turn: new Turn(), gate, counters }),
      gate,
      counters,
    };
  }

  test("closes the gate when it is used up, and opens it again", () => {
    const { memory, gate, counters } = makeMemory();
    const [a, b] = [new Holder(memory, 60), new Holder(memory, 39)];
    expect(gate.isClosed).toBe(false);
    memory.hold(b, 40);
    expect([gate.isClosed, memory.isFull, counters.unreadBytes]).toEqual([true, true, 100]);
    memory.hold(a, 59);
    expect(gate.isClosed).toBe(false);
    memory.hold(a, 0);
    memory.hold(a, 0);
    memory.hold(b, 0);
    expect(counters.unreadBytes).toBe(0);
  });

  test("who has taken nothing for long gives way, the one that stands still for longest first", () => {
    const { memory } = makeMemory();
    const first = new Holder(memory, 20);
    clock.advance(1000);
    const [second, moving, diskBound] = [10, 10, 10].map((bytes) => new Holder(memory, bytes)) as [
      Holder,
      Holder,
      Holder,
    ];
    diskBound.progress = null;
    clock.advance(60_000);
    expect(first.isGone).toBe(false);
    moving.progress = 1;
    const last = new Holder(memory, 60);
    clock.advance(1000);
    expect([first, second, moving, diskBound, last].map(({ isGone }) => isGone)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  test("no more than a quarter is made room of", () => {
    const { memory } = makeMemory();
    const holders = Array.from({ length: 10 }, () => new Holder(memory, 10));
    clock.advance(5000);
    expect(holders.map(({ isGone }) => isGone)).toEqual([...Array(3).fill(true), ...Array(7).fill(false)]);
  });

  test("nobody gives way while there is room, however long it stands still", () => {
    const { memory } = makeMemory();
    const holder = new Holder(memory, 99);
    clock.advance(3_600_000);
    expect(holder.isGone).toBe(false);
  });

  test("when all take a little and a minute makes no room, the one that holds something for longest gives way", () => {
    const { memory } = makeMemory();
    const holders = Array.from({ length: 4 }, () => new Holder(memory, 25));
    for (let second = 1; second < 60; second++) {
      clock.advance(1000);
      for (const holder of holders) holder.progress = second;
    }
    expect(holders.some(({ isGone }) => isGone)).toBe(false);
    clock.advance(1000);
    expect(holders.map(({ isGone }) => isGone)).toEqual([true, false, false, false]);
  });

  test("who has read everything in the meantime holds something only since then", () => {
    const { memory } = makeMemory();
    const [busy, ...others] = Array.from({ length: 4 }, () => new Holder(memory, 25)) as [
      Holder,
      ...Holder[],
    ];
    for (let second = 1; second <= 60; second++) {
      if (second === 30) {
        busy.progress = null;
        memory.hold(busy, 25);
      }
      for (const holder of [busy, ...others]) holder.progress = second;
      clock.advance(1000);
    }
    expect([busy, ...others].map(({ isGone }) => isGone)).toEqual([false, true, false, false]);
  });
});

describe("connections", () => {
  const size = 100_000;
  const limits = { unreadBytesMax: 2 * size, unreadStallMs: 10_000 };
  let port: TestPort;

  afterEach(() => port.node.stop());

  async function start(options: TestPortOptions = {}): Promise<void> {
    port = await TestPort.start({ limits, ...options });
  }

  const item = (fill: string): string => fill.repeat(size);
  const set = (queue: string, data: string): string => `set ${queue} 0 0 ${data.length}\r\n${data}\r\n`;
  const value = (queue: string, data: string): string =>
    `VALUE ${queue} 0 ${data.length}\r\n${data}\r\nEND\r\n`;

  async function putLarge(queue: string, fills: string): Promise<void> {
    const producer = port.connect();
    for (const fill of fills) await producer.talk(set(queue, item(fill)));
    producer.drop();
  }

  /** Asks and doesn't read. */
  async function stuck(request: string): Promise<TestClient> {
    const client = port.connect();
    client.socket.isStuck = true;
    await client.talk(request);
    return client;
  }

  test("that don't read get no more than there is memory for, also within one turn", async () => {
    await start();
    await putLarge("q", "abcdef");
    const clients = Array.from({ length: 5 }, () => port.connect());
    for (const client of clients) {
      client.socket.isStuck = true;
      client.send("get q\r\n");
    }
    await clients[0]!.hear();
    expect(port.node.queue("q").length).toBe(4);
    expect(port.host.counters.unreadBytes).toBeGreaterThan(2 * size);
  });

  test("that read go on as soon as others have, in the order they came", async () => {
    await start();
    await putLarge("q", "abcd");
    const [slow, other] = [await stuck("get q\r\n"), await stuck("get q\r\n")];
    const [next, last] = [port.connect(), port.connect()];
    expect(await next.talk("get q\r\nversion\r\n")).toBe("");
    expect(await last.talk("get q\r\n")).toBe("");
    slow.socket.drain();
    expect(await slow.hear()).toBe(value("q", item("a")));
    expect(await next.hear()).toBe(`${value("q", item("c"))}VERSION 3.0.0\r\n`);
    expect(await last.hear()).toBe(value("q", item("d")));
    other.socket.drain();
    expect(await other.hear()).toBe(value("q", item("b")));
    expect(port.host.counters.unreadBytes).toBe(0);
  });

  test("with small items are served all the while", async () => {
    await start();
    await putLarge("q", "abc");
    await stuck("get q\r\n");
    await stuck("get q\r\n");
    const client = port.connect();
    expect(await client.talk(`${set("r", "x")}get r\r\n`)).toBe(`STORED\r\n${value("r", "x")}`);
    expect(await client.talk("get q/t=500\r\n")).toBe("");
    port.node.clock.advance(500);
    expect(await client.hear()).toBe("END\r\n");
  });

  test("that wait for room hold up no other queue for longer than theirs", async () => {
    await start();
    await putLarge("q", "abcd");
    await putLarge("r", "ef");
    const holding = [await stuck("get q\r\n"), await stuck("get q\r\n")];
    const [q1, q2] = [await stuck("get q\r\n"), await stuck("get q\r\n")];
    const [r1, r2] = [await stuck("get r\r\n"), await stuck("get r\r\n")];
    const served = (): boolean[] => [q1, q2, r1, r2].map(({ socket }) => socket.writableLength > 0);
    for (const expected of [
      [true, false, false, false],
      [true, false, true, false],
    ]) {
      holding.shift()!.socket.drain();
      await q1.hear();
      expect(served()).toEqual(expected);
    }
  });

  test("that have read nothing for long are closed when memory is used up; what they had open goes back", async () => {
    await start();
    await putLarge("q", "abc");
    const silent = await stuck("get q/open\r\n");
    port.node.clock.advance(9000);
    await stuck("get q/open\r\n");
    const waiting = port.connect();
    expect(await waiting.talk("get q\r\n")).toBe("");
    port.node.clock.advance(1000);
    expect(silent.socket.destroyed).toBe(true);
    expect(await waiting.hear()).toBe(value("q", item("a")));
    expect(port.host.counters.unreadClosed).toBe(1);
    const message = "closed a connection whose client reads too little of its answers";
    expect(port.node.log.having(message)).toHaveLength(1);
  });

  test("have nothing open any more as soon as they are closed for that", async () => {
    await start();
    await putLarge("q", "ab");
    const clients = [await stuck("get q/open\r\n"), await stuck("get q/open\r\n")];
    const closings: (() => void)[] = [];
    for (const { socket } of clients) {
      const destroy = socket.destroy.bind(socket);
      // With Node, too, a socket is closed some time after it was destroyed.
      socket.destroy = () => closings.push(destroy);
    }
    port.node.clock.advance(10_000);
    expect(closings).toHaveLength(1);
    expect(port.node.queue("q").openLength).toBe(1);
    for (const close of closings) close();
    expect(port.connections.size).toBe(1);
  });

  test("that have sent all they will get no large item later", async () => {
    await start();
    await putLarge("q", "abc");
    const holding = [await stuck("get q\r\n"), await stuck("get q\r\n")];
    const gone = port.connect();
    expect(await gone.talk("get q\r\n")).toBe("");
    gone.endInput();
    expect(await gone.hear()).toBe("END\r\n");
    for (const { socket } of holding) socket.drain();
    await gone.hear();
    expect(port.node.queue("q").length).toBe(1);
  });

  test("count until they have read their last answer, and no longer", async () => {
    await start();
    await putLarge("q", "ab");
    const client = await stuck("get q\r\nquit\r\n");
    expect(client.socket.isEnded).toBe(true);
    await stuck("get q\r\n");
    expect(port.host.answerMemory.isFull).toBe(true);
    client.socket.drain();
    expect(port.host.answerMemory.isFull).toBe(false);
    expect(await client.hear()).toBe(value("q", item("a")));
  });

  test("that read slowly are not", async () => {
    await start();
    await putLarge("q", "abc");
    const [slow] = [await stuck("get q\r\n"), await stuck("get q\r\n")];
    for (let second = 0; second < 9; second++) port.node.clock.advance(1000);
    slow.socket.drainSome();
    port.node.clock.advance(1000);
    expect(slow.socket.destroyed).toBe(false);
    expect(port.host.counters.unreadClosed).toBe(1);
  });

  test("have less room for small answers while memory is used up", async () => {
    await start();
    await putLarge("q", "ab");
    const small = "x".repeat(1000);
    await port.connect().talk(set("s", small).repeat(200));
    const before = await stuck("get s\r\n".repeat(100));
    expect(port.node.queue("s").length).toBe(100);
    await stuck("get q\r\n");
    expect(port.host.answerMemory.isFull).toBe(true);
    const after = await stuck("get s\r\n".repeat(100));
    expect(port.node.queue("s").length).toBeGreaterThan(80);
    after.socket.drain();
    before.socket.drain();
    expect(await before.hear()).toBe(value("s", small).repeat(100));
    expect(await after.hear()).toBe(value("s", small).repeat(100));
  });

  test("get no long report while memory is used up, and live", async () => {
    await start();
    await putLarge("q", "ab");
    const client = port.connect();
    await client.talk(Array.from({ length: 150 }, (_, i) => `get queue${i}\r\n`).join(""));
    const holding = [await stuck("get q\r\n"), await stuck("get q\r\n")];
    const refused = "SERVER_ERROR out of memory for this answer\r\n";
    expect(await client.talk("version\r\nstats\r\nversion\r\n")).toBe(
      `VERSION 3.0.0\r\n${refused}VERSION 3.0.0\r\n`,
    );
    expect(await client.talk("stats\r\n")).toBe(refused);
    for (const { socket } of holding) socket.drain();
    expect((await client.talk("stats\r\n")).length).toBeGreaterThan(refused.length);
  });

  test("are not to blame for a medium that takes its time", async () => {
    await start({ rules: { queues: [["q", { syncJournal: 0 }]] } });
    await putLarge("q", "ab");
    const clients = [port.connect(), port.connect()];
    for (const client of clients) client.send("get q\r\n");
    expect(port.host.answerMemory.isFull).toBe(true);
    port.node.clock.advance(20_000);
    expect(clients.some(({ socket }) => socket.destroyed)).toBe(false);
    for (const client of clients) await client.hear();
    expect(port.host.counters.unreadBytes).toBe(0);
  });
});
