import { expect, it } from "vitest";
import { UsageError } from "../exit-code.ts";
import { parseExpiry } from "./expiry.ts";

const now = Date.parse("2030-01-31T08:00Z");

it.each([
  ["10m", 600],
  ["1ms", 1],
  ["1500ms", 2],
  ["90", 90],
  ["2030-01-31T08:00:01Z", new Date(now + 1000)],
  ["2106-02-07T06:28:15Z", new Date(0xffff_ffff * 1000)],
])("%s", (text, expiry) => {
  expect(parseExpiry(text, now)).toEqual(expiry);
});

it.each([
  ["0", "would never be seen"],
  ["2030-01-31T08:00Z", "would never be seen"],
  ["2020-01-01", "would never be seen"],
  ["2030-31-01", "is no date"],
  ["2106-02-07T06:28:16Z", "after the year 2106"],
  ["99999999h", "after the year 2106"],
  ["yesterday", "is no duration"],
])("%s is refused", (text, why) => {
  expect(() => parseExpiry(text, now)).toThrow(UsageError);
  expect(() => parseExpiry(text, now)).toThrow(why);
});
