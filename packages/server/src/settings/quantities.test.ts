import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDuration, parseSize, renderDuration, renderSize } from "./quantities.ts";

test.each([
  ["64KB", 65_536],
  ["128MB", 134_217_728],
  ["1GB", 1_073_741_824],
  ["1tb", 1024 ** 4],
  ["512 b", 512],
  ["1.5MB", 1_572_864],
  ["0B", 0],
])("a size of %s", (text, sizeBytes) => {
  expect(parseSize(text)).toBe(sizeBytes);
});

test.each([
  ["100ms", 100],
  ["30s", 30_000],
  ["5m", 300_000],
  ["1h", 3_600_000],
  ["7d", 604_800_000],
  ["1.005s", 1005],
  ["30 S", 30_000],
])("a duration of %s", (text, durationMs) => {
  expect(parseDuration(text)).toBe(durationMs);
});

test.each(["", "MB", "12", "-1MB", "1.MB", "1,5MB", "1 000MB", "1e3MB", "1XB", "0.3KB", "30s", "9999999TB"])(
  "no size: %j",
  (text) => {
    expect(parseSize(text)).toBeUndefined();
  },
);

test.each(["", "s", "10", "-1s", "10 s ", "1h30m", "0.5ms", "128MB", "9999999999999d"])(
  "no duration: %j",
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

test("what is rendered is read back exactly", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      expect(parseSize(renderSize(value))).toBe(value);
      expect(parseDuration(renderDuration(value))).toBe(value);
    }),
  );
});

test("what is rendered is short", () => {
  expect(renderSize(128 * 1024 * 1024)).toBe("128MB");
  expect(renderSize(1000)).toBe("1000B");
  expect(renderDuration(60_000)).toBe("1m");
  expect(renderDuration(90_000)).toBe("90s");
  expect(renderDuration(1500)).toBe("1500ms");
  expect(renderDuration(0)).toBe("0ms");
});
