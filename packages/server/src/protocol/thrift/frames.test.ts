import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type TestClient, TestPort, type TestPortOptions } from "../../testing/fake-connection.ts";
import { bytewise } from "../../testing/pieces.ts";
import {
  call,
  frameOf,
  oneway,
  type RawAnswer,
  readAnswers,
  thrift,
  type Writer,
} from "../../testing/thrift-library.ts";
import { ThriftCodec } from "./thrift-codec.ts";

const { Type } = thrift.Thrift;
const unknownMethod = 1;
const internalError = 6;
const protocolError = 7;

let port: TestPort;
let client: TestClient;

async function start(options: TestPortOptions = {}): Promise<void> {
  port = await TestPort.start({ makeCodec: (wire, host) => new ThriftCodec(wire, host), ...options });
  client = port.connect();
}

beforeEach(() => start());

afterEach(() => port.node.stop());

async function ask(...frames: Buffer[]): Promise<RawAnswer[]> {
  return readAnswers(Buffer.from(await client.talk(Buffer.concat(frames)), "latin1"));
}

/** The connection lives, and answers calls. */
async function expectAlive(): Promise<void> {
  expect(await ask(frameOf("get_version", call, 99))).toEqual([
    { name: "get_version", isException: false, sequenceId: 99 },
  ]);
}

function queueName(to: Writer, name = "q"): void {
  to.writeFieldBegin!("", Type.STRING, 1);
  to.writeString!(name);
}

function items(to: Writer, list: readonly string[]): void {
  to.writeFieldBegin!("", Type.LIST, 2);
  to.writeListBegin!(Type.STRING, list.length);
  for (const item of list) to.writeString!(item);
}

const put = (...list: string[]): Buffer =>
  frameOf("put", call, 1, (to) => {
    queueName(to);
    items(to, list);
  });

/** A frame whose size is right, with these bytes for arguments. */
function callOf(name: string, bytes: readonly number[]): Buffer {
  const head = frameOf(name, call, 7).subarray(0, -1);
  const frame = Buffer.concat([head, Buffer.from(bytes)]);
  frame.writeUInt32BE(frame.length - 4);
  return frame;
}

describe("a method that there isn't", () => {
  const name = "__can__finagle__trace__v3__";
  const exception = {
    name,
    isException: true,
    type: unknownMethod,
    message: `Invalid method name: '${name}'`,
  };

  test("gets an exception, and the connection lives", async () => {
    const probe = frameOf(name, call, 5, (to) => queueName(to));
    expect(await ask(probe, put("a"), probe)).toEqual([
      { ...exception, sequenceId: 5 },
      { name: "put", isException: false, sequenceId: 1 },
      { ...exception, sequenceId: 5 },
    ]);
    await expectAlive();
  });

  test("whatever its arguments are, and however they come", async () => {
    const probe = callOf(
      name,
      Array.from({ length: 1000 }, (_, i) => i & 0xff),
    );
    for (const piece of bytewise(probe).slice(0, -1)) expect(await client.talk(piece)).toBe("");
    expect(await ask(probe.subarray(-1))).toEqual([{ ...exception, sequenceId: 7 }]);
    await expectAlive();
  });

  test.each(["constructor", "__proto__", "toString", ""])("%j", async (odd) => {
    expect((await ask(frameOf(odd, call, 5)))[0]).toMatchObject({ isException: true, type: unknownMethod });
    await expectAlive();
  });
});

test("what is called one way is done, and not answered", async () => {
  const silent = frameOf("put", oneway, 1, (to) => {
    queueName(to);
    items(to, ["a", "b"]);
  });
  expect(await ask(silent, frameOf("nonsense", oneway, 2), frameOf("get_version", oneway, 3))).toEqual([]);
  expect(port.node.queue("q").length).toBe(2);
  expect(await ask(frameOf("set_status", oneway, 4), frameOf("put", oneway, 4))).toEqual([]);
  await expectAlive();
});

