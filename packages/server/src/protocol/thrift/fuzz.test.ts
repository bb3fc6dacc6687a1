/**
 * Frames with faults. Whatever comes, the server lives, keeps little, answers nothing but whole frames, and serves
 * the others. `KESTREL_FUZZ_RUNS` says how many conversations, `KESTREL_SEED` repeats some.
 */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestPort } from "../../testing/fake-connection.ts";
import { cutAt } from "../../testing/pieces.ts";
import { call, FakeThrift, frameOf, readAnswers, thrift, type Writer } from "../../testing/thrift-library.ts";
import { ThriftCodec } from "./thrift-codec.ts";

const { Type } = thrift.Thrift;
const options = {
  numRuns: Number(process.env.KESTREL_FUZZ_RUNS ?? 300),
  ...(process.env.KESTREL_SEED ? { seed: Number(process.env.KESTREL_SEED) } : {}),
};
const bodyBytesMax = 1024 * 1024;
let port: TestPort;
let bystander: FakeThrift;

beforeAll(async () => {
  port = await TestPort.start({
    maxOpenTransactions: 5,
    limits: { itemBytesMax: 1000, bodyBytesMax },
    makeCodec: (wire, host) => new ThriftCodec(wire, host),
  });
  bystander = new FakeThrift(port.connect());
});

afterAll(() => port.node.stop());

const queue = fc.constantFrom("q", "r", "", "a/b", "ü".repeat(100));
const number = fc.oneof(fc.integer({ min: -1, max: 10 }), fc.integer());
const size = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer() });

function field(to: Writer, type: number, id: number): void {
  to.writeFieldBegin!("", type, id);
}

/** Frames as clients make them. */
const wellMade: fc.Arbitrary<Buffer> = fc.oneof(
  fc
    .tuple(queue, fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }), number)
    .map(([name, items, expiry]) =>
      frameOf("put", call, 1, (to) => {
        field(to, Type.STRING, 1);
        to.writeString!(name);
        field(to, Type.LIST, 2);
        to.writeListBegin!(Type.STRING, items.length);
        for (const item of items) to.writeBinary!(Buffer.from(item));
        field(to, Type.I32, 3);
        to.writeI32!(expiry);
      }),
    ),
  fc.tuple(queue, number, number, number).map(([name, ...numbers]) =>
    frameOf("get", call, 2, (to) => {
      field(to, Type.STRING, 1);
      to.writeString!(name);
      for (const [i, value] of numbers.entries()) {
        field(to, Type.I32, i + 2);
        to.writeI32!(value);
      }
    }),
  ),
  fc.tuple(fc.constantFrom("confirm", "abort"), fc.array(fc.integer({ min: 0 }))).map(([name, ids]) =>
    frameOf(name, call, 3, (to) => {
      field(to, Type.SET, 2);
      to.writeSetBegin!(Type.I64, ids.length);
      for (const id of ids) to.writeI64!(id);
    }),
  ),
  fc
    .tuple(
      fc.constantFrom("peek", "flush_queue", "delete_queue", "get_version", "set_status", "nothing"),
      queue,
    )
    .map(([name, text]) =>
      frameOf(name, call, 4, (to) => {
        field(to, Type.STRING, 1);
        to.writeString!(text);
      }),
    ),
);

type Fault = (frame: Buffer) => Buffer;

const at = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

/** What may befall a frame. */
const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.constant((frame: Buffer) => frame),
  fc.tuple(at, fc.integer({ min: 0, max: 255 })).map(([place, byte]) => (frame: Buffer) => {
    frame[Math.floor(place * frame.length)] = byte;
    return frame;
  }),
  // Any four bytes may be a size.
  fc.tuple(at, size).map(([place, value]) => (frame: Buffer) => {
    if (frame.length >= 4) frame.writeInt32BE(value, Math.floor(place * (frame.length - 3)));
    return frame;
  }),
  at.map((place) => (frame: Buffer) => frame.subarray(0, Math.floor(place * frame.length))),
  // Cut short, or made longer, with a size that fits.
  fc.tuple(at, fc.uint8Array({ maxLength: 100 })).map(([place, more]) => (frame: Buffer) => {
    const other = Buffer.concat([frame.subarray(0, Math.floor(place * frame.length)), more]);
    if (other.length >= 4) other.writeUInt32BE(other.length - 4);
    return other;
  }),
);

const conversation = fc
  .array(fc.tuple(wellMade, fc.array(fault, { maxLength: 3 })), { minLength: 1, maxLength: 8 })
  .map((frames) =>
    Buffer.concat(
      frames.map(([frame, faults]) =>
        faults.reduce<Buffer>((bytes, spoil) => spoil(bytes), Buffer.from(frame)),
      ),
    ),
  );

async function expectServed(): Promise<void> {
  expect(await bystander.ask((kestrel) => kestrel.put("bystander", ["hello"]))).toBe(1);
  const got = await bystander.ask((kestrel) => kestrel.get("bystander", 1));
  expect(String(got![0]!.data)).toBe("hello");
}

test("spoilt frames", async () => {
  await fc.assert(
    fc.asyncProperty(conversation, fc.array(at, { maxLength: 5 }), async (bytes, shares) => {
      const client = port.connect();
      let answers = "";
      for (const piece of cutAt(bytes, shares)) answers += await client.talk(piece);
      expect(port.host.bodyMemory.bytes).toBeLessThanOrEqual(bodyBytesMax);
      readAnswers(Buffer.from(answers, "latin1"));
      await expectServed();
      client.drop();
      expect(port.host.bodyMemory.bytes).toBe(0);
    }),
    options,
  );
  // What was lent goes back: nothing stays open for ever.
  port.node.clock.advance(2 ** 32);
  for (const name of port.node.queues.names()) expect(port.node.queue(name).openLength).toBe(0);
}, 600_000);

test("noise", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
      const client = port.connect();
      readAnswers(Buffer.from(await client.talk(Buffer.from(bytes)), "latin1"));
      client.drop();
      expect(port.host.bodyMemory.bytes).toBe(0);
    }),
    options,
  );
  await expectServed();
}, 600_000);
