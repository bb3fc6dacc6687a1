import fc from "fast-check";
import { expect, test } from "vitest";
import { HeldInput } from "./held-input.ts";

test("holds what was appended and not taken, whatever was appended and taken", () => {
  const step = fc.record({
    append: fc.uint8Array({ maxLength: 700 }),
    takeShare: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 700 }),
      fc.array(step, { maxLength: 30 }),
      (first, steps) => {
        const held = new HeldInput(Buffer.from(first), 0, first.length);
        let expected = Buffer.from(first);
        for (const { append, takeShare } of steps) {
          held.append(Buffer.from([...append, 1, 2, 3]), append.length);
          expected = Buffer.concat([expected, append]);
          const taken = Math.floor(takeShare * expected.length);
          held.start += taken;
          expected = expected.subarray(taken);
          expect(held.size).toBe(expected.length);
          expect(held.bytes.subarray(held.start, held.end)).toEqual(expected);
        }
        // Bounded by what is held, not by what has passed through.
        expect(held.bytes.length).toBeLessThan(256 + 4 * 700 * (steps.length + 1));
      },
    ),
  );
});
