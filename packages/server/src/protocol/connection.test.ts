import { afterEach, describe, expect, test } from "vitest";
import { TestPort, type TestPortOptions } from "../testing/fake-connection.ts";
import { systemError } from "../testing/fake-disk.ts";

let port: TestPort;

afterEach(() => port.node.stop());

async function start(options: TestPortOptions = {}): Promise<TestPort> {
  port = await TestPort.start(options);
  return port;
}

const set = (queue: string, data: string): string => `set ${queue} 0 0 ${data.length}\r\n${data}\r\n`;
const value = (queue: string, data: string): string =>
  `VALUE ${queue} 0 ${data.length}\r\n${data}\r\nEND\r\n`;

describe("a turn", () => {
  test("has one write for a connection, whatever the number of answers", async () => {
    const client = (await start()).connect();
    expect(await client.talk(`${set("q", "1") + set("q", "2")}get q\r\nversion\r\n`)).toBe(
      `STORED\r\nSTORED\r\n${value("q", "1")}VERSION 3.0.0\r\n`,
    );
    expect(client.socket.writes).toBe(1);
  });

  test("ends with the journal, and only then with the answers", async () => {
    const client = (await start()).connect();
    client.send(set("q", "1"));
    const before = port.node.disk.bytesWritten;
    expect(client.socket.writes).toBe(0);
    await client.hear();
    expect(port.node.disk.bytesWritten).toBeGreaterThan(before);
    expect(client.socket.writes).toBe(1);
  });

  test("large items are sent from where they lie, in their place between small ones", async () => {
    const client = (await start()).connect();
    const large = "x".repeat(100_000);
    const larger = "y".repeat(200_000);
    await client.talk(set("q", "a") + set("q", large) + set("q", larger) + set("q", "b"));
    expect(await client.talk("get q\r\nget q\r\nget q\r\nget q\r\n")).toBe(
      value("q", "a") + value("q", large) + value("q", larger) + value("q", "b"),
    );
    expect(client.socket.writes).toBeGreaterThan(4);
  });
});

describe("waiting", () => {
  test("keeps the order of requests behind it", async () => {
    const client = (await start()).connect();
    const other = port.connect();
    expect(await client.talk(`version\r\nget q/t=1000\r\nget r\r\n${set("r", "later")}get r\r\n`)).toBe(
      "VERSION 3.0.0\r\n",
    );
    await other.talk(set("r", "other's"));
    expect(await client.hear()).toBe("");
    await other.talk(set("q", "item"));
    expect(await client.hear()).toBe(
      `${value("q", "item")}${value("r", "other's")}STORED\r\n${value("r", "later")}`,
    );
  });

  test("ends with the time", async () => {
    const client = (await start()).connect();
    expect(await client.talk("get q/t=1000\r\nversion\r\n")).toBe("");
    port.node.clock.advance(1000);
    expect(await client.hear()).toBe("END\r\nVERSION 3.0.0\r\n");
  });

  test("is over for who is gone: the item goes to the next", async () => {
    const [gone, next] = [(await start()).connect(), port.connect()];
    await gone.talk("get q/t=1000\r\n");
    await next.talk("get q/t=1000\r\n");
    gone.drop();
    await port.connect().talk(set("q", "item"));
    expect(await next.hear()).toBe(value("q", "item"));
  });

  test("in several keys and quiet gets keeps their answers together", async () => {
    const client = (await start()).connect();
    expect(await client.talk("get a/t=1000 b c/t=500\r\nversion\r\n")).toBe("");
    const other = port.connect();
    await other.talk(set("b", "B") + set("a", "A"));
    expect(await client.hear()).toBe("VALUE a 0 1\r\nA\r\nVALUE b 0 1\r\nB\r\n");
    port.node.clock.advance(500);
    expect(await client.hear()).toBe("END\r\nVERSION 3.0.0\r\n");
  });
});

