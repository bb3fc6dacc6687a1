import { describe, expect, test } from "vitest";
import { TestPort, type TestPortOptions } from "../../testing/fake-connection.ts";
import { bytewise, cutsOf } from "../../testing/pieces.ts";

interface Frame {
  opcode: number;
  status?: number;
  opaque?: number;
  cas?: number;
  extras?: string;
  key?: string;
  value?: string;
}

/** A request, or with `magic` 0x81 an answer; extras are hex. */
function frame(fields: Frame, magic = 0x80): Buffer {
  const extras = Buffer.from(fields.extras ?? "", "hex");
  const key = Buffer.from(fields.key ?? "", "latin1");
  const value = Buffer.from(fields.value ?? "", "latin1");
  const header = Buffer.alloc(24);
  header[0] = magic;
  header[1] = fields.opcode;
  header.writeUInt16BE(key.length, 2);
  header[4] = extras.length;
  header.writeUInt16BE(fields.status ?? 0, 6);
  header.writeUInt32BE(extras.length + key.length + value.length, 8);
  header.writeUInt32BE(fields.opaque ?? 0, 12);
  header.writeBigUInt64BE(BigInt(fields.cas ?? 0), 16);
  return Buffer.concat([header, extras, key, value]);
}

const answer = (fields: Frame): Buffer => frame(fields, 0x81);
const noExpiry = "0000000000000000";
const set = (key: string, value: string, opcode = 0x01, opaque = 0): Buffer =>
  frame({ opcode, key, value, extras: noExpiry, opaque });
/** The first item of its queue was stored. */
const stored = answer({ opcode: 0x01, cas: 1 });
const item = (value: string, cas: number, opcode = 0x00): Buffer =>
  answer({ opcode, value, cas, extras: "00000000" });
const miss = answer({ opcode: 0x00, status: 1, value: "Not found" });
const get = (key: string, opcode = 0x00): Buffer => frame({ opcode, key });
const noop = frame({ opcode: 0x0a, opaque: 0xdeadbeef });
const noopAnswer = answer({ opcode: 0x0a, opaque: 0xdeadbeef });

type Case = readonly [name: string, sent: Buffer[], answers: Buffer[]];

