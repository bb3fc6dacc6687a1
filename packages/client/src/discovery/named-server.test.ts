import { expect, test } from "vitest";
import { splitServers } from "./named-server.ts";

test("names in DNS are told from plain servers", () => {
  const node = { host: "c", port: 1 };
  expect(splitServers(["a:1", "dns+srv://_memcache._tcp.example", "dns://b:2", "dns://b", node])).toEqual({
    plain: ["a:1", node],
    named: [
      { kind: "srv", text: "dns+srv://_memcache._tcp.example", name: "_memcache._tcp.example" },
      { kind: "addresses", text: "dns://b:2", name: "b", port: 2 },
      { kind: "addresses", text: "dns://b", name: "b", port: 22133 },
    ],
  });
});

test("paths in ZooKeeper are too; what is told of them has no password", () => {
  expect(
    splitServers([
      "zk://zoo/kestrel/production/",
      "zk://us%3Aer:p%40ss:word@zoo1,[fd00::1]:2182,zoo3:2183/k",
      { host: "c", port: 1 },
    ]),
  ).toEqual({
    plain: [{ host: "c", port: 1 }],
    named: [
      {
        kind: "zookeeper",
        text: "zk://zoo:2181/kestrel/production",
        addresses: [{ host: "zoo", port: 2181 }],
        pathPrefix: "/kestrel/production",
        credentials: null,
      },
      {
        kind: "zookeeper",
        text: "zk://zoo1:2181,[fd00::1]:2182,zoo3:2183/k",
        addresses: [
          { host: "zoo1", port: 2181 },
          { host: "fd00::1", port: 2182 },
          { host: "zoo3", port: 2183 },
        ],
        pathPrefix: "/k",
        credentials: { username: "us:er", password: "p@ss:word" },
      },
    ],
  });
});

test("a password is not told when something else is wrong", () => {
  expect(() => splitServers(["zk://user:secret@zoo"])).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining("secret") }),
  );
});

test.each([
  [["zk://"]],
  [["zk:///k"]],
  [["zk://zoo"]],
  [["zk://zoo/"]],
  [["zk://zoo//k"]],
  [["zk://zoo:0/k"]],
  [["zk://zoo,/k"]],
  [["zk://zoo/k/../l"]],
  [["zk://user@zoo/k"]],
  [["zk://zoo/k", "zk://zoo:2181/k/"]],
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