describe("the end of a connection", () => {
  test("gives its open reads back in their old order", async () => {
    const client = (await start({ maxOpenTransactions: 10 })).connect();
    await client.talk(set("q", "1") + set("q", "2") + set("q", "3") + set("r", "r"));
    await client.talk("get q/open\r\nget r/open\r\nget q/open\r\nget q/open\r\nget q/close\r\n");
    client.drop();
    const other = port.connect();
    expect(await other.talk("get q\r\nget q\r\nget q\r\nget r\r\n")).toBe(
      `${value("q", "2")}${value("q", "3")}END\r\n${value("r", "r")}`,
    );
  });

  test("comes after the answers to what was sent before the end of input", async () => {
    const client = (await start()).connect();
    client.send(`${set("q", "1")}get q/open\r\nversion\r\nget q`);
    client.endInput();
    expect(await client.hear()).toBe(`STORED\r\n${value("q", "1")}VERSION 3.0.0\r\n`);
    expect(client.socket.isEnded).toBe(true);
    expect(await port.connect().talk("get q\r\n")).toBe(value("q", "1"));
  });

  test("ends a wait for what nobody has put yet, and what is behind is not carried out", async () => {
    const client = (await start()).connect();
    await port.connect().talk(set("r", "1"));
    await client.talk("get q/t=1000\r\nget r\r\n");
    client.endInput();
    expect(await client.hear()).toBe("END\r\n");
    expect(client.socket.isEnded).toBe(true);
    expect(await port.connect().talk(`${set("q", "1")}get q\r\nget r\r\n`)).toBe(
      `STORED\r\n${value("q", "1")}${value("r", "1")}`,
    );
  });

  test("by an error lets the answers before it out, and drops what follows", async () => {
    const client = (await start()).connect();
    expect(await client.talk(`${set("q", "1")}nonsense\r\n${set("q", "2")}`)).toBe(
      "STORED\r\nCLIENT_ERROR\r\n",
    );
    expect(client.socket.isEnded).toBe(true);
    expect(await client.talk(set("q", "3"))).toBe("");
    port.node.clock.advance(10_000);
    expect(client.socket.destroyed).toBe(true);
    expect(port.connections.size).toBe(0);
    expect(port.node.queue("q").length).toBe(1);
  });
});

describe("a slow reader", () => {
  test("gets nothing more out of a queue until it has read", async () => {
    const client = (await start({ limits: { unsentBytesMax: 1000 } })).connect();
    const items = Array.from({ length: 30 }, (_, i) => String(i).padStart(100, "."));
    await port.connect().talk(items.map((item) => set("q", item)).join(""));
    client.socket.isStuck = true;
    await client.talk("get q\r\n".repeat(30));
    const { length } = port.node.queue("q");
    expect(length).toBeGreaterThan(15);
    await client.hear();
    expect(port.node.queue("q").length).toBe(length);
    let answers = "";
    client.socket.drain();
    answers += await client.hear();
    expect(answers).toBe(items.map((item) => value("q", item)).join(""));
  });

  test("is not read from, once what it has sent is too much to keep", async () => {
    const client = (await start({ limits: { unsentBytesMax: 1000, heldBytesMax: 500 } })).connect();
    client.socket.isStuck = true;
    await client.talk("stats\r\n".repeat(10));
    expect(client.socket.isPaused).toBe(false);
    await client.talk("version\r\n".repeat(100));
    expect(client.socket.isPaused).toBe(true);
    client.socket.drain();
    expect((await client.hear()).match(/VERSION/g)).toHaveLength(100);
    expect(client.socket.isPaused).toBe(false);
  });

  test("makes a monitor pause", async () => {
    const client = (await start({ limits: { unsentBytesMax: 1000 }, maxOpenTransactions: 100 })).connect();
    client.socket.isStuck = true;
    await client.talk("monitor q 60\r\n");
    const item = "x".repeat(100);
    for (let i = 0; i < 30; i++) await port.connect().talk(set("q", item));
    const { length } = port.node.queue("q");
    expect(length).toBeGreaterThan(10);
    client.socket.drain();
    expect(await client.hear()).toBe(value("q", item).repeat(30));
    expect(port.node.queue("q").openLength).toBe(30);
    port.node.clock.advance(60_000);
    expect(await client.hear()).toBe("END\r\n");
  });
});

describe("who waits and sends more", () => {
  test("is paused above a bound, and goes on afterwards", async () => {
    const client = (await start({ limits: { heldBytesMax: 1000 } })).connect();
    await client.talk("get q/t=1000\r\n");
    await client.talk("version\r\n".repeat(10));
    expect(client.socket.isPaused).toBe(false);
    await client.talk("version\r\n".repeat(200));
    expect(client.socket.isPaused).toBe(true);
    await port.connect().talk(set("q", "1"));
    expect(await client.hear()).toBe(value("q", "1") + "VERSION 3.0.0\r\n".repeat(210));
    expect(client.socket.isPaused).toBe(false);
  });
});

