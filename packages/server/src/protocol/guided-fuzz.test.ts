/**
 * Each protocol's reader under inputs that are guided by what they reach. Whatever comes: what is answered is whole
 * answers, the same ones wherever the input is cut, and nothing is left behind when the connection ends.
 * `KESTREL_GUIDED_MS` says for how long, `KESTREL_GUIDED_SEED` repeats a run.
 */
import { expect, test } from "vitest";
import { readAnswerFrames, requestFrame } from "../testing/binary-frame.ts";
import { TestPort, type TestPortOptions } from "../testing/fake-connection.ts";
import { type FuzzTarget, fuzzAnnounced, guidedMs } from "../testing/guided-fuzz.ts";
import { call, frameOf, readAnswers, thrift } from "../testing/thrift-library.ts";
import { TextCodec } from "./text/text-codec.ts";
import { ThriftCodec } from "./thrift/thrift-codec.ts";

interface Protocol extends Pick<FuzzTarget, "name" | "seeds" | "words"> {
  readonly makeCodec?: NonNullable<TestPortOptions["makeCodec"]>;
  /** Throws when this is not whole answers. */
  check(answers: Buffer): void;
}

const bodyBytesMax = 20_000;
const limits = { itemBytesMax: 1000, lineBytesMax: 200, bodyBytesMax, heldBytesMax: 1000 };
/** What waits for longer is still there when the client's last byte comes. */
const waitMs = 2_000;

const lines = (...texts: string[]): Buffer[] => texts.map((text) => Buffer.from(text, "latin1"));

function checkAscii(answers: Buffer): void {
  for (let at = 0; at < answers.length; ) {
    const lineEnd = answers.indexOf("\r\n", at);
    if (lineEnd < 0) throw new Error(`half a line: ${answers.toString("latin1", at)}`);
    const line = answers.toString("latin1", at, lineEnd);
    at = lineEnd + 2;
    const [, size] = /^VALUE [^ ]* \d+ (\d+)(?: \d+)?$/.exec(line) ?? [];
    if (size === undefined) continue;
    at += Number(size);
    if (answers.toString("latin1", at, (at += 2)) !== "\r\n") throw new Error(`no end of the data: ${line}`);
  }
}

const memcache: Protocol = {
  name: "memcache",
  seeds: [
    ...lines(
      "set q 0 0 5\r\nhello\r\nget q\r\nset q 7 100 1\r\nx\r\ngets q q/t=5\r\n",
      "set q+f 0 0 1 noreply\r\na\r\nget q+f/open\r\nget q+f/close/open\r\nget q+f/abort\r\nget q/peek\r\n",
      "monitor q 1 2\r\nconfirm q 1\r\nflush q\r\ndelete q\r\nflush_all\r\nversion\r\nverbosity 1\r\n",
      "stats\r\ndump_stats q\r\ndump_config\r\nstatus\r\nstatus UP\r\nreload\r\nflush_expired q\r\nquit\r\n",
      "add q 0 0 1\r\nx\r\ncas q 0 0 1 5\r\ny\r\nset q 0 -1 2000\r\nzz",
    ),
    Buffer.concat([
      requestFrame({ opcode: 0x01, extras: "0000000000000000", key: "q", value: "hello", opaque: 5 }),
      requestFrame({ opcode: 0x00, key: "q/open" }),
      requestFrame({ opcode: 0x0c, key: "q/close" }),
      requestFrame({ opcode: 0x0a }),
    ]),
    Buffer.concat([
      requestFrame({ opcode: 0x11, extras: "0000000700000064", key: "q", value: "quiet" }),
      requestFrame({ opcode: 0x09, key: "q/t=9" }),
      requestFrame({ opcode: 0x10 }),
      requestFrame({ opcode: 0x08 }),
      requestFrame({ opcode: 0x1b, extras: "00000001" }),
      requestFrame({ opcode: 0x20 }),
      requestFrame({ opcode: 0x21, key: "PLAIN", value: "\0user\0password" }),
      requestFrame({ opcode: 0x0b }),
      requestFrame({ opcode: 0x07 }),
    ]),
  ],
  words: lines(
    ..."set get gets add cas delete flush_all flush_expired monitor confirm stats dump_stats status shutdown".split(
      " ",
    ),
    ..."noreply q q+f q/ /open /close /abort /peek /t= /t=10 DOWN UP \r\n \n \r \0 \x80 \u00c3\u00bc".split(
      / (?=.)/,
    ),
    " ",
  ),
  check: (answers) => {
    if (answers[0] === 0x81) readAnswerFrames(answers);
    else checkAscii(answers);
  },
};

