/** Who says who it is, in each protocol's words, and what becomes of connections when users change. */
import { afterEach, describe, expect, test } from "vitest";
import { QueueRules } from "../settings/queue-rules.ts";
import { requestFrame, saslFrame } from "../testing/binary-frame.ts";
import { type TestClient, TestPort, type TestPortOptions } from "../testing/fake-connection.ts";
import { cutsOf } from "../testing/pieces.ts";
import { makeUser } from "../testing/quick-passwords.ts";
import { call, frameOf, thrift, type Writer } from "../testing/thrift-library.ts";
import { TextCodec } from "./text/text-codec.ts";
import { ThriftCodec } from "./thrift/thrift-codec.ts";

const shop = await makeUser("shop", "a secret:", { put: ["*"], get: ["q"] });
const other = await makeUser("bäcker", "brot", { get: ["*"], admin: true });
const users = [shop, other];

type Door = "memcache" | "text" | "thrift";
const makeCodecs: Record<Door, TestPortOptions["makeCodec"]> = {
  memcache: undefined,
  text: (wire, host) => new TextCodec(wire, host),
  thrift: (wire, host) => new ThriftCodec(wire, host),
};

let port: TestPort;
afterEach(() => port?.node.stop());

async function start(door: Door, options: TestPortOptions = {}): Promise<TestPort> {
  const makeCodec = makeCodecs[door];
  // While a password is checked, the clock of these tests runs fast.
  const limits = { barredMsMax: 1e12, ...options.limits };
  const settings = { users, ...options, limits };
  port = await TestPort.start(makeCodec === undefined ? settings : { ...settings, makeCodec });
  return port;
}

/** Passwords are checked elsewhere, and wrong ones answered late: goes on until this is there, or surely not. */
async function expectAnswer(client: TestClient, expected: string): Promise<void> {
  let heard = "";
  for (
    const began = performance.now();
    heard.length < expected.length && performance.now() - began < 10_000;
  ) {
    heard += await client.hear();
    port.node.clock.advance(10);
  }
  heard += await client.hear();
  expect(heard).toBe(expected);
}

const latin1 = (text: string): string => Buffer.from(text).toString("latin1");
const asciiAuth = (data: string): string => `set any 0 0 ${Buffer.byteLength(data)}\r\n${latin1(data)}\r\n`;
const failed = "CLIENT_ERROR authentication failure\r\n";

/** Sent, answered, and whether the connection is over then. */
type Talk = readonly [what: string, sent: string, answer: string, isOver?: "over"];

function talks(door: Door, rows: readonly Talk[]): void {
  const whole = rows.map(([what, sent, answer, isOver = ""]) => [what, sent, answer, isOver] as const);
  test.each(whole)("%s", async (_, sent, answer, isOver) => {
    await start(door);
    const client = port.connect();
    client.send(sent);
    await expectAnswer(client, answer);
    expect(client.socket.isEnded).toBe(isOver === "over");
  });

  test("cut anywhere, it is the same", async () => {
    await start(door);
    const [, sent, answer] = rows[0] as Talk;
    for (const parts of cutsOf(Buffer.from(sent, "latin1"))) {
      const client = port.connect();
      for (const part of parts) client.send(part);
      await expectAnswer(client, answer);
      client.drop();
      port.node.queues.flushAll();
    }
  });
}

describe("memcache, ASCII", () => {
  talks("memcache", [
    [
      "the first set is user and password, and those behind it wait",
      `${asciiAuth("shop a secret:")}set q 0 0 1\r\na\r\nget q\r\n`,
      "STORED\r\nSTORED\r\nVALUE q 0 1\r\na\r\nEND\r\n",
    ],
    ["a user with an umlaut", `${asciiAuth("bäcker brot")}get q\r\n`, "STORED\r\nEND\r\n"],
    [
      "another password, then the right one",
      asciiAuth("shop x") + asciiAuth("shop a secret:"),
      `${failed}STORED\r\n`,
    ],
    ["no password", asciiAuth("shop"), failed],
    ["nothing at all", asciiAuth(""), failed],
    ["a line end behind the password", asciiAuth("shop a secret:\n"), failed],
    ["version is for everybody", "version\r\nVERSION\r\n", "VERSION 3.0.0\r\nVERSION 3.0.0\r\n"],
    ["quit, too", "quit\r\nget q\r\n", "", "over"],
    ["a get is not, and ends it", "get q\r\nget q\r\n", "CLIENT_ERROR unauthenticated\r\n", "over"],
    ["nor what carries data", "add q 0 0 5\r\nquit\r\n\r\n", "CLIENT_ERROR unauthenticated\r\n", "over"],
    ["nor an item", "set q 0 0 5000\r\n", "CLIENT_ERROR unauthenticated\r\n", "over"],
    ["nor a set without a size", "set q 0 0\r\n", "CLIENT_ERROR unauthenticated\r\n", "over"],
    ["nor an empty line", "\r\n", "CLIENT_ERROR unauthenticated\r\n", "over"],
    ["data without a line end", "set q 0 0 1\r\nabc\r\n", "CLIENT_ERROR bad data chunk\r\n", "over"],
  ]);
});