describe("arguments", () => {
  test("that are not known are skipped", async () => {
    const frame = frameOf("put", call, 1, (to) => {
      to.writeFieldBegin!("", Type.MAP, 900);
      to.writeMapBegin!(Type.STRING, Type.LIST, 1);
      to.writeString!("key");
      to.writeListBegin!(Type.BOOL, 3);
      for (let i = 0; i < 3; i++) to.writeBool!(true);
      queueName(to);
      to.writeFieldBegin!("", Type.STRUCT, -5);
      to.writeFieldBegin!("", Type.DOUBLE, 1);
      to.writeDouble!(1.5);
      to.writeFieldStop!();
      // Known numbers with types that are not theirs.
      to.writeFieldBegin!("", Type.I64, 3);
      to.writeI64!(1);
      to.writeFieldBegin!("", Type.SET, 4);
      to.writeSetBegin!(Type.I16, 2);
      to.writeI16!(1);
      to.writeI16!(2);
      items(to, ["a"]);
      to.writeFieldBegin!("", Type.MAP, 8);
      to.writeMapBegin!(0, 0, 0);
      to.writeFieldBegin!("", Type.BYTE, 9);
      to.writeByte!(1);
    });
    expect(await ask(frame)).toEqual([{ name: "put", isException: false, sequenceId: 1 }]);
    expect(port.node.queue("q").length).toBe(1);
  });

  test("that are missing have their defaults", async () => {
    for (const name of [
      "put",
      "get",
      "peek",
      "confirm",
      "abort",
      "flush_queue",
      "delete_queue",
      "set_status",
    ]) {
      const isRefused = ["get", "peek", "flush_queue", "delete_queue", "set_status"].includes(name);
      expect((await ask(frameOf(name, call, 1)))[0], name).toMatchObject({ name, isException: isRefused });
    }
    await expectAlive();
  });

  test.each<[string, Buffer]>([
    ["none, not even a stop", callOf("put", [])],
    ["a field without a value", callOf("put", [11, 0, 1])],
    ["half a size", callOf("put", [11, 0, 1, 0, 0])],
    ["a name longer than the frame", callOf("put", [11, 0, 1, 0, 0, 0, 5, 0x71, 0])],
    ["a name of 2 GB", callOf("put", [11, 0, 1, 0x7f, 0xff, 0xff, 0xff, 0x71, 0])],
    ["a name of negative size", callOf("put", [11, 0, 1, 0xff, 0xff, 0xff, 0xff, 0])],
    ["a list of two billion items", callOf("put", [15, 0, 2, 11, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0])],
    ["a list of a negative number of items", callOf("put", [15, 0, 2, 11, 0x80, 0, 0, 0, 0])],
    ["a list of numbers", callOf("put", [15, 0, 2, 3, 0, 0, 0, 1, 0, 0])],
    ["a set of two billion ids", callOf("confirm", [14, 0, 2, 10, 0x7f, 0xff, 0xff, 0xff, 0])],
    ["two billion booleans to skip", callOf("get_version", [15, 0, 9, 2, 0x7f, 0xff, 0xff, 0xff, 0])],
    ["two billion structs to skip", callOf("get_version", [15, 0, 9, 12, 0x7f, 0xff, 0xff, 0xff, 0])],
    ["a map of a negative size to skip", callOf("get_version", [13, 0, 9, 3, 3, 0xff, 0xff, 0xff, 0xff, 0])],
    ["a type that there isn't", callOf("get_version", [99, 0, 1, 0, 0])],
    ["a list of such a type", callOf("get_version", [15, 0, 1, 99, 0, 0, 0, 1, 0, 0])],
    [
      "structs nested too deeply",
      callOf("get_version", [...Array(100).fill([12, 0, 1]).flat(), ...Array(101).fill(0)]),
    ],
    [
      "lists nested too deeply",
      callOf("get_version", [15, 0, 1, ...Array(2000).fill([15, 0, 0, 0, 1]).flat(), 0]),
    ],
    ["no stop", callOf("get_version", [8, 0, 1, 0, 0, 0, 0])],
  ])("that are malformed end the connection, and nothing is done: %s", async (_, frame) => {
    const other = port.connect();
    const [answer] = await ask(frame, put("behind it"));
    expect(answer).toMatchObject({ isException: true, type: protocolError, sequenceId: 7 });
    expect(client.socket.isEnded).toBe(true);
    expect(port.node.queues.names()).toEqual([]);
    client = other;
    await expectAlive();
  });

  test("of a put that break off put nothing", async () => {
    const frame = put("a", "b", "c");
    const short = frame.subarray(0, -4);
    short.writeUInt32BE(short.length - 4);
    expect((await ask(short))[0]).toMatchObject({ type: protocolError });
    expect(port.node.queues.names()).toEqual([]);
  });

  test("that are too many are refused, and the connection lives", async () => {
    const [answer] = await ask(put(...Array<string>(65_537).fill("")));
    expect(answer).toMatchObject({ type: internalError, message: expect.stringContaining("65536") });
    await expectAlive();
    await ask(put(...Array<string>(65_536).fill("")));
    expect(port.node.queue("q").length).toBe(65_536);
  });

  test("a name that is no UTF-8 is refused, and the connection lives", async () => {
    const [answer] = await ask(callOf("peek", [11, 0, 1, 0, 0, 0, 1, 0xff, 0]));
    expect(answer).toMatchObject({ type: internalError, message: "a queue's name is UTF-8" });
    await expectAlive();
  });
});

