import { expect, test } from "vitest";
import {
  checkQueueForPut,
  checkQueueForRead,
  isFanout,
  parentOf,
  READ_QUEUE_BYTES_MAX,
} from "./queue-name.ts";

test.each(["jobs", "orders+audit", "Grüße", "a-b_c:d", "x".repeat(226), "__proto__"])(
  "%s is a name",
  (name) => {
    expect(() => checkQueueForRead(name)).not.toThrow();
  },
);

test.each(["", "a/b", "a~b", "a.b", "a b", "a\tb", "a\r\nb", "a\u0000b", "a\u007fb", "a\u00a0b"])(
  "%j is none",
  (name) => {
    expect(() => checkQueueForPut(name)).toThrow(expect.objectContaining({ code: "bad-request" }));
  },
);

test("the key that a read makes of a name must fit into 250 bytes", () => {
  expect(READ_QUEUE_BYTES_MAX).toBe(226);
  expect(() => checkQueueForPut("x".repeat(250))).not.toThrow();
  expect(() => checkQueueForPut("x".repeat(251))).toThrow();
  expect(() => checkQueueForRead("x".repeat(227))).toThrow(/226 bytes/);
  expect(() => checkQueueForRead("ü".repeat(113))).not.toThrow();
  expect(() => checkQueueForRead("ü".repeat(114))).toThrow();
});

test.each([
  ["orders+audit", "orders"],
  ["orders+audit+late", "orders"],
  ["orders", "orders"],
  ["orders+", "orders+"],
  ["+orders", "+orders"],
])("the parent of %j is %j", (queue, parent) => {
  expect(parentOf(queue)).toBe(parent);
  expect(isFanout(queue)).toBe(parent !== queue);
});