const text: Protocol = {
  name: "text",
  seeds: lines(
    "put q:\nhello\nworld\n\nget q\nget q 10\nconfirm q 1\n",
    "put q 50:\none\n\npeek q\nmonitor q 5 3\nconfirm q 2\nflush q\ndelete q\n",
    "status\nstatus UP\nversion\nnothing\nquit\n",
  ),
  words: lines(
    ..."put get peek monitor confirm flush delete status version shutdown q q+f q: : \n \n\n \r\n -1 \xff".split(
      / (?=.)/,
    ),
    " ",
  ),
  makeCodec: (wire, host) => new TextCodec(wire, host),
  check: (answers) => expect(answers.toString("latin1")).toMatch(/^(?:[+\-:*][^\n]*\n)*$/),
};

const { Type } = thrift.Thrift;

const thriftSeeds: readonly Buffer[] = [
  frameOf("put", call, 1, (to) => {
    to.writeFieldBegin!("", Type.STRING, 1);
    to.writeString!("q");
    to.writeFieldBegin!("", Type.LIST, 2);
    to.writeListBegin!(Type.STRING, 2);
    for (const item of ["one", "two"]) to.writeString!(item);
    to.writeFieldBegin!("", Type.I32, 3);
    to.writeI32!(50);
  }),
  frameOf("get", call, 2, (to) => {
    to.writeFieldBegin!("", Type.STRING, 1);
    to.writeString!("q");
    for (const [i, value] of [5, 10, 20].entries()) {
      to.writeFieldBegin!("", Type.I32, i + 2);
      to.writeI32!(value);
    }
  }),
  ...["confirm", "abort"].map((name) =>
    frameOf(name, call, 3, (to) => {
      to.writeFieldBegin!("", Type.STRING, 1);
      to.writeString!("q");
      to.writeFieldBegin!("", Type.SET, 2);
      to.writeSetBegin!(Type.I64, 1);
      to.writeI64!(1);
    }),
  ),
  ...["peek", "flush_queue", "delete_queue", "get_stats"].map((name) =>
    frameOf(name, call, 4, (to) => {
      to.writeFieldBegin!("", Type.STRING, 1);
      to.writeString!("q");
    }),
  ),
  ...["current_status", "flush_all_queues", "get_version", "nothing"].map((name) => frameOf(name, call, 5)),
];

const thriftProtocol: Protocol = {
  name: "thrift",
  seeds: [...thriftSeeds, Buffer.concat([...thriftSeeds])],
  words: [
    ...thriftSeeds,
    ...lines(..."put get confirm abort peek authenticate set_status q q+f".split(" ")),
    // Fields: a struct, a list, a map, a set; a double; stop.
    ...[
      "0c0001",
      "0f000108",
      "0d00010b0b",
      "0e00010a",
      "040001",
      "00",
      "80010001",
      "7fffffff",
      "ffffffff",
    ].map((hex) => Buffer.from(hex, "hex")),
  ],
  makeCodec: (wire, host) => new ThriftCodec(wire, host),
  check: (answers) => readAnswers(answers),
};

/** All that is answered to these pieces, and what must hold afterwards. */
async function answersTo(pieces: readonly Buffer[], protocol: Protocol): Promise<Buffer> {
  const { makeCodec } = protocol;
  const port = await TestPort.start({ maxOpenTransactions: 3, limits, ...(makeCodec && { makeCodec }) });
  const { node, host } = port;
  const client = port.connect();
  let answers = "";
  for (const piece of pieces) answers += await client.talk(piece);
  expect(host.bodyMemory.bytes).toBeLessThanOrEqual(bodyBytesMax);
  node.clock.advance(waitMs);
  answers += await client.hear();
  client.endInput();
  answers += await client.hear();
  client.drop();
  await client.hear();
  expect(host.bodyMemory.bytes, "bytes of bodies that are left").toBe(0);
  for (const name of node.queues.names()) {
    const queue = node.queues.find(name);
    expect(queue?.waiterLength ?? 0, `waiting in ${name}`).toBe(0);
    // A read that was lent out by thrift stays out until its time is over.
    if (protocol !== thriftProtocol) expect(queue?.openLength ?? 0, `open in ${name}`).toBe(0);
  }
  expect(node.log.lines.filter(({ level }) => level === "error")).toEqual([]);
  await node.stop();
  return Buffer.from(answers, "latin1");
}

function targetOf(protocol: Protocol): FuzzTarget {
  return {
    ...protocol,
    run: async (input) => {
      const whole = await answersTo([input], protocol);
      protocol.check(whole);
      // These tell of bytes that have come so far, or of the journal, whose frames are the turns.
      if (/bytes_read|logsize|get_stats|peek/.test(whole.toString("latin1"))) return;
      const cut = input.reduce((sum, byte) => sum + byte, 0) % (input.length + 1);
      const inPieces = await answersTo([input.subarray(0, cut), input.subarray(cut)], protocol);
      expect(inPieces.toString("latin1"), `cut at ${cut}`).toBe(whole.toString("latin1"));
    },
  };
}

test.each([memcache, text, thriftProtocol].map(targetOf))(
  "$name: whole answers to anything, wherever it is cut",
  { timeout: guidedMs + 60_000 },
  fuzzAnnounced,
);
