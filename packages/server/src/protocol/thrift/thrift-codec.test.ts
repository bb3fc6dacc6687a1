import { afterEach, describe, expect, test } from "vitest";
import { TestPort, type TestPortOptions } from "../../testing/fake-connection.ts";
import { bytewise, cutsOf } from "../../testing/pieces.ts";
import {
  call,
  FakeThrift,
  type FakeThriftOptions,
  frameOf,
  idsOf,
  int64,
  textsOf,
  type Writer,
} from "../../testing/thrift-library.ts";
import { ThriftCodec } from "./thrift-codec.ts";

let port: TestPort;

afterEach(() => port.node.stop());

async function start(options: TestPortOptions = {}): Promise<TestPort> {
  port = await TestPort.start({
    maxOpenTransactions: 10,
    makeCodec: (wire, host) => new ThriftCodec(wire, host),
    ...options,
  });
  return port;
}

const connect = (options?: FakeThriftOptions): FakeThrift => new FakeThrift(port.connect(), options);

/** A client of a new server. */
async function client(options?: TestPortOptions): Promise<FakeThrift> {
  await start(options);
  return connect();
}

async function put(texts: readonly string[]): Promise<void> {
  expect(await connect().ask((kestrel) => kestrel.put("q", texts))).toBe(texts.length);
}

const internalError = 6;

/** Of a get, written by hand: without what code of today writes for everybody. */
function getArguments(queue: string, max: number): (to: Writer) => void {
  return (to) => {
    to.writeFieldBegin!("queue_name", 11, 1);
    to.writeString!(queue);
    to.writeFieldBegin!("max_items", 8, 2);
    to.writeI32!(max);
  };
}

