import { expect, test } from "vitest";
import { wireExpiry } from "./expiry.ts";

const now = Date.UTC(2026, 0, 1);
const nowSeconds = now / 1000;

test("no expiry is never", () => {
  expect(wireExpiry(undefined)).toBe(0);
});

test("seconds from now stay relative while the wire reads them so, and become a moment above", () => {
  expect(wireExpiry(1, now)).toBe(1);
  expect(wireExpiry(0.2, now)).toBe(1);
  expect(wireExpiry(999_999, now)).toBe(999_999);
  expect(wireExpiry(999_999.5, now)).toBe(nowSeconds + 1_000_000);
  expect(wireExpiry(1_000_000, now)).toBe(nowSeconds + 1_000_000);
  expect(wireExpiry(30 * 86_400, now)).toBe(nowSeconds + 30 * 86_400);
});

test("a Date is that moment; one in the past, however long ago, is past", () => {
  expect(wireExpiry(new Date(now + 1_500), now)).toBe(nowSeconds + 2);
  expect(wireExpiry(new Date(now - 1_000), now)).toBe(nowSeconds - 1);
  expect(wireExpiry(new Date(5_000), now)).toBe(1_000_000);
  expect(wireExpiry(new Date(-5_000), now)).toBe(1_000_000);
});

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, new Date(Number.NaN), new Date("2107-01-01")])(
  "%s is no expiry",
  (expires) => {
    expect(() => wireExpiry(expires, now)).toThrow(/expires must be/);
  },
);