describe("memcache, binary", () => {
  const text = (frame: Buffer): string => frame.toString("latin1");
  const answer = (opcode: number, status: number, value: string): string => {
    const frame = requestFrame({ opcode, value });
    frame[0] = 0x81;
    frame.writeUInt16BE(status, 6);
    return text(frame);
  };
  const list = text(requestFrame({ opcode: 0x20 }));
  const sasl = (user: string, password: string, mechanism?: string): string =>
    text(saslFrame(user, password, mechanism));
  const plain = (value: string | Buffer): string => text(requestFrame({ opcode: 0x21, key: "PLAIN", value }));
  const noop = text(requestFrame({ opcode: 0x0a }));
  const welcome = answer(0x21, 0, "Authenticated");
  const refused = answer(0x21, 0x20, "Auth failure.");
  talks("memcache", [
    [
      "list, PLAIN, and what comes behind it waits",
      list + sasl("shop", "a secret:") + noop,
      answer(0x20, 0, "PLAIN") + welcome + answer(0x0a, 0, ""),
    ],
    ["who one wants to be, which is the user", plain("shop\0shop\0a secret:"), welcome],
    ["who one wants to be, which is another one", plain("bäcker\0shop\0a secret:"), refused],
    [
      "another password, then the right one",
      sasl("shop", "x") + sasl("shop", "a secret:"),
      refused + welcome,
    ],
    [
      "the right one, then another one: it stays who it was",
      sasl("shop", "a secret:") + sasl("shop", "x") + noop,
      welcome + refused + answer(0x0a, 0, ""),
    ],
    ["another mechanism", sasl("shop", "a secret:", "CRAM-MD5"), refused],
    [
      "a step",
      text(requestFrame({ opcode: 0x22, key: "PLAIN", value: "\0shop\0a secret:" })),
      answer(0x22, 0x20, "Auth failure."),
    ],
    ["no zeros", plain("shop a secret:"), refused],
    ["one zero", plain("shop\0a secret:"), refused],
    ["nothing", plain(""), refused],
    ["more than anybody has", plain(Buffer.alloc(5000, "x")), refused],
    ["version is for everybody", text(requestFrame({ opcode: 0x0b })), answer(0x0b, 0, "3.0.0")],
    ["a noop is not, and ends it", noop + noop, answer(0x0a, 0x20, "Auth failure."), "over"],
    [
      "nor is a put, whose item nobody waits for",
      text(requestFrame({ opcode: 1, key: "q", extras: "00".repeat(8), value: "a" })).slice(0, -1),
      answer(1, 0x20, "Auth failure."),
      "over",
    ],
    [
      "nor what nobody knows",
      text(requestFrame({ opcode: 0x77 })),
      answer(0x77, 0x20, "Auth failure."),
      "over",
    ],
    [
      "what one has no right to leaves the connection alive",
      sasl("shop", "a secret:") + text(requestFrame({ opcode: 0x00, key: "r" })) + noop,
      welcome + answer(0, 8, "not allowed to read r") + answer(0x0a, 0, ""),
    ],
  ]);

  test("without users everybody is welcome", async () => {
    await start("memcache", { users: [] });
    const client = port.connect();
    client.send(list + sasl("anybody", "anything") + noop);
    await expectAnswer(client, answer(0x20, 0, "PLAIN") + welcome + answer(0x0a, 0, ""));
  });
});

describe("text", () => {
  talks("text", [
    ["auth, and what comes behind it waits", "auth shop a secret:\nput q:\na\n\nget q\n", "+0\n+1\n:a\n"],
    ["with CR LF", "AUTH shop a secret:\r\nget q\r\n", "+0\n*\n"],
    [
      "another password, then the right one",
      "auth shop a secret\nauth shop a secret:\n",
      "-authentication failure\n+0\n",
    ],
    ["a space behind the password", "auth shop a secret: \n", "-authentication failure\n"],
    ["no password", "auth shop\n", "-User & password required.\n"],
    ["version is for everybody", "version\n", ":3.0.0\n"],
    ["quit, too", "quit\n", "+0\n", "over"],
    ["a get is not, and ends it", "get q\nget q\n", "-Not authenticated.\n", "over"],
    ["nor are items, which nobody keeps", "version:\nlong\n", "-Not authenticated.\n", "over"],
    ["auth alone says nothing", "auth\n", "-Not authenticated.\n", "over"],
  ]);

  test("without users everybody is welcome", async () => {
    await start("text", { users: [] });
    const client = port.connect();
    client.send("auth any body\nget q\n");
    await expectAnswer(client, "+0\n*\n");
  });
});