describe("put and get", () => {
  test("items in order, for good", async () => {
    const one = await client();
    const items = [Buffer.from([0, 255, 10, 13]), Buffer.alloc(0), Buffer.alloc(100_000, "large")];
    expect(await one.ask((kestrel) => kestrel.put("q", items))).toBe(3);
    const got = await one.ask((kestrel) => kestrel.get("q", 10));
    expect(got).toHaveLength(3);
    for (const [i, { data }] of got!.entries()) expect(data.equals(items[i]!)).toBe(true);
    expect(got!.map(({ id }) => id.toNumber())).toEqual([0, 0, 0]);
    expect(await one.ask((kestrel) => kestrel.get("q", 10))).toEqual([]);
    expect(port.node.queue("q").openLength).toBe(0);
    expect(port.node.queue("q").counters.transactions).toBe(0);
  });

  test("no more than asked for", async () => {
    const one = await client();
    await put(["a", "b", "c"]);
    expect(textsOf((await one.ask((kestrel) => kestrel.get("q", 2)))!)).toEqual(["a", "b"]);
    for (const max of [0, -1]) expect(await one.ask((kestrel) => kestrel.get("q", max))).toEqual([]);
    expect(port.node.queue("q").length).toBe(1);
  });

  test("no more bytes than a client's frame can take", async () => {
    const one = await client();
    const item = Buffer.alloc(1024 * 1024, "m");
    for (let i = 0; i < 6; i++) await one.ask((kestrel) => kestrel.put("q", [item]));
    expect(await one.ask((kestrel) => kestrel.get("q", 10))).toHaveLength(4);
    expect(await one.ask((kestrel) => kestrel.get("q", 10))).toHaveLength(2);
  });

  test("no more items than one list may have", async () => {
    const one = await client();
    for (let i = 0; i < 2; i++) await one.ask((kestrel) => kestrel.put("q", Array<string>(40_000).fill("")));
    expect(await one.ask((kestrel) => kestrel.get("q", 2 ** 31 - 1))).toHaveLength(65_536);
  });

  test("expiring items", async () => {
    const one = await client();
    await one.ask((kestrel) => kestrel.put("q", ["soon"], 1000));
    await one.ask((kestrel) => kestrel.put("q", ["never"], 0));
    await one.ask((kestrel) => kestrel.put("q", ["already"], -1));
    port.node.clock.advance(1000);
    expect(textsOf((await one.ask((kestrel) => kestrel.get("q", 10)))!)).toEqual(["never"]);
  });

  test("stops at the first refusal and says how many were put", async () => {
    const one = await client({ rules: { default: { maxItems: 2 } } });
    expect(await one.ask((kestrel) => kestrel.put("q", ["a", "b", "c", "d"]))).toBe(2);
    expect(await one.ask((kestrel) => kestrel.put("q", ["e"]))).toBe(0);
    await port.node.stop();
    const two = await client({ rules: { default: { maxItemSizeBytes: 2 } } });
    expect(await two.ask((kestrel) => kestrel.put("q", ["12", "123", "1"]))).toBe(1);
    await port.node.stop();
    const three = await client({ limits: { itemBytesMax: 2 } });
    expect(await three.ask((kestrel) => kestrel.put("q", ["12", "123", "1"]))).toBe(1);
    expect(await three.ask((kestrel) => kestrel.put("q", []))).toBe(0);
  });

  test("names that are none", async () => {
    const one = await client();
    for (const name of ["", "a/b", "x".repeat(251)]) {
      const refused = one.ask((kestrel) => kestrel.put(name, ["a"]));
      await expect(refused).rejects.toMatchObject({ type: internalError, message: /^a queue's name / });
      for (const ask of [
        () => one.ask((kestrel) => kestrel.get(name, 1)),
        () => one.ask((kestrel) => kestrel.flush_queue(name)),
        () => one.ask((kestrel) => kestrel.delete_queue(name)),
      ]) {
        await expect(ask()).rejects.toMatchObject({ type: internalError });
      }
    }
    expect(port.node.queues.names()).toEqual([]);
  });

  test("names in UTF-8", async () => {
    const one = await client();
    await one.ask((kestrel) => kestrel.put("añb", ["a"]));
    expect(port.node.queues.names()).toEqual(["añb"]);
  });
});

describe("waiting", () => {
  test("until all are there", async () => {
    const one = await client();
    const got = one.kestrel.get("q", 3, 1000);
    await one.exchange();
    await put(["a"]);
    await put(["b", "c", "d"]);
    await one.hear();
    expect(textsOf(await got)).toEqual(["a", "b", "c"]);
    expect(port.node.queue("q").length).toBe(1);
    expect(port.node.queue("q").openLength).toBe(0);
  });

  test("until the time is over, with what there is by then", async () => {
    const one = await client();
    await put(["a"]);
    const got = one.kestrel.get("q", 3, 1000);
    await one.exchange();
    await put(["b"]);
    port.node.clock.advance(1000);
    await one.hear();
    expect(textsOf(await got)).toEqual(["a", "b"]);
  });

  test("others don't get what was gathered", async () => {
    const one = await client();
    await put(["a"]);
    one.kestrel.get("q", 2, 1000);
    await one.exchange();
    expect(await connect().ask((kestrel) => kestrel.get("q", 1))).toEqual([]);
  });

  test.each([0, 60_000])(
    "a client that goes gives back what was gathered, auto-abort %d",
    async (autoAbortMs) => {
      const [one, two] = [await client(), connect()];
      await put(["a", "b"]);
      one.kestrel.get("q", 5, 1000, autoAbortMs);
      await one.exchange();
      expect(port.node.queue("q").openLength).toBe(2);
      const next = two.kestrel.get("q", 1, 1000);
      await two.exchange();
      one.connection.drop();
      await two.hear();
      expect(textsOf(await next)).toEqual(["a"]);
      expect(textsOf((await two.ask((kestrel) => kestrel.get("q", 5)))!)).toEqual(["b"]);
      expect(port.node.queue("q").openLength).toBe(0);
    },
  );

  test("a client that sends no more is answered with nothing, and gives back what was gathered", async () => {
    const one = await client();
    await put(["a"]);
    const got = one.kestrel.get("q", 5, 1000);
    await one.exchange();
    one.connection.endInput();
    await one.hear();
    expect(await got).toEqual([]);
    expect(one.connection.socket.isEnded).toBe(true);
    expect(port.node.queue("q").length).toBe(1);
  });

  test("calls behind it are answered in order", async () => {
    const one = await client();
    const order: string[] = [];
    const note = (name: string) => (): void => void order.push(name);
    const calls = [
      one.kestrel.get("q", 1, 1000).then(note("get")),
      one.kestrel.get_version().then(note("version")),
      one.kestrel.put("r", ["x"]).then(note("put")),
      one.kestrel.get("r", 1).then(note("get r")),
    ];
    await one.exchange();
    expect(order).toEqual([]);
    await put(["a"]);
    await one.hear();
    await Promise.all(calls);
    expect(order).toEqual(["get", "version", "put", "get r"]);
  });

  test("waiting clients are served in the order they came", async () => {
    const [one, two] = [await client(), connect()];
    const [first, second] = [one.kestrel.get("q", 1, 1000), two.kestrel.get("q", 1, 1000)];
    await one.exchange();
    await two.exchange();
    await put(["a", "b"]);
    await one.hear();
    await two.hear();
    expect([textsOf(await first), textsOf(await second)]).toEqual([["a"], ["b"]]);
  });

  test("a deleted queue has nothing to wait for", async () => {
    const one = await client();
    await put(["a"]);
    const got = one.kestrel.get("q", 2, 1000);
    await one.exchange();
    await connect().ask((kestrel) => kestrel.delete_queue("q"));
    await one.hear();
    expect(await got).toEqual([]);
  });
});

describe("open reads", () => {
  test("are confirmed by any connection, whatever queue it names", async () => {
    const [one, two] = [await client(), connect()];
    await put(["a", "b", "c"]);
    const got = (await one.ask((kestrel) => kestrel.get("q", 3, 0, 60_000)))!;
    expect(new Set(got.map(({ id }) => id.toOctetString())).size).toBe(3);
    const ids = idsOf(got);
    expect(await two.ask((kestrel) => kestrel.confirm("other", [ids[1]!, int64(12345)]))).toBe(1);
    expect(await two.ask((kestrel) => kestrel.confirm("q", ids))).toBe(2);
    expect(await two.ask((kestrel) => kestrel.confirm("q", ids))).toBe(0);
    expect(port.node.queue("q").openLength).toBe(0);
    port.node.clock.advance(60_000);
    expect(await two.ask((kestrel) => kestrel.get("q", 1))).toEqual([]);
  });

  test("survive a disconnect until their time is over, then go back in order", async () => {
    const [one, two] = [await client(), connect()];
    await put(["a", "b", "c"]);
    await one.ask((kestrel) => kestrel.get("q", 2, 0, 1000));
    one.connection.drop();
    port.node.clock.advance(999);
    expect(textsOf((await two.ask((kestrel) => kestrel.get("q", 5, 0, 1000)))!)).toEqual(["c"]);
    port.node.clock.advance(1);
    expect(textsOf((await two.ask((kestrel) => kestrel.get("q", 5)))!)).toEqual(["a", "b"]);
  });

  test("are aborted by id, and then are nobody's", async () => {
    const one = await client();
    await put(["a", "b"]);
    const ids = idsOf((await one.ask((kestrel) => kestrel.get("q", 2, 0, 1000)))!);
    expect(await one.ask((kestrel) => kestrel.abort("q", [ids[1]!]))).toBe(1);
    expect(await one.ask((kestrel) => kestrel.abort("q", ids))).toBe(1);
    const again = (await one.ask((kestrel) => kestrel.get("q", 2, 0, 1000)))!;
    expect(textsOf(again)).toEqual(["a", "b"]);
    expect(await one.ask((kestrel) => kestrel.confirm("q", ids))).toBe(0);
    expect(await one.ask((kestrel) => kestrel.confirm("q", idsOf(again)))).toBe(2);
  });

  test("their time begins with the answer", async () => {
    const one = await client();
    await put(["a"]);
    const got = one.kestrel.get("q", 2, 1000, 500);
    await one.exchange();
    port.node.clock.advance(1000);
    await one.hear();
    expect(textsOf(await got)).toEqual(["a"]);
    port.node.clock.advance(499);
    expect(port.node.queue("q").openLength).toBe(1);
    port.node.clock.advance(1);
    expect(port.node.queue("q").openLength).toBe(0);
  });

  test("have ids of their own over all queues", async () => {
    const one = await client();
    for (const queue of ["q", "r"]) await one.ask((kestrel) => kestrel.put(queue, ["a"]));
    const [q] = (await one.ask((kestrel) => kestrel.get("q", 1, 0, 1000)))!;
    const [r] = (await one.ask((kestrel) => kestrel.get("r", 1, 0, 1000)))!;
    expect(q!.id.toNumber()).toBeLessThan(r!.id.toNumber());
    await one.ask((kestrel) => kestrel.confirm("q", [r!.id]));
    expect([port.node.queue("q").openLength, port.node.queue("r").openLength]).toEqual([1, 0]);
  });

  test("are bounded by connection and queue: a get returns fewer, and doesn't wait", async () => {
    const [one, two] = [await client({ maxOpenTransactions: 3 }), connect()];
    await put(["a", "b", "c", "d", "e", "f"]);
    await one.ask((kestrel) => kestrel.put("r", ["r"]));
    const got = (await one.ask((kestrel) => kestrel.get("q", 5, 1000, 60_000)))!;
    expect(textsOf(got)).toEqual(["a", "b", "c"]);
    expect(await one.ask((kestrel) => kestrel.get("q", 5, 1000, 60_000))).toEqual([]);
    expect(await one.ask((kestrel) => kestrel.get("q", 1))).toEqual([]);
    expect(textsOf((await one.ask((kestrel) => kestrel.get("r", 5, 0, 60_000)))!)).toEqual(["r"]);
    expect(textsOf((await two.ask((kestrel) => kestrel.get("q", 1, 0, 60_000)))!)).toEqual(["d"]);
    // Whoever closes it, it counts for who has opened it.
    await two.ask((kestrel) => kestrel.confirm("q", [got[0]!.id]));
    expect(textsOf((await one.ask((kestrel) => kestrel.get("q", 5, 1000, 60_000)))!)).toEqual(["e"]);
    port.node.clock.advance(60_000);
    expect(textsOf((await one.ask((kestrel) => kestrel.get("q", 5)))!)).toEqual(["b", "c", "d", "e", "f"]);
  });

  test("of a deleted queue are gone", async () => {
    const one = await client();
    await put(["a"]);
    const ids = idsOf((await one.ask((kestrel) => kestrel.get("q", 1, 0, 1000)))!);
    await one.ask((kestrel) => kestrel.delete_queue("q"));
    await put(["new"]);
    expect(await one.ask((kestrel) => kestrel.confirm("q", ids))).toBe(0);
    port.node.clock.advance(1000);
    expect(textsOf((await one.ask((kestrel) => kestrel.get("q", 5)))!)).toEqual(["new"]);
  });

  test("ids beyond what a number can hold are nobody's", async () => {
    const one = await client();
    for (const id of ["7fffffffffffffff", "ffffffffffffffff", "8000000000000000"]) {
      expect(await one.ask((kestrel) => kestrel.confirm("q", [int64(id)]))).toBe(0);
    }
  });
});

describe("what only ours has", () => {
  test("flags are stored with each item of a put, and come with it from every get", async () => {
    const one = await client();
    await one.ask((kestrel) => kestrel.put("q", ["a", "b"], 0, -2));
    await put(["c"]);
    const opened = await one.ask((kestrel) => kestrel.get("q", 1, 0, 1000));
    expect(opened!.map(({ flags }) => flags)).toEqual([-2]);
    const taken = await one.ask((kestrel) => kestrel.get("q", 2));
    expect(taken!.map(({ flags }) => flags)).toEqual([-2, null]);
    await one.ask((kestrel) => kestrel.put("q", ["d"], 0, 5));
    expect(await one.ask((kestrel) => kestrel.peek("q"))).toMatchObject({ head_flags: 5 });
  });

  test("without flags the bytes are Kestrel's", async () => {
    const one = await client();
    await one.ask((kestrel) => kestrel.put("q", ["a"]));
    one.connection.send(frameOf("get", call, 7, getArguments("q", 1)));
    const item = "0b000100000001610a0002000000000000000000";
    const body = `8001000200000003676574000000070f00000c00000001${item}00`;
    const frame = (body.length / 2).toString(16).padStart(8, "0") + body;
    expect(Buffer.from(await one.connection.hear(), "latin1").toString("hex")).toBe(frame);
  });

  test("open reads that end with their connection, and any connection may confirm until then", async () => {
    await start();
    await put(["a", "b", "c"]);
    const [one, two] = [connect(), connect()];
    const opened = await one.ask((kestrel) => kestrel.get("q", 3, 0, 1000, true));
    expect(await two.ask((kestrel) => kestrel.confirm("q", [opened![1]!.id]))).toBe(1);
    one.connection.drop();
    expect(port.node.queue("q").openLength).toBe(0);
    expect(await two.ask((kestrel) => kestrel.confirm("q", idsOf(opened!)))).toBe(0);
    expect(textsOf((await two.ask((kestrel) => kestrel.get("q", 9)))!)).toEqual(["a", "c"]);
    port.node.clock.advance(1000);
    expect(port.node.queue("q").length).toBe(0);
  });

  test("statistics, of a queue that is there and of the server", async () => {
    const one = await client();
    await put(["a", "bc"]);
    const ofQueue = await one.ask((kestrel) => kestrel.get_stats("q"));
    expect(ofQueue).toMatchObject({ items: "2", bytes: "3", open_transactions: "0" });
    expect(await one.ask((kestrel) => kestrel.get_stats("none"))).toEqual({});
    expect(port.node.queues.names()).toEqual(["q"]);
    const ofServer = await one.ask((kestrel) => kestrel.get_stats(""));
    expect(ofServer).toMatchObject({ version: "3.0.0", queue_q_items: "2" });
  });

  test("an exception says in a field of its own what it is about", async () => {
    const one = await client();
    one.connection.send(frameOf("get", call, 7, getArguments("a/b", 1)));
    expect(await one.connection.hear()).toContain("\x0b\x00\x03\x00\x00\x00\x08bad-name\x00");
  });
});

describe("the other methods", () => {
  test("peek", async () => {
    const one = await client();
    const empty = (await one.ask((kestrel) => kestrel.peek("q")))!;
    expect([empty.head_item, empty.items.toNumber(), empty.open_transactions]).toEqual([null, 0, 0]);
    await put(["head", "next"]);
    await one.ask((kestrel) => kestrel.get("q", 1, 0, 1000));
    const info = (await one.ask((kestrel) => kestrel.peek("q")))!;
    expect(String(info.head_item)).toBe("next");
    expect([info.items.toNumber(), info.bytes.toNumber(), info.waiters, info.open_transactions]).toEqual([
      1, 4, 0, 1,
    ]);
    expect(info.journal_bytes.toNumber()).toBeGreaterThan(8);
  });

  test("a peek with a put in one turn shows what is written by then", async () => {
    const one = await client();
    one.kestrel.put("q", ["a"]);
    const info = one.kestrel.peek("q");
    await one.exchange();
    expect(String((await info).head_item)).toBe("a");
  });

  test("flush, delete, version, status", async () => {
    const one = await client();
    await put(["a"]);
    await one.ask((kestrel) => kestrel.put("r", ["b"]));
    await one.ask((kestrel) => kestrel.flush_queue("q"));
    await one.ask((kestrel) => kestrel.flush_queue("none"));
    expect([port.node.queue("q").length, port.node.queue("r").length]).toEqual([0, 1]);
    await one.ask((kestrel) => kestrel.flush_all_queues());
    expect(port.node.queue("r").length).toBe(0);
    await one.ask((kestrel) => kestrel.delete_queue("q"));
    await one.ask((kestrel) => kestrel.delete_queue("none"));
    expect(port.node.queues.names()).toEqual(["r"]);
    expect(await one.ask((kestrel) => kestrel.get_version())).toBe("3.0.0");
    expect(await one.ask((kestrel) => kestrel.current_status())).toBe(3);
    await one.ask((kestrel) => kestrel.set_status(3));
    expect(port.asked).toEqual(["UP"]);
    await expect(one.ask((kestrel) => kestrel.set_status(9))).rejects.toMatchObject({ type: internalError });
  });
});

test("what the server's status forbids is refused with the reason; open reads may be closed all the same", async () => {
  const one = await client();
  await put(["a", "b"]);
  const [a, b] = (await one.ask((kestrel) => kestrel.get("q", 2, 0, 1000)))!;
  Object.assign(port.host.controls, { takesReads: false, takesWrites: false, status: "QUIESCENT" });
  const refused = { type: internalError, message: expect.stringMatching(/^the server takes no/) };
  await expect(one.ask((kestrel) => kestrel.put("q", ["c"]))).rejects.toMatchObject(refused);
  await expect(one.ask((kestrel) => kestrel.get("q", 1))).rejects.toMatchObject(refused);
  await expect(one.ask((kestrel) => kestrel.peek("q"))).rejects.toMatchObject(refused);
  await expect(one.ask((kestrel) => kestrel.flush_queue("q"))).rejects.toMatchObject(refused);
  expect(await one.ask((kestrel) => kestrel.current_status())).toBe(1);
  expect(await one.ask((kestrel) => kestrel.confirm("q", [a!.id]))).toBe(1);
  expect(await one.ask((kestrel) => kestrel.abort("q", [b!.id]))).toBe(1);
  Object.assign(port.host.controls, { status: "WRITEAVOID" });
  expect(await one.ask((kestrel) => kestrel.current_status())).toBe(0);
});

test("a status that forbids gets ends a wait with what there is", async () => {
  const one = await client();
  await put(["a"]);
  const got = one.kestrel.get("q", 3, 1000);
  await one.exchange();
  Object.assign(port.host.controls, { takesReads: false });
  await put(["b", "c"]);
  await one.hear();
  expect(textsOf(await got)).toEqual(["a", "b"]);
});

describe("frames", () => {
  test.each([false, true])("cut anywhere, with old headers: %s", async (isOld) => {
    await start();
    const made = connect({ isOld });
    const calls = (): Promise<unknown>[] => [
      made.kestrel.put("q", ["a", "bc"], 10),
      made.kestrel.get("q", 5),
      made.kestrel.get_version(),
    ];
    calls();
    const frames = made.frames();
    for (const pieces of [...cutsOf(frames), bytewise(frames)]) {
      const one = connect({ isOld });
      const answers = Promise.all([
        one.kestrel.put("q", ["a", "bc"], 10),
        one.kestrel.get("q", 5).then(textsOf),
        one.kestrel.get_version(),
      ]);
      one.frames();
      await one.exchange(() => pieces);
      expect(await answers).toEqual([2, ["a", "bc"], "3.0.0"]);
    }
  });

  test("old and new headers are answered as they came", async () => {
    await start();
    for (const isOld of [false, true]) {
      const one = connect({ isOld });
      one.kestrel.get_version();
      const answer = Buffer.from(await one.connection.talk(one.frames()), "latin1");
      expect(answer.readUInt32BE(4)).toBe(isOld ? "get_version".length : 0x8001_0002);
    }
  });
});
