import { expect, it } from "vitest";
import { UsageError } from "../exit-code.ts";
import { parseServers } from "./cluster.ts";

it("reads lists and files of servers", () => {
  expect(parseServers("a:1,b:2", "")).toEqual(["a:1", "b:2"]);
  expect(parseServers("# ours\nalpha\n[::1]:22134 # spare\n\n", "")).toEqual(["alpha", "[::1]:22134"]);
});

it("passes names in DNS on to the client", () => {
  const text = "dns+srv://_memcache._tcp.example,dns://kestrel:22133,dns://other,a:1";
  expect(parseServers(text, "")).toEqual(text.split(","));
});

it("passes paths in ZooKeeper on to the client, with the commas between its servers", () => {
  const names = ["a:1", "zk://zoo1:2181,zoo2/kestrel/production", "zk://user:secret@[::1]:2181,zoo/k", "b"];
  expect(parseServers(names.join(","), "")).toEqual(names);
  expect(parseServers(names.join("\n"), "")).toEqual(names);
});

it("doesn't show passwords", () => {
  for (const text of ["zk://user:secret@zoo//k", "zk://user:secret@zoo/k,zk://user:secret@zoo/k"]) {
    expect(() => parseServers(text, "")).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("secret") }),
    );
  }
});

it.each([
  "dns://",
  "zk://zoo",
  "zk:///kestrel",
  "zk://zoo//kestrel",
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

it("says where user and password belong, and doesn't show them", () => {
  expect(() => parseServers("user:secret@a:1", "--servers")).toThrow(
    "a node in --servers has a user before its @: say that with --user and --password-file",
  );
});
