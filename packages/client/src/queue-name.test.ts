import { expect, test } from "vitest";
import { checkNamespace, checkQueue, isFanout, parentOf, QueueNames } from "./queue-name.ts";

test.each(["jobs", "orders+audit", "Grüße", "a-b_c:d", "x".repeat(250), "ü".repeat(125), "__proto__"])(
  "%s is a name",
  (name) => {
    expect(() => checkQueue(name)).not.toThrow();
  },
);

test.each(["", "a/b", "a~b", "a.b", "a b", "a\tb", "a\r\nb", "a\u0000b", "a\u007fb", "a\u00a0b"])(
  "%j is none",
  (name) => {
    expect(() => checkQueue(name)).toThrow(expect.objectContaining({ code: "bad-request" }));
  },
);

test("a name has at most 250 bytes, its namespace included", () => {
  expect(() => checkQueue("x".repeat(251))).toThrow(/at most 250 bytes, this has 251/);
  expect(() => checkQueue("ü".repeat(126))).toThrow(/at most 250 bytes, this has 252/);
  const names = new QueueNames("ns");
  expect(names.forNodes("x".repeat(247))).toHaveLength(250);
  expect(() => names.forNodes("x".repeat(248))).toThrow(/at most 250 bytes, this has 251/);
  expect(() => checkNamespace("x".repeat(248))).not.toThrow();
  expect(() => checkNamespace("x".repeat(249))).toThrow(/at most 248 bytes, this has 249/);
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
