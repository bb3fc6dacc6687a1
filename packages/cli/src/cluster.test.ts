import { expect, it } from "vitest";
import { parseServers } from "./cluster.ts";
import { UsageError } from "./exit-code.ts";

it("reads lists and files of servers", () => {
  expect(parseServers("a:1,b:2", "")).toEqual(["a:1", "b:2"]);
  expect(parseServers("# ours\nalpha\n[::1]:22134 # spare\n\n", "")).toEqual(["alpha", "[::1]:22134"]);
});

it("passes names in DNS on to the client", () => {
  const text = "dns+srv://_memcache._tcp.example,dns://kestrel:22133,dns://other,a:1";
  expect(parseServers(text, "")).toEqual(text.split(","));
});

it.each([
  "dns://",
  "dns+srv://a:1",
  "dns://a:0",
  "dns://a/b",
  "",
  ",",
  "# none",
  "a:0",
  "a:99999",
  "a:b",
  "::1",
  "a:1,a:1",
  "http://a",
])("refuses %j", (text) => {
  expect(() => parseServers(text, "--servers")).toThrow(UsageError);
});