describe("thrift", () => {
  const { Type } = thrift.Thrift;
  const authenticate = (user: string, password: string): string =>
    frameOf("authenticate", call, 1, (to: Writer) => {
      for (const [id, value] of [user, password].entries()) {
        to.writeFieldBegin!("", Type.STRING, id + 1);
        to.writeString!(value);
      }
    }).toString("latin1");
  const empty = (name: string): string => frameOf(name, call, 2).toString("latin1");
  const done = frameOf("authenticate", 2, 1).toString("latin1");
  const text = (name: string, sequenceId: number, value: string): string =>
    frameOf(name, 2, sequenceId, (to) => {
      to.writeFieldBegin!("", Type.STRING, 0);
      to.writeString!(value);
    }).toString("latin1");
  const status = frameOf("current_status", 2, 2, (to) => {
    to.writeFieldBegin!("", Type.I32, 0);
    to.writeI32!(3);
  }).toString("latin1");
  const exception = (
    name: string,
    sequenceId: number,
    message: string,
    code: string | null,
    type = 6,
  ): string =>
    frameOf(name, 3, sequenceId, (to) => {
      to.writeFieldBegin!("", Type.STRING, 1);
      to.writeString!(message);
      to.writeFieldBegin!("", Type.I32, 2);
      to.writeI32!(type);
      if (code === null) return;
      to.writeFieldBegin!("", Type.STRING, 3);
      to.writeString!(code);
    }).toString("latin1");
  talks("thrift", [
    [
      "the first call, and what comes behind it waits",
      authenticate("shop", "a secret:") + empty("current_status"),
      done + status,
    ],
    [
      "another password, then the right one",
      authenticate("shop", "x") + authenticate("shop", "a secret:"),
      exception("authenticate", 1, "authentication failure", "unauthenticated") + done,
    ],
    [
      "nothing said",
      empty("authenticate"),
      exception("authenticate", 2, "authentication failure", "unauthenticated"),
    ],
    [
      "more than anybody has",
      authenticate("shop", "x".repeat(5000)) + empty("get_version"),
      exception("authenticate", 1, "a call has at most 4096 bytes of arguments, not 5019", "too-large") +
        text("get_version", 2, "3.0.0"),
    ],
    [
      "others wait until then, and the connection lives",
      empty("current_status") + authenticate("shop", "a secret:") + empty("current_status"),
      exception("current_status", 2, "not authenticated", "unauthenticated") + done + status,
    ],
    [
      "the probe of Finagle's clients is answered as ever",
      empty("__can__finagle__trace__v3__") + authenticate("shop", "a secret:"),
      exception(
        "__can__finagle__trace__v3__",
        2,
        "Invalid method name: '__can__finagle__trace__v3__'",
        null,
        1,
      ) + done,
    ],
  ]);
});

test("who does not say who it is has to go after a while, and nobody else", async () => {
  await start("memcache", { limits: { barredMsMax: 30_000 } });
  const silent = port.connect();
  const talking = port.connect();
  for (let i = 0; i < 29; i++) {
    port.node.clock.advance(1000);
    expect(await talking.talk("version\r\n")).toBe("VERSION 3.0.0\r\n");
  }
  const known = port.connect();
  known.send(asciiAuth("shop a secret:"));
  await expect.poll(() => known.hear(), { timeout: 20_000 }).toBe("STORED\r\n");
  expect([silent.socket.isEnded, talking.socket.isEnded]).toEqual([false, false]);
  port.node.clock.advance(1000);
  await known.hear();
  expect([silent.socket.isEnded, talking.socket.isEnded]).toEqual([true, true]);
  port.node.clock.advance(60_000);
  expect(await known.talk("get q\r\n")).toBe("END\r\n");
});

describe("while a password is checked", () => {
  test("a client may go", async () => {
    await start("memcache");
    const client = port.connect();
    client.send(asciiAuth("shop a secret:"));
    client.drop();
    const patient = port.connect();
    patient.send(asciiAuth("shop a secret:"));
    await expectAnswer(patient, "STORED\r\n");
    expect(await client.hear()).toBe("");
  });

  test("a client may have said all it has to say", async () => {
    await start("memcache");
    const client = port.connect();
    client.send(`${asciiAuth("shop a secret:")}set q 0 0 1\r\na\r\nget q\r\n`);
    client.endInput();
    await expectAnswer(client, "STORED\r\nSTORED\r\nVALUE q 0 1\r\na\r\nEND\r\n");
    expect(client.socket.isEnded).toBe(true);
  });

  test("no more than a bound is kept of what comes behind it", async () => {
    await start("memcache", { limits: { heldBytesMax: 1000 } });
    const client = port.connect();
    client.send(`${asciiAuth("shop a secret:")}${"get q\r\n".repeat(1000)}`);
    expect(client.socket.isPaused).toBe(true);
    await expectAnswer(client, `STORED\r\n${"END\r\n".repeat(1000)}`);
    expect(client.socket.isPaused).toBe(false);
  });
});

