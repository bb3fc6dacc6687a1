import { expect, test } from "vitest";
import { splitServers } from "./dns-server.ts";

test("names in DNS are told from plain servers", () => {
  const node = { host: "c", port: 1 };
  expect(splitServers(["a:1", "dns+srv://_memcache._tcp.example", "dns://b:2", "dns://b", node])).toEqual({
    plain: ["a:1", node],
    dns: [
      { kind: "srv", text: "dns+srv://_memcache._tcp.example", name: "_memcache._tcp.example" },
      { kind: "addresses", text: "dns://b:2", name: "b", port: 2 },
      { kind: "addresses", text: "dns://b", name: "b", port: 22133 },
    ],
  });
});

test.each([
  [["dns+srv://"]],
  [["dns+srv://name:22133"]],
  [["dns+srv://a/b"]],
  [["dns://"]],
  [["dns://a:0"]],
  [["dns://10.0.0.1:22133"]],
  [["dns://[::1]:22133"]],
  [["dns://a:1", "dns://a:1"]],
])("%j is refused", (servers) => {
  expect(() => splitServers(servers)).toThrow(expect.objectContaining({ code: "bad-request" }));
});
