import { afterEach, describe, expect, test } from "vitest";
import { TestPort, type TestPortOptions } from "../../testing/fake-connection.ts";
import { systemError } from "../../testing/fake-disk.ts";
import { bytewise, cutsOf } from "../../testing/pieces.ts";
import { TextCodec } from "./text-codec.ts";

let port: TestPort;

afterEach(() => port.node.stop());

async function start(options: TestPortOptions = {}): Promise<TestPort> {
  port = await TestPort.start({ makeCodec: (wire, host) => new TextCodec(wire, host), ...options });
  return port;
}

/** What a new server answers to these pieces. */
async function answerTo(...pieces: (string | Buffer)[]): Promise<string> {
  const client = (await start({ maxOpenTransactions: 100 })).connect();
  let answer = "";
  for (const piece of pieces) answer += await client.talk(piece);
  return answer;
}

describe("requests and answers", () => {
  test.each([
    ["put", "put q:\none\ntwo\n\nget q\nget q\nget q\n", "+2\n:one\n:two\n*\n"],
    ["put with CR LF", "put q:\r\none\r\ntwo\r\n\r\nget q\r\nget q\r\n", "+2\n:one\n:two\n"],
    ["put without items", "put q:\n\nput q\nput\n", "+0\n+0\n-Queue name required.\n"],
    ["put without a queue", "put:\na\n\nget a\n", "-Queue name required.\n*\n"],
    [
      "put, expiring",
      "put q 1000:\na\n\nput q 0:\nb\n\nput q -1:\nc\n\nget q\nget q\nget q\n",
      "+1\n+1\n+1\n:a\n:b\n*\n",
    ],
    ["put, expiration that is none", "put q soon:\na\n\nget q\n", "-Error parsing expiration time.\n*\n"],
    ["put, a name that is none", "put a/b:\na\n\nversion\n", "-a queue's name has none of / ~ .\n:3.0.0\n"],
    [
      "flush and delete, a name that is none",
      "flush a.b\ndelete a/b\nversion\n",
      "-a queue's name has none of / ~ .\n-a queue's name has none of / ~ .\n:3.0.0\n",
    ],
    ["bytes as they are", "put q:\n\xe9\x00\xff\r\n\nget q\n", "+1\n:\xe9\x00\xff\r\n"],
    ["capitals", "PUT q:\na\n\nGET q\nVersion\n", "+1\n:a\n:3.0.0\n"],
    ["names in UTF-8", "put \xc3\xa9:\na\n\nget e\nget \xc3\xa9\n", "+1\n*\n:a\n"],
    [
      "names that are no UTF-8",
      "put \xe9:\na\n\nget \xe9\n",
      "-a queue's name is UTF-8\n-a queue's name is UTF-8\n",
    ],
    [
      "get",
      "get\nget q soon\nget q -1\nget a.b\n",
      "-Queue name required.\n-Error parsing timeout.\n*\n-a queue's name has none of / ~ .\n",
    ],
    [
      "peek",
      "put q:\na\n\npeek q\npeek q\npeek\npeek q x\nget q\npeek q\n",
      "+1\n:a\n:a\n-Queue name required.\n-Error parsing timeout.\n:a\n*\n",
    ],
    [
      "monitor",
      "put q:\na\nb\nc\n\nmonitor q 0\nmonitor q 1000 2\nmonitor q 1000 0\n",
      "+3\n*\n:a\n:b\n*\n*\n",
    ],
    [
      "monitor, wrongly",
      "monitor\nmonitor q\nmonitor q soon\nmonitor q 1 all\n",
      "-Queue name & timeout required.\n-Queue name & timeout required.\n-Error parsing timeout.\n-Error parsing max.\n",
    ],
    [
      "confirm",
      "put q:\na\nb\n\nmonitor q 1000 2\nconfirm q 3\nconfirm q 2\nconfirm q 1\n",
      "+2\n:a\n:b\n*\n-Not that many transactions open.\n+2\n-Not that many transactions open.\n",
    ],
    [
      "confirm, wrongly",
      "confirm\nconfirm q\nconfirm q all\nconfirm q 0\nconfirm q -1\n",
      "-Queue name & count required.\n-Queue name & count required.\n-Error parsing count.\n-Not that many transactions open.\n-Not that many transactions open.\n",
    ],
    [
      "flush and delete",
      "put q:\na\n\nflush q\nget q\nflush none\ndelete q\ndelete none\nflush\ndelete\n",
      "+1\n+0\n*\n+0\n+0\n+0\n-Queue name required.\n-Queue name required.\n",
    ],
    [
      "status",
      "status\nstatus up\nstatus UP\nstatus sideways\nstatus\n",
      ":UP\n-unknown status\n+0\n-unknown status\n:UP\n",
    ],
    [
      "what there is not",
      "\nstats\nflush_all now\nget\tq\n",
      "-Unknown command: \n-Unknown command: stats\n-Unknown command: flush_all\n-Unknown command: get?q\n",
    ],
    [
      "items of a command that has none",
      "stats:\nget q\nquit\n\nversion\n",
      "-Unknown command: stats\n:3.0.0\n",
    ],
    ["spaces", "  put  q : \na\n\n get  q \n", "+1\n:a\n"],
    [
      "prototypes",
      "constructor\n__proto__\n",
      "-Unknown command: constructor\n-Unknown command: __proto__\n",
    ],
  ])("%s", async (_, request, answer) => {
    expect(await answerTo(request)).toBe(answer);
    await port.node.stop();
    expect(await answerTo(...bytewise(Buffer.from(request, "latin1")))).toBe(answer);
  });

  test("cut anywhere", async () => {
    const request = "put q 5000:\r\none\r\n\xe9\xff\r\n\r\nget q\r\nget q\nconfirm q 1\nget q\n";
    for (const pieces of cutsOf(Buffer.from(request, "latin1"))) {
      expect(await answerTo(...pieces)).toBe("+2\n:one\n:\xe9\xff\n+1\n*\n");
      await port.node.stop();
    }
  });

  test.each(["quit", "shutdown"])("%s", async (name) => {
    const client = (await start()).connect();
    expect(await client.talk(`${name}\nversion\n`)).toBe("+0\n");
    expect(client.socket.isEnded).toBe(true);
    expect(port.asked).toEqual(name === "shutdown" ? ["shutdown"] : []);
  });
});