const living: Case[] = [
  ["set and get", [set("q", "abc"), get("q"), get("q")], [stored, item("abc", 1), miss]],
  ["an empty item", [set("q", ""), get("q")], [stored, item("", 1)]],
  [
    "flags and opaque",
    [
      frame({ opcode: 1, key: "q", value: "x", extras: "deadbeef00000000", opaque: 7 }),
      frame({ opcode: 0, key: "q", opaque: 0xffffffff }),
    ],
    [
      answer({ opcode: 1, opaque: 7, cas: 1 }),
      answer({ opcode: 0, opaque: 0xffffffff, extras: "deadbeef", value: "x", cas: 1 }),
    ],
  ],
  [
    "GETK says the key as asked",
    [set("q", "a"), get("q/t=0", 0x0c), get("q", 0x0c)],
    [
      stored,
      answer({ opcode: 0x0c, key: "q/t=0", value: "a", cas: 1, extras: "00000000" }),
      answer({ opcode: 0x0c, status: 1, key: "q" }),
    ],
  ],
  [
    "quiet gets",
    [set("q", "a"), get("none", 0x09), get("q", 0x09), get("q", 0x0d), noop],
    [stored, item("a", 1, 0x09), noopAnswer],
  ],
  [
    "quiet puts",
    [set("q", "a", 0x11), set("a/b", "x", 0x11, 5), noop, get("q")],
    [
      answer({ opcode: 0x11, status: 4, opaque: 5, value: "a queue's name has none of / ~ ." }),
      noopAnswer,
      item("a", 1),
    ],
  ],
  [
    "reliable reads",
    [
      set("q", "a"),
      set("q", "b"),
      get("q/open"),
      get("q/close/open"),
      get("q/abort"),
      get("q/close"),
      get("q"),
    ],
    [stored, answer({ opcode: 0x01, cas: 2 }), item("a", 1), item("b", 2), miss, miss, item("b", 2)],
  ],
  [
    "delete",
    [set("q", "a"), frame({ opcode: 4, key: "q" }), frame({ opcode: 0x14, key: "q" }), get("q")],
    [stored, answer({ opcode: 4 }), miss],
  ],
  [
    "flush",
    [
      set("q", "a"),
      frame({ opcode: 8 }),
      frame({ opcode: 8, extras: "00000000" }),
      frame({ opcode: 0x18 }),
      get("q"),
    ],
    [stored, answer({ opcode: 8 }), answer({ opcode: 8 }), miss],
  ],
  [
    "version and verbosity",
    [frame({ opcode: 0x0b }), frame({ opcode: 0x1b, extras: "00000001" })],
    [answer({ opcode: 0x0b, value: "3.0.0" }), answer({ opcode: 0x1b })],
  ],
  [
    "a put that expires at once",
    [frame({ opcode: 1, key: "q", value: "x", extras: "00000000000f4240" }), get("q")],
    [stored, miss],
  ],
  [
    "a put that has expired already: -1, and the furthest of what is negative",
    [
      frame({ opcode: 1, key: "q", value: "x", extras: "00000000ffffffff" }),
      frame({ opcode: 1, key: "q", value: "x", extras: "00000000fff0bdc0" }),
      get("q"),
    ],
    [stored, answer({ opcode: 1, cas: 2 }), miss],
  ],
  [
    "a put that expires in 2106",
    [frame({ opcode: 1, key: "q", value: "x", extras: "00000000fff0bdbf" }), get("q")],
    [stored, item("x", 1)],
  ],
  [
    "names that are none can't be deleted",
    [
      frame({ opcode: 4, key: "q/open" }),
      frame({ opcode: 0x14, key: "a.b", opaque: 5 }),
      frame({ opcode: 4, key: "\xff" }),
      noop,
    ],
    [
      answer({ opcode: 4, status: 4, value: "a queue's name has none of / ~ ." }),
      answer({ opcode: 0x14, status: 4, opaque: 5, value: "a queue's name has none of / ~ ." }),
      answer({ opcode: 4, status: 4, value: "a queue's name is UTF-8" }),
      noopAnswer,
    ],
  ],
  [
    "SASL",
    [
      frame({ opcode: 0x20 }),
      frame({ opcode: 0x21, key: "PLAIN", value: "\0user\0secret" }),
      frame({ opcode: 0x21, key: "OTHER", value: "x" }),
      frame({ opcode: 0x22, key: "PLAIN", value: "x" }),
    ],
    [
      answer({ opcode: 0x20, value: "PLAIN" }),
      answer({ opcode: 0x21, value: "Authenticated" }),
      answer({ opcode: 0x21, status: 0x20, value: "Auth failure." }),
      answer({ opcode: 0x22, status: 0x20, value: "Auth failure." }),
    ],
  ],
  [
    "credentials as long as a book",
    [frame({ opcode: 0x21, key: "PLAIN", value: "x".repeat(5000) })],
    [answer({ opcode: 0x21, status: 0x20, value: "Auth failure." })],
  ],
  [
    "an item that is too large",
    [set("q", "x".repeat(1001), 0x01, 9), set("q", "x".repeat(1001), 0x11), get("q")],
    [
      answer({ opcode: 1, status: 3, opaque: 9, value: "Too large." }),
      answer({ opcode: 0x11, status: 3, value: "Too large." }),
      miss,
    ],
  ],
  [
    "a name that is no UTF-8",
    [set("\xff", "get"), get("\xff")],
    [
      answer({ opcode: 1, status: 4, value: "a queue's name is UTF-8" }),
      answer({ opcode: 0, status: 4, value: "a queue's name is UTF-8" }),
    ],
  ],
  [
    "another set of statistics",
    [frame({ opcode: 0x10, key: "settings" })],
    [answer({ opcode: 0x10, status: 1, value: "Not found" })],
  ],
  ...[
    0x02, 0x03, 0x05, 0x06, 0x0e, 0x0f, 0x12, 0x13, 0x15, 0x16, 0x19, 0x1a, 0x1c, 0x1d, 0x1e, 0x23, 0x24,
    0xff,
  ].map(
    (opcode): Case => [
      `opcode ${opcode.toString(16)}`,
      [
        frame({ opcode, opaque: 3, key: "q", extras: noExpiry, value: set("q", "x").toString("latin1") }),
        get("q"),
      ],
      [answer({ opcode, status: 0x81, opaque: 3, value: "Unknown command" }), miss],
    ],
  ),
];

const invalid = (opcode: number, value = "Invalid arguments"): Buffer => answer({ opcode, status: 4, value });

function announcing(fields: Frame, sizes: { key?: number; body?: number }): Buffer {
  const bytes = frame(fields);
  if (sizes.key !== undefined) bytes.writeUInt16BE(sizes.key, 2);
  if (sizes.body !== undefined) bytes.writeUInt32BE(sizes.body, 8);
  return bytes;
}