describe("when the disk refuses", () => {
  const fill = (): void => {
    port.node.disk.fault = (operation) => {
      if (operation === "write") throw systemError("ENOSPC", "q");
    };
  };
  /** The journal looks for space again after a while. */
  const makeRoom = (): void => {
    port.node.disk.fault = () => {};
    port.node.clock.advance(60_000);
  };

  test("every put of the turn is answered with the reason, and others as ever", async () => {
    const client = (await start()).connect();
    await client.talk(set("q", "1"));
    fill();
    const answer = await client.talk(
      `version\r\n${set("q", "2")}get none/close\r\n${set("q", "3")}version\r\n`,
    );
    const error = "SERVER_ERROR no space[^\r]*\r\n";
    expect(answer).toMatch(new RegExp(`^VERSION 3.0.0\r\n${error}END\r\n${error}VERSION 3.0.0\r\n$`));
    expect(await client.talk("get q\r\nget q\r\n")).toBe(`${value("q", "1")}END\r\n`);
    makeRoom();
    expect(await client.talk(`${set("q", "4")}get q\r\n`)).toBe(`STORED\r\n${value("q", "4")}`);
  });

  test("what was put and got in the same turn was never there", async () => {
    const client = (await start()).connect();
    await client.talk(`${set("r", "0")}get r\r\n`);
    fill();
    const large = "x".repeat(100_000);
    const answer = await client.talk(
      `${set("r", "1")}get r\r\n${set("r", large)}gets none/close r none/close\r\nversion\r\n`,
    );
    expect(answer).toMatch(/^SERVER_ERROR [^\r]*\r\nEND\r\nSERVER_ERROR [^\r]*\r\nEND\r\nVERSION 3.0.0\r\n$/);
    makeRoom();
    expect(await client.talk("get r\r\n")).toBe("END\r\n");
  });

  test("an open read of such an item is forgotten", async () => {
    const client = (await start()).connect();
    await client.talk(`${set("r", "0")}get r\r\n`);
    fill();
    expect(await client.talk(`${set("r", "1")}get r/open\r\n`)).toMatch(/^SERVER_ERROR [^\r]*\r\nEND\r\n$/);
    makeRoom();
    expect(await client.talk(`${set("r", "2")}get r/open\r\n`)).toBe(`STORED\r\n${value("r", "2")}`);
    expect(await client.talk("get r/close\r\nget r\r\n")).toBe("END\r\nEND\r\n");
  });

  test("who waits is told that nothing is there, and a monitor goes on", async () => {
    const [getting, monitoring] = [(await start({ maxOpenTransactions: 5 })).connect(), port.connect()];
    await getting.talk("get q/t=1000\r\n");
    await monitoring.talk("monitor r 60\r\n");
    fill();
    const client = port.connect();
    expect(await client.talk(set("q", "1") + set("r", "1"))).toMatch(/^(SERVER_ERROR [^\r]*\r\n){2}$/);
    expect(await getting.hear()).toBe("END\r\n");
    expect(await monitoring.hear()).toBe("");
    makeRoom();
    expect(await monitoring.hear()).toBe("END\r\n");
    await monitoring.talk("monitor r 60\r\n");
    await client.talk(set("r", "2"));
    expect(await monitoring.hear()).toBe(value("r", "2"));
  });

  test("noreply stays silent", async () => {
    const client = (await start()).connect();
    await client.talk(set("q", "1"));
    fill();
    expect(await client.talk("set q 0 0 1 noreply\r\nx\r\nversion\r\n")).toBe("VERSION 3.0.0\r\n");
  });
});

describe("with syncJournal 0", () => {
  test("answers wait for the medium, and those behind them too", async () => {
    const client = (await start({ rules: { queues: [["safe", { syncJournal: 0 }]] } })).connect();
    const medium = holdSyncs();
    expect(await client.talk(`${set("safe", "1")}version\r\n`)).toBe("");
    expect(await client.talk("version\r\n")).toBe("");
    expect(await port.connect().talk(set("other", "1"))).toBe("STORED\r\n");
    medium.go();
    expect(await client.hear()).toBe("STORED\r\nVERSION 3.0.0\r\nVERSION 3.0.0\r\n");
  });

  test("too many answers that wait stop the reading", async () => {
    const rules = { queues: [["safe", { syncJournal: 0 }] as const] };
    const client = (await start({ rules, limits: { unsentBytesMax: 100 } })).connect();
    const medium = holdSyncs();
    for (let i = 0; i < 30; i++) await client.talk(set("safe", "1"));
    expect(port.node.queue("safe").length).toBeLessThan(20);
    medium.go();
    for (let i = 0, answers = ""; answers.length < 30 * 8; i++) {
      answers += await client.hear();
      expect(i).toBeLessThan(100);
    }
    expect(port.node.queue("safe").length).toBe(30);
  });

  test("an ended connection still gives its last answers, after the medium has", async () => {
    const client = (await start({ rules: { queues: [["safe", { syncJournal: 0 }]] } })).connect();
    const medium = holdSyncs();
    expect(await client.talk(`${set("safe", "1")}quit\r\n`)).toBe("");
    expect(client.socket.isEnded).toBe(false);
    medium.go();
    expect(await client.hear()).toBe("STORED\r\n");
    expect(client.socket.isEnded).toBe(true);
  });
});

/** From here on, files that are created are synced only when the test says so. */
function holdSyncs(): { go(): void } {
  const { disk } = port.node;
  const create = disk.create.bind(disk);
  let go = (): void => {};
  const released = new Promise<void>((resolve) => {
    go = resolve;
  });
  disk.create = (name) => {
    const file = create(name);
    const sync = file.sync.bind(file);
    file.sync = () => released.then(sync);
    return file;
  };
  return { go };
}