describe("open reads", () => {
  test("a get confirms all earlier reads of this connection on that queue, and no others", async () => {
    const [one, two] = [(await start({ maxOpenTransactions: 10 })).connect(), port.connect()];
    await one.talk("put q:\n1\n2\n3\n4\n\nput r:\nr\n\n");
    expect(await one.talk("get r\nmonitor q 1000 2\n")).toBe(":r\n:1\n:2\n*\n");
    expect(await two.talk("get q\n")).toBe(":3\n");
    expect(await one.talk("get q\n")).toBe(":4\n");
    expect(port.node.queue("q").openLength).toBe(2);
    one.drop();
    expect(await two.talk("get q\nget r\nget q\n")).toBe(":4\n:r\n*\n");
  });

  test("a peek and a monitor confirm them, too", async () => {
    const client = (await start()).connect();
    await client.talk("put q:\n1\n2\n3\n\n");
    expect(await client.talk("get q\npeek q\n")).toBe(":1\n:2\n");
    expect(port.node.queue("q").openLength).toBe(0);
    expect(await client.talk("get q\nmonitor q 1000\nget q\n")).toBe(":2\n:3\n*\n*\n");
  });

  test("go back to the head, in their order, when the connection ends", async () => {
    const [one, two] = [(await start({ maxOpenTransactions: 10 })).connect(), port.connect()];
    await one.talk("put q:\n1\n2\n3\n\nmonitor q 1000 2\n");
    one.drop();
    expect(await two.talk("get q\nget q\nget q\n")).toBe(":1\n:2\n:3\n");
  });

  test("a monitor has as many as the connection may open", async () => {
    const client = (await start({ maxOpenTransactions: 2 })).connect();
    expect(await client.talk("put q:\n1\n2\n3\n\nmonitor q 1000\nget q\n")).toBe("+3\n:1\n:2\n*\n:3\n");
  });
});

describe("waiting", () => {
  test.each(["monitor a/b 1000", "get a/b 1000", "peek a/b 1000"])(
    "nobody waits for what can't be: %s",
    async (line) => {
      const client = (await start()).connect();
      expect(await client.talk(`${line}\nversion\n`)).toBe("-a queue's name has none of / ~ .\n:3.0.0\n");
      client.endInput();
      await client.hear();
      expect(client.socket.isEnded).toBe(true);
    },
  );

  test("keeps the order of what is behind it", async () => {
    const [one, two] = [(await start()).connect(), port.connect()];
    expect(await one.talk("get q 1000\nversion\nput r:\nx\n\nget r\n")).toBe("");
    expect(await two.talk("put q:\nhere\n\n")).toBe("+1\n");
    expect(await one.hear()).toBe(":here\n:3.0.0\n+1\n:x\n");
  });

  test("ends with the time", async () => {
    const client = (await start()).connect();
    expect(await client.talk("get q 1000\npeek q 500\nversion\n")).toBe("");
    port.node.clock.advance(1000);
    expect(await client.hear()).toBe("*\n");
    port.node.clock.advance(500);
    expect(await client.hear()).toBe("*\n:3.0.0\n");
  });

  test("a monitor shows items as they arrive, until the time is over", async () => {
    const [one, two] = [(await start({ maxOpenTransactions: 10 })).connect(), port.connect()];
    expect(await one.talk("monitor q 1000\nversion\n")).toBe("");
    await two.talk("put q:\n1\n2\n\n");
    expect(await one.hear()).toBe(":1\n:2\n");
    await two.talk("put q:\n3\n\n");
    expect(await one.hear()).toBe(":3\n");
    port.node.clock.advance(1000);
    expect(await one.hear()).toBe("*\n:3.0.0\n");
  });

  test("is over for who is gone", async () => {
    const [gone, next] = [(await start()).connect(), port.connect()];
    await gone.talk("get q 1000\n");
    await next.talk("get q 1000\n");
    gone.drop();
    await port.connect().talk("put q:\nitem\n\n");
    expect(await next.hear()).toBe(":item\n");
  });
});

