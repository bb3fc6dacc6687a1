import { expect, test } from "vitest";
import {
  formatCount,
  formatDuration,
  formatMicros,
  formatRate,
  formatShortCount,
  formatShortDuration,
  formatSize,
} from "./format.ts";

test.each([
  [0, "0"],
  [999, "999"],
  [1234, "1,234"],
  [999_999, "999,999"],
  [1_000_000, "1.00M"],
  [12_345_678, "12.35M"],
  [5e9, "5.00B"],
])("%d items", (count, text) => expect(formatCount(count)).toBe(text));

test.each([
  [0, "0"],
  [9999, "9,999"],
  [10_000, "10K"],
  [12_345, "12.3K"],
  [1_234_567, "1.23M"],
])("%d items, in little room", (count, text) => expect(formatShortCount(count)).toBe(text));

test.each([
  [0, "0"],
  [0.2, "0.2"],
  [9.94, "9.9"],
  [9.96, "10"],
  [1234.4, "1,234"],
])("%d a second", (rate, text) => expect(formatRate(rate)).toBe(text));

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1024, "1.0 KB"],
  [1536, "1.5 KB"],
  [102_400, "100 KB"],
  [134_217_728, "128 MB"],
  [2 ** 40, "1.0 TB"],
  [2 ** 60, "1048576 TB"],
])("%d bytes", (bytes, text) => expect(formatSize(bytes)).toBe(text));

test.each([
  [-500, "0 s", "0 s"],
  [999, "0 s", "0 s"],
  [59_999, "59 s", "59 s"],
  [65_000, "1 m 05 s", "1 m"],
  [7_200_000, "2 h 00 m", "2 h"],
  [356_400_000, "4 d 03 h", "4 d"],
])("%d ms of time", (ms, text, short) => {
  expect(formatDuration(ms)).toBe(text);
  expect(formatShortDuration(ms)).toBe(short);
});

test.each([
  [0, "0"],
  [3, "3 µs"],
  [999.6, "1.0 ms"],
  [12_300, "12 ms"],
  [2_100_000, "2.1 s"],
  [3_600_000_000, "1 h 00 m"],
])("%d microseconds", (micros, text) => expect(formatMicros(micros)).toBe(text));
