import fc from "fast-check";
import { expect, test } from "vitest";
import { QueuePatterns } from "./queue-patterns.ts";

test.each<[string, string[], string[]]>([
  ["orders", ["orders"], ["order", "orders2", "Orders", "orders+audit", "my-orders"]],
  ["orders*", ["orders", "orders2", "orders+audit"], ["order", "my-orders"]],
  ["orders+*", ["orders+audit", "orders+"], ["orders", "orders2+audit"]],
  ["*+audit", ["orders+audit", "+audit"], ["audit", "orders+audits"]],
  ["a*b*c", ["abc", "a-b-c", "aXbYbZc", "abcc"], ["ab", "acb", "abcd"]],
  ["*", ["", "anything"], []],
  ["a*a", ["aa", "aba"], ["a"]],
  ["a.c", ["a.c"], ["abc"]],
])("%s", (pattern, matching, others) => {
  const patterns = new QueuePatterns([pattern]);
  for (const name of matching) expect(patterns.match(name), name).toBe(true);
  for (const name of others) expect(patterns.match(name), name).toBe(false);
});

test("several patterns mean what any of them means; none means nothing", () => {
  const patterns = new QueuePatterns(["a", "b*"]);
  expect(["a", "b1", "c"].map((name) => patterns.match(name))).toEqual([true, true, false]);
  expect(new QueuePatterns([]).match("a")).toBe(false);
});

test("a pattern means what the regular expression with the same stars means", () => {
  const piece = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 6 });
  const name = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 8 });
  fc.assert(
    fc.property(piece, name, (pattern, text) => {
      const expression = new RegExp(`^${pattern.replaceAll("*", ".*")}$`);
      expect(new QueuePatterns([pattern]).match(text)).toBe(expression.test(text));
    }),
    { numRuns: 2000 },
  );
});