test("a full disk: puts are refused with the reason, what was got in their turn was never there", async () => {
  const [client, monitoring] = [(await start({ maxOpenTransactions: 5 })).connect(), port.connect()];
  await client.talk("put q:\nold\n\nput r:\nold\n\nget r\nconfirm r 1\n");
  await monitoring.talk("monitor m 60000\n");
  port.node.disk.fault = (operation) => {
    if (operation === "write") throw systemError("ENOSPC", "q");
  };
  const answer = await client.talk("version\nput r:\na\nb\n\nget r\nput m:\nc\n\nget q\nversion\n");
  expect(answer).toMatch(/^:3.0.0\n-no space[^\n]*\n\*\n-no space[^\n]*\n:old\n:3.0.0\n$/);
  expect(await monitoring.hear()).toBe("");
  port.node.disk.fault = () => {};
  port.node.clock.advance(60_000);
  expect(await monitoring.hear()).toBe("*\n");
  expect(await client.talk("put r:\nd\n\nget r\n")).toBe("+1\n:d\n");
});

describe("limits", () => {
  const put = (length: number): string => `put q:\n${"x\n".repeat(length)}\n`;

  test("1,024 items in one put, and not one more", async () => {
    const client = (await start()).connect();
    expect(await client.talk(`${put(1024)}${put(1025)}version\n`)).toBe(
      "+1024\n-Too many items; limit=1024\n:3.0.0\n",
    );
    expect(port.node.queue("q").length).toBe(1024);
  });

  test("many more items, in pieces", async () => {
    const client = (await start()).connect();
    let answer = "";
    for (const piece of [put(5000).slice(0, 2500), put(5000).slice(2500), "get q\n"])
      answer += await client.talk(piece);
    expect(answer).toBe("-Too many items; limit=1024\n*\n");
    expect(port.host.bodyMemory.bytes).toBe(0);
  });

  test("of the bytes of a put", async () => {
    const client = (await start({ limits: { itemBytesMax: 1000 } })).connect();
    const item = "i".repeat(1000);
    expect(await client.talk(`put q:\n${item}\n\n`)).toBe("+1\n");
    const answer = "-Too many bytes; limit=1000\n";
    for (const request of [`put q:\n${item}i\n\n`, `put q:\n${item}\ni\n\n`, `put q:\r\n${item}\r\n\r\n`]) {
      expect(await client.talk(`${request}get none\n`)).toBe(`${answer}*\n`);
      let slowly = "";
      for (const piece of bytewise(Buffer.from(`${request}get none\n`))) slowly += await client.talk(piece);
      expect(slowly).toBe(`${answer}*\n`);
    }
    expect(port.node.queue("q").length).toBe(1);
    expect(port.host.bodyMemory.bytes).toBe(0);
  });

  test("of the memory for what is half received, over all connections", async () => {
    const [one, two] = [(await start({ limits: { bodyBytesMax: 100_000 } })).connect(), port.connect()];
    await one.talk(`put q:\n${"a".repeat(60_000)}`);
    expect(port.host.bodyMemory.bytes).toBeGreaterThanOrEqual(60_000);
    expect(await two.talk(`put q:\n${"b".repeat(60_000)}\n\nversion\n`)).toBe("-Out of memory.\n:3.0.0\n");
    expect(await one.talk("\n\n")).toBe("+1\n");
    expect(port.host.bodyMemory.bytes).toBe(0);
    await one.talk("put q:\nhalf");
    one.drop();
    expect(port.host.bodyMemory.bytes).toBe(0);
  });

  test("of a line", async () => {
    const client = (await start({ limits: { lineBytesMax: 100 } })).connect();
    expect(await client.talk(`get ${"q".repeat(200)}`)).toBe("-Line too long.\n");
    expect(client.socket.isEnded).toBe(true);
  });

  test("of the queue: what it refuses is not counted, and the others are tried", async () => {
    const client = (await start({ rules: { default: { maxItems: 2 } } })).connect();
    expect(await client.talk("put q:\n1\n2\n3\n\n")).toBe("+2\n");
    await port.node.stop();
    const other = (await start({ rules: { default: { maxItemSizeBytes: 2 } } })).connect();
    expect(await other.talk("put q:\n12\n345\n6\n\nget q\nget q\n")).toBe("+2\n:12\n:6\n");
  });
});