/** The last answer of a connection. */
const ending: Case[] = [
  ["quit", [frame({ opcode: 7, opaque: 1 })], [answer({ opcode: 7, opaque: 1 })]],
  ["quitq", [frame({ opcode: 0x17 })], []],
  ["another magic", [noop, Buffer.from("get q\r\n")], [noopAnswer]],
  [
    "a body smaller than its parts",
    [announcing({ opcode: 1, key: "quite", extras: noExpiry }, { body: 3 })],
    [answer({ opcode: 1, status: 0x81, value: "Unknown command" })],
  ],
  ["a long key", [get("x".repeat(301))], [invalid(0)]],
  ["a get without a key", [frame({ opcode: 0 })], [invalid(0)]],
  ["a get with extras", [frame({ opcode: 0, key: "q", extras: "00" })], [invalid(0)]],
  ["a get with a value", [frame({ opcode: 0, key: "q", value: "x" })], [invalid(0)]],
  ["a put without extras", [frame({ opcode: 1, key: "q", value: "x" })], [invalid(1)]],
  ["a put without a key", [frame({ opcode: 1, extras: noExpiry, value: "x" })], [invalid(1)]],
  ["a noop with a key", [frame({ opcode: 0x0a, key: "q" })], [invalid(0x0a)]],
  [
    "options that exclude each other",
    [get("q/peek/open")],
    [invalid(0, "these options of a get exclude each other")],
  ],
  ["a bad time", [get("q/t=x")], [invalid(0, 'the time to wait is a number of milliseconds, not "x"')]],
  [
    "a plain get while a read is open",
    [set("q", "a"), get("q/open"), get("q")],
    [stored, item("a", 1), invalid(0, "a read on q is open")],
  ],
  [
    "too many open reads",
    [set("q", "a"), get("q/open"), get("q/open")],
    [stored, item("a", 1), invalid(0, "1 reads on q are open")],
  ],
];

const options: TestPortOptions = { limits: { itemBytesMax: 1000 } };

async function answersTo(pieces: readonly Buffer[]): Promise<{ answers: string; isClosed: boolean }> {
  const port = await TestPort.start(options);
  const client = port.connect();
  for (const piece of pieces) client.send(piece);
  const answers = await client.hear();
  const isClosed = client.socket.isEnded;
  await port.node.stop();
  return { answers, isClosed };
}

describe.each([
  ...living.map(([name, sent, answers]) => ({ name, sent, answers, isClosed: false })),
  ...ending.map(([name, sent, answers]) => ({ name, sent, answers, isClosed: true })),
])("$name", ({ sent, answers, isClosed }) => {
  const bytes = Buffer.concat([...sent, noop]);
  const expected = {
    answers: Buffer.concat([...answers, ...(isClosed ? [] : [noopAnswer])]).toString("latin1"),
    isClosed,
  };

  test("in one piece", async () => {
    expect(await answersTo([bytes])).toEqual(expected);
  });

  test("byte by byte", async () => {
    expect(await answersTo(bytewise(bytes))).toEqual(expected);
  });
});

test("a conversation cut at any place is the same conversation", async () => {
  const bytes = Buffer.concat([set("q", "abc"), set("q", "x".repeat(1001)), get("q/open", 0x0d), noop]);
  const whole = await answersTo([bytes]);
  for (const pieces of cutsOf(bytes)) expect(await answersTo(pieces)).toEqual(whole);
});

test("replies keep their order when a quiet get waits", async () => {
  const port = await TestPort.start();
  const client = port.connect();
  expect(await client.talk(Buffer.concat([get("q/t=1000", 0x09), get("r/t=1000", 0x09), noop]))).toBe("");
  await port.connect().talk("set r 0 0 1\r\nr\r\n");
  expect(await client.hear()).toBe("");
  port.node.clock.advance(1000);
  expect(await client.hear()).toBe(Buffer.concat([item("r", 1, 0x09), noopAnswer]).toString("latin1"));
  await port.node.stop();
});

test("statistics: a frame for each, and an empty one at the end", async () => {
  const port = await TestPort.start();
  const client = port.connect();
  const bytes = Buffer.from(await client.talk(frame({ opcode: 0x10, opaque: 2 })), "latin1");
  const names: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    expect([bytes[at], bytes[at + 1], bytes.readUInt32BE(at + 12)]).toEqual([0x81, 0x10, 2]);
    const keySize = bytes.readUInt16BE(at + 2);
    names.push(bytes.toString("latin1", at + 24, at + 24 + keySize));
    at += 24 + bytes.readUInt32BE(at + 8);
  }
  expect(names.slice(0, 3)).toEqual(["uptime", "time", "version"]);
  expect(names.indexOf("")).toBe(names.length - 1);
  await port.node.stop();
});

test("queues are shared with ASCII clients", async () => {
  const port = await TestPort.start();
  const [ascii, binary] = [port.connect(), port.connect()];
  await ascii.talk("set q 5 0 3\r\nabc\r\n");
  expect(await binary.talk(get("q"))).toBe(
    answer({ opcode: 0, extras: "00000005", value: "abc", cas: 1 }).toString("latin1"),
  );
  await binary.talk(frame({ opcode: 1, key: "q", value: "def", extras: "0000000600000000" }));
  expect(await ascii.talk("gets q\r\n")).toBe("VALUE q 6 3 2\r\ndef\r\nEND\r\n");
  await port.node.stop();
});
