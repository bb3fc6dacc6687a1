import { expect, test } from "vitest";
import { parseMember } from "./zookeeper-member.ts";

const parse = (value: unknown, endpoint: "memcache" | "thrift" = "memcache") =>
  parseMember(Buffer.from(typeof value === "string" ? value : JSON.stringify(value)), endpoint);

const kestrel =
  '{"serviceEndpoint":{"host":"10.1.2.3","port":22133},"additionalEndpoints":{"memcache":{"host":"10.1.2.3","port":22133},"thrift":{"host":"10.1.2.3","port":2229},"text":{"host":"10.1.2.3","port":2222}},"status":"ALIVE"}';

test("Kestrel's entry: the endpoint that is asked for, under one name for all", () => {
  const id = "10.1.2.3:22133";
  expect(parse(kestrel)).toEqual({ host: "10.1.2.3", port: 22133, id, weight: 1, takesPuts: true });
  expect(parse(kestrel, "thrift")).toEqual({ host: "10.1.2.3", port: 2229, id, weight: 1, takesPuts: true });
});

test("what is not known doesn't matter; without a list of endpoints the main one is meant", () => {
  const member = {
    serviceEndpoint: { host: "fd00::1", port: 1, inet6: "fd00::1" },
    shard: 3,
    metadata: { zone: "a" },
    extra: [1],
  };
  expect(parse(member)).toMatchObject({ host: "fd00::1", port: 1, id: "[fd00::1]:1" });
  expect(parse({ ...member, status: "WARNING", additionalEndpoints: {} })).toBeDefined();
});

test.each(["DEAD", "STARTING", "STOPPING", "STOPPED", "anything", null])(
  "a node that is %s is not used",
  (status) => {
    expect(parse({ serviceEndpoint: { host: "a", port: 1 }, status })).toBeUndefined();
  },
);

const main = { host: "a", port: 1 };

test.each([
  ["", "JSON"],
  ["\u0000\u0001binary thrift", "JSON"],
  ["null", "the entry is no object"],
  ["[]", "the entry is no object"],
  [{}, "serviceEndpoint is no object"],
  [{ serviceEndpoint: { port: 1 } }, "serviceEndpoint has no host"],
  [{ serviceEndpoint: { host: "a", port: "1" } }, "serviceEndpoint has no port"],
  [{ serviceEndpoint: { host: "a", port: 65_536 } }, "serviceEndpoint has no port"],
  [{ serviceEndpoint: main, additionalEndpoints: 1 }, "additionalEndpoints is no object"],
  [
    { serviceEndpoint: main, additionalEndpoints: { memcache: 1 } },
    "additionalEndpoints.memcache is no object",
  ],
  [{ serviceEndpoint: main, additionalEndpoints: { thrift: main } }, "the node at a:1 speaks no memcache"],
  [{ serviceEndpoint: main, additionalEndpoints: { text: main } }, "the node at a:1 speaks no memcache"],
])("%j makes no sense", (value, message) => {
  expect(() => parse(value)).toThrow(message);
});
