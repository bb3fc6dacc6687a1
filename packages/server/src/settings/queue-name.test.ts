import { expect, test } from "vitest";
import { findParentName, queueNameProblem } from "./queue-name.ts";

test.each(["a", "A", "orders+audit", "ns:orders", "größe", "a".repeat(250), "日".repeat(83), "+", "!$%&()"])(
  "a good name: %s",
  (name) => {
    expect(queueNameProblem(name)).toBeUndefined();
  },
);

test.each([
  ["", "is not empty"],
  ["a/b", "has none of / ~ ."],
  ["a~", "has none of / ~ ."],
  [".a", "has none of / ~ ."],
  ["a b", "has no white space and no control characters"],
  ["a\n", "has no white space and no control characters"],
  ["a\u0000b", "has no white space and no control characters"],
  ["a\u007f", "has no white space and no control characters"],
  ["a\u0085", "has no white space and no control characters"],
  ["a\u00a0b", "has no white space and no control characters"],
  ["a".repeat(251), "has at most 250 bytes"],
  ["日".repeat(84), "has at most 250 bytes"],
])("a bad name: %j", (name, problem) => {
  expect(queueNameProblem(name)).toBe(problem);
});

test("a fanout's name tells its parent", () => {
  expect(findParentName("orders+audit")).toBe("orders");
  expect(findParentName("a+b+c")).toBe("a");
  for (const name of ["orders", "orders+", "+audit", "+"]) expect(findParentName(name)).toBeUndefined();
});
