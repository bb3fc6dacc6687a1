import fc from "fast-check";
import { expect, test } from "vitest";
import { Backoff } from "./backoff.ts";

test("pauses grow by the factor up to the longest, and start anew after a reset", () => {
  const backoff = new Backoff({ minMs: 100, maxMs: 1_000, factor: 2, jitter: 0 });
  const pauses = Array.from({ length: 6 }, () => backoff.nextMs());
  expect(pauses).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  backoff.reset();
  expect(backoff.nextMs()).toBe(100);
});

test("chance takes away up to its part of a pause, never more", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (jitter) => {
      const backoff = new Backoff({ minMs: 100, maxMs: 100, factor: 2, jitter });
      const pause = backoff.nextMs();
      expect(pause).toBeLessThanOrEqual(100);
      expect(pause).toBeGreaterThanOrEqual(100 * (1 - jitter) - 1e-9);
    }),
  );
});

test("a thousand failures in a row overflow nothing", () => {
  const backoff = new Backoff({ minMs: 1, maxMs: 3_000, factor: 10, jitter: 0 });
  for (let failure = 0; failure < 1_000; failure++) backoff.nextMs();
  expect(backoff.nextMs()).toBe(3_000);
});