describe("what is no call ends the connection without a word", () => {
  const withFirst = (frame: Buffer, byte: number): Buffer => {
    frame[4] = byte;
    return frame;
  };

  test.each<[string, string | Buffer]>([
    ["HTTP", "GET / HTTP/1.1\r\n\r\n"],
    ["memcache", "set q 0 0 1\r\nx\r\n"],
    ["thrift without frames", frameOf("get_version", call, 1).subarray(4)],
    ["zeros", "\0".repeat(20)],
    ["0xff", Buffer.alloc(20, 0xff)],
    ["a reply", frameOf("get_version", 2, 1)],
    ["no type of message", frameOf("get_version", 9, 1)],
    ["another version", withFirst(frameOf("get_version", call, 1), 0x82)],
    ["a name longer than its frame", Buffer.from("0000000c800100010000000a00000000000000", "hex")],
    ["an endless name", Buffer.from("7fffffff8001000100100000", "hex")],
    ["an empty frame", Buffer.from("00000000", "hex")],
    ["a frame without room for a call", Buffer.from("0000000880010001", "hex")],
  ])("%s", async (_, bytes) => {
    expect(await client.talk(bytes)).toBe("");
    expect(client.socket.isEnded).toBe(true);
    expect(port.host.bodyMemory.bytes).toBe(0);
  });
});

describe("large frames", () => {
  test("beyond the limit are passed by, and refused", async () => {
    await port.node.stop();
    await start({ limits: { itemBytesMax: 1000 } });
    const large = put("x".repeat(2 * 1024 * 1024));
    for (let at = 0; at < large.length - 1; at += 100_000) {
      expect(await client.talk(large.subarray(at, Math.min(at + 100_000, large.length - 1)))).toBe("");
      expect(port.host.bodyMemory.bytes).toBe(0);
    }
    expect(await ask(large.subarray(-1))).toMatchObject([{ type: internalError, sequenceId: 1 }]);
    expect(port.node.queues.names()).toEqual([]);
    await expectAlive();
  });

  test("cost no more memory than has arrived, times a little", async () => {
    const large = put("x".repeat(10 * 1024 * 1024));
    await client.talk(large.subarray(0, 100));
    expect(port.host.bodyMemory.bytes).toBeLessThan(100_000);
    await client.talk(large.subarray(100, 1024 * 1024));
    expect(port.host.bodyMemory.bytes).toBeLessThan(5 * 1024 * 1024);
    client.drop();
    expect(port.host.bodyMemory.bytes).toBe(0);
  });

  test("for which there is no memory are passed by, and refused", async () => {
    await port.node.stop();
    await start({ limits: { bodyBytesMax: 50_000 } });
    const large = put("x".repeat(100_000));
    expect(await ask(large.subarray(0, 60_000))).toEqual([]);
    expect(await ask(large.subarray(60_000))).toMatchObject([{ type: internalError, sequenceId: 1 }]);
    await expectAlive();
  });
});
