import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KestrelError } from "../errors.ts";
import { Receipt } from "../journal/receipt.ts";
import type { Queue } from "../queue/queue.ts";
import type { Session } from "../session/session.ts";
import type { Codec } from "./codec.ts";
import { mendOutput } from "./mend-output.ts";
import { Output, OutputPool, type PledgeKind } from "./output.ts";

/** All that would be sent, in order. */
function sent(output: Output): string {
  const parts: Buffer[] = [];
  const socket = {
    writableLength: 0,
    write: (bytes: Buffer) => parts.push(Buffer.from(bytes)),
    cork() {},
    uncork() {},
  };
  output.writeTo(socket as unknown as Parameters<Output["writeTo"]>[0]);
  return Buffer.concat(parts).toString();
}

test("any mix of parts goes out in its order", () => {
  const part = fc.oneof(
    fc.record({ kind: fc.constant("text" as const), text: fc.string({ unit: "grapheme" }) }),
    fc.record({ kind: fc.constant("decimal" as const), value: fc.nat(Number.MAX_SAFE_INTEGER) }),
    fc.record({
      kind: fc.constant("data" as const),
      size: fc.oneof(fc.nat(5000), fc.integer({ min: 65_530, max: 65_540 })),
    }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const output = new Output();
      let expected = "";
      for (const each of parts) {
        if (each.kind === "text") {
          output.constant(Buffer.from(each.text));
          expected += Buffer.from(each.text).toString();
        } else if (each.kind === "decimal") {
          output.decimal(each.value);
          expected += each.value;
        } else {
          const data = "d".repeat(each.size);
          output.data(Buffer.from(`xx${data}xx`), 2, 2 + each.size);
          expected += data;
        }
      }
      expect(output.size).toBe(Buffer.byteLength(expected));
      expect(sent(output)).toBe(expected);
    }),
    { numRuns: 50 },
  );
});

test("one constant alone is sent as it is", () => {
  const answer = Buffer.from("STORED\r\n");
  const written: Buffer[] = [];
  const socket = { writableLength: 0, write: (bytes: Buffer) => written.push(bytes) };
  const output = new Output();
  output.constant(answer);
  output.writeTo(socket as unknown as Parameters<Output["writeTo"]>[0]);
  expect(written[0]).toBe(answer);
  output.clear();
  output.constant(Buffer.from("END\r\n"));
  output.constant(answer);
  expect(sent(output)).toBe("END\r\nSTORED\r\n");
});

test("a pool gives back what is clear, and keeps no large buffers", () => {
  const pool = new OutputPool();
  const output = pool.take();
  output.text("abc");
  output.pledge(new Receipt(), "put", 0, 0, 0, 0, null, 0);
  pool.give(output);
  expect(pool.take()).toBe(output);
  expect([output.size, output.pledgeLength, output.state]).toEqual([0, 0, "kept"]);
  output.data(Buffer.alloc(60_000), 0, 60_000);
  output.data(Buffer.alloc(60_000), 0, 60_000);
  pool.give(output);
  expect(pool.take()).not.toBe(output);
});

describe("mending", () => {
  const codec = {
    renderFailure: (tag: number, opaque: number, error: KestrelError, output: Output) =>
      output.text(`<${tag} ${opaque} ${error.message}>`),
  } as unknown as Codec;
  const settled = (failure?: string): Receipt => {
    const receipt = new Receipt();
    if (failure === undefined) receipt.keep();
    else receipt.fail(new KestrelError("disk", failure), 50);
    return receipt;
  };
  const forgotten: number[] = [];
  const session = { forget: (_queue: Queue, id: number) => forgotten.push(id) } as unknown as Session;
  const large = Buffer.alloc(70_000, "L");

  function answer(
    output: Output,
    receipt: Receipt,
    tag: number,
    write: () => void,
    kind: PledgeKind = "put",
    id = 0,
  ): void {
    const { length } = output;
    const largeLength = output.large.length;
    write();
    output.pledge(receipt, kind, length, largeLength, tag, 9, id === 0 ? null : ({} as Queue), id);
  }

  test("replaces exactly the answers that failed, with their large data", () => {
    const output = new Output();
    answer(output, settled(), 1, () => output.data(large, 0, large.length));
    answer(output, settled("a"), 2, () => output.data(large, 0, large.length), "item", 77);
    answer(output, settled(), 3, () => output.data(large, 0, large.length));
    output.text("plain");
    answer(output, settled("b"), 4, () => output.text("gone"));
    answer(output, settled("c"), 5, () => {});
    output.text("!");
    const mended = mendOutput(output, new Output(), codec, session);
    const data = large.toString();
    expect(sent(mended)).toBe(`${data}<2 9 a>${data}plain<4 9 b><5 9 c>!`);
    expect(forgotten).toEqual([77]);
  });

  test("after a failed sync only puts are refused: what was handed out stays handed out", () => {
    const output = new Output();
    const unsure = new Receipt();
    unsure.fail(new KestrelError("disk", "sync failed"), null);
    answer(output, unsure, 1, () => output.text("item,"), "item", 78);
    answer(output, unsure, 2, () => output.text("stored,"));
    answer(output, unsure, 3, () => output.text("confirmed"), "confirm");
    const mended = mendOutput(output, new Output(), codec, session);
    expect(sent(mended)).toBe("item,<2 9 sync failed>confirmed");
    expect(forgotten).not.toContain(78);
  });

  test("after a failed write what was put before stays handed out, and what was confirmed stays confirmed", () => {
    const output = new Output();
    answer(output, settled("full"), 1, () => output.text("older,"), "item", 49);
    answer(output, settled("full"), 2, () => output.text("new"), "item", 50);
    answer(output, settled("full"), 3, () => output.text(",confirmed"), "confirm");
    expect(sent(mendOutput(output, new Output(), codec, session))).toBe("older,<2 9 full>,confirmed");
    expect(forgotten).not.toContain(49);
  });
});

test("the state of an output is that of its worst receipt", () => {
  const output = new Output();
  const [first, second] = [new Receipt(), new Receipt()];
  output.pledge(first, "put", 0, 0, 0, 0, null, 0);
  output.pledge(second, "item", 0, 0, 0, 0, null, 0);
  expect([output.state, output.pendingReceipt]).toEqual(["pending", first]);
  first.fail(new KestrelError("disk", "full"), 1);
  expect([output.state, output.pendingReceipt]).toEqual(["pending", second]);
  second.keep();
  expect([output.state, output.pendingReceipt]).toEqual(["failed", null]);
});
