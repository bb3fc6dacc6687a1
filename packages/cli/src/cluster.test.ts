import { expect, it } from "vitest";
import { parseServers } from "./cluster.ts";
import { UsageError } from "./exit-code.ts";

it("reads lists and files of servers", () => {
  expect(parseServers("a:1,b:2", "")).toEqual(["a:1", "b:2"]);
  expect(parseServers("# ours\nalpha\n[::1]:22134 # spare\n\n", "")).toEqual(["alpha", "[::1]:22134"]);
});

it.each(["", ",", "# none", "a:0", "a:99999", "a:b", "::1", "a:1,a:1", "http://a"])("refuses %j", (text) => {
  expect(() => parseServers(text, "--servers")).toThrow(UsageError);
});
