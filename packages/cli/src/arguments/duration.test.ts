import { describe, expect, it } from "vitest";
import { UsageError } from "../exit-code.ts";
import { parseDurationMs, renderDurationMs } from "./duration.ts";

describe("parseDurationMs", () => {
  it.each([
    ["5s", 5000],
    ["250ms", 250],
    ["2m", 120_000],
    ["1.5h", 5_400_000],
    ["3d", 259_200_000],
    ["7", 7000],
    ["0.5", 500],
    ["0", 0],
    ["0s", 0],
  ])("reads %s", (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each(["", "soon", "-5s", "5 parsecs", "s", "1h30"])("refuses %j", (text) => {
    expect(() => parseDurationMs(text)).toThrow(UsageError);
  });
});

it.each([
  [0, "0ms"],
  [850, "850ms"],
  [1500, "1.5s"],
  [12_400, "12s"],
  [60_000, "1m"],
  [184_000, "3m 4s"],
  [3 * 86_400_000 + 3_600_000, "3d 1h"],
])("renders %i ms", (ms, text) => {
  expect(renderDurationMs(ms)).toBe(text);
});