describe("when users change", () => {
  async function come(name: "shop" | "bäcker"): Promise<TestClient> {
    const client = port.connect();
    client.send(asciiAuth(name === "shop" ? "shop a secret:" : "bäcker brot"));
    await expectAnswer(client, "STORED\r\n");
    return client;
  }

  const change = (...next: (typeof users)[number][]): void => {
    port.host.locks.change(next, new QueueRules());
    port.node.queues.dismissWaiters();
  };

  test("who is no user any more may nothing more, at once", async () => {
    await start("memcache");
    const client = await come("shop");
    const waiting = await come("shop");
    const monitoring = await come("shop");
    waiting.send("get q/t=60000\r\n");
    monitoring.send("monitor q 60\r\n");
    expect(await waiting.hear()).toBe("");
    change(other);
    port.node.put("q", "a");
    expect(await waiting.hear()).toBe("END\r\n");
    expect(await monitoring.hear()).toBe("END\r\n");
    expect(await client.talk("get q\r\n")).toBe("CLIENT_ERROR unauthenticated\r\n");
    expect(client.socket.isEnded).toBe(true);
    expect((await port.node.get("q"))?.text).toBe("a");
  });

  test("who has other rights has them at once, and stays", async () => {
    await start("memcache");
    const client = await come("shop");
    expect(await client.talk("get r\r\n")).toBe("CLIENT_ERROR not allowed to read r\r\n");
    change(other, { ...shop, get: ["r"] });
    expect(await client.talk("get r\r\n")).toBe("END\r\n");
    expect(await client.talk("get q\r\n")).toBe("CLIENT_ERROR not allowed to read q\r\n");
  });

  test("a monitor that waits for its client to read goes no further than it may", async () => {
    await start("memcache", { limits: { unsentBytesMax: 1000 }, maxOpenTransactions: 100 });
    for (let i = 0; i < 10; i++) port.node.put("q", "x".repeat(600));
    const client = await come("shop");
    client.socket.isStuck = true;
    client.send("monitor q 60 100\r\n");
    await client.hear();
    const open = port.node.queue("q").openLength;
    expect(open).toBeLessThan(10);
    change(other);
    client.socket.drain();
    expect(await client.hear()).toMatch(/\r\nEND\r\nEND\r\n$/);
    expect(port.node.queue("q").openLength).toBe(open);
  });

  test("a call that has got some items, and waits for more, has to do with those", async () => {
    await start("thrift");
    const client = port.connect();
    const { Type } = thrift.Thrift;
    const strings = (name: string, ...values: string[]): Buffer =>
      frameOf(name, call, 1, (to) => {
        for (const [id, value] of values.entries()) {
          to.writeFieldBegin!("", Type.STRING, id + 1);
          to.writeString!(value);
        }
      });
    client.send(strings("authenticate", "shop", "a secret:"));
    await expectAnswer(client, frameOf("authenticate", 2, 1).toString("latin1"));
    client.send(
      frameOf("get", call, 2, (to) => {
        to.writeFieldBegin!("", Type.STRING, 1);
        to.writeString!("q");
        for (const [id, value] of [
          [2, 3],
          [3, 60_000],
        ] as const) {
          to.writeFieldBegin!("", Type.I32, id);
          to.writeI32!(value);
        }
      }),
    );
    port.node.queues.put("q", Buffer.from("mine"), 0, 4, 0, 0);
    // In this turn it has been handed the first one, and not asked for the next one yet.
    port.host.locks.change([other], new QueueRules());
    expect(await client.hear()).toContain("mine");
    port.node.put("q", "not mine");
    expect((await port.node.get("q"))?.text).toBe("not mine");
  });

  test("a node that was open is not any more", async () => {
    await start("memcache", { users: [] });
    const client = port.connect();
    expect(await client.talk("get q\r\n")).toBe("END\r\n");
    change(shop);
    expect(await client.talk("get q\r\n")).toBe("CLIENT_ERROR unauthenticated\r\n");
  });
});

test("a queue for one client alone is closed on a node without users, too", async () => {
  await start("memcache", { users: [], rules: { queues: [["q", { clientIdForEnqueue: "shop" }]] } });
  const client = port.connect();
  expect(await client.talk("set q 0 0 1\r\na\r\nget q\r\nset r 0 0 1\r\na\r\n")).toBe(
    "CLIENT_ERROR not allowed to put into q\r\nEND\r\nSTORED\r\n",
  );
});
