/**
 * Lines with faults. Whatever comes, the server lives, keeps little, answers nothing but whole lines, and serves the
 * others. `KESTREL_FUZZ_RUNS` says how many conversations, `KESTREL_SEED` repeats some.
 */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestPort } from "../../testing/fake-connection.ts";
import { cutAt } from "../../testing/pieces.ts";
import { TextCodec } from "./text-codec.ts";

const options = {
  numRuns: Number(process.env.KESTREL_FUZZ_RUNS ?? 300),
  ...(process.env.KESTREL_SEED ? { seed: Number(process.env.KESTREL_SEED) } : {}),
};
const bodyBytesMax = 100_000;
let port: TestPort;

beforeAll(async () => {
  port = await TestPort.start({
    maxOpenTransactions: 3,
    limits: { itemBytesMax: 200, lineBytesMax: 200, bodyBytesMax },
    makeCodec: (wire, host) => new TextCodec(wire, host),
  });
});

afterAll(() => port.node.stop());

const words = [
  "put",
  "get",
  "peek",
  "monitor",
  "confirm",
  "flush",
  "delete",
  "status",
  "version",
  "q",
  "r",
  "0",
  "1",
];
const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...words, "q:", "UP", "-1", "10") },
  { weight: 4, arbitrary: fc.constantFrom(" ", " ", "\n", "\n", "\r\n", ":\n", "\n\n") },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 300 }).map((length) => "long".repeat(length)) },
);
const conversation = fc
  .array(piece, { maxLength: 60 })
  .map((pieces) => Buffer.from(pieces.join(""), "latin1"));
const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 });

test("spoilt lines", async () => {
  const bystander = port.connect();
  await fc.assert(
    fc.asyncProperty(conversation, shares, async (bytes, places) => {
      const client = port.connect();
      let answers = "";
      for (const part of cutAt(bytes, places)) answers += await client.talk(part);
      expect(answers).toMatch(/^(?:[+\-:*][^\n]*\n)*$/);
      expect(port.host.bodyMemory.bytes).toBeLessThanOrEqual(bodyBytesMax);
      expect(await bystander.talk("put bystander:\nhello\n\nget bystander\n")).toBe("+1\n:hello\n");
      client.drop();
      expect(port.host.bodyMemory.bytes).toBe(0);
    }),
    options,
  );
}, 600_000);

test("any conversation, cut in any places, is the same conversation", async () => {
  const answersTo = async (parts: readonly Buffer[]): Promise<string> => {
    const fresh = await TestPort.start({
      limits: { itemBytesMax: 200 },
      makeCodec: (wire, host) => new TextCodec(wire, host),
    });
    const client = fresh.connect();
    let answers = "";
    for (const part of parts) answers += await client.talk(part);
    await fresh.node.stop();
    return answers;
  };
  await fc.assert(
    fc.asyncProperty(conversation, shares, async (bytes, places) => {
      expect(await answersTo(cutAt(bytes, places))).toBe(await answersTo([bytes]));
    }),
    options,
  );
}, 600_000);
