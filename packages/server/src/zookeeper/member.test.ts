import type { NetworkInterfaceInfo } from "node:os";
import { expect, test } from "vitest";
import { checkReachable, renderMember } from "./member.ts";

const none = {};

function addresses(...texts: string[]): NodeJS.Dict<NetworkInterfaceInfo[]> {
  const info = (address: string): NetworkInterfaceInfo =>
    ({ address, internal: address.startsWith("127.") || address === "::1" }) as NetworkInterfaceInfo;
  return { any: texts.map(info) };
}

test("is Kestrel's JSON, byte for byte; the main endpoint is the first of memcache, thrift, text", () => {
  const [text, thrift, memcache] = [2222, 2229, 22133].map((port) => ({ host: "10.1.2.3", port }));
  expect(renderMember({ text: text!, thrift: thrift!, memcache: memcache! }, null, none)).toBe(
    '{"serviceEndpoint":{"host":"10.1.2.3","port":22133},"additionalEndpoints":{"memcache":{"host":"10.1.2.3","port":22133},"thrift":{"host":"10.1.2.3","port":2229},"text":{"host":"10.1.2.3","port":2222}},"status":"ALIVE"}',
  );
  expect(renderMember({ text: text!, thrift: thrift! }, null, none)).toBe(
    '{"serviceEndpoint":{"host":"10.1.2.3","port":2229},"additionalEndpoints":{"thrift":{"host":"10.1.2.3","port":2229},"text":{"host":"10.1.2.3","port":2222}},"status":"ALIVE"}',
  );
});

test("names the host that it is told to", () => {
  const memcache = { host: "127.0.0.1", port: 1 };
  expect(JSON.parse(renderMember({ memcache }, "k1.example", none)).serviceEndpoint.host).toBe("k1.example");
});

test.each([
  ["0.0.0.0", ["127.0.0.1", "fe80::1", "fd00::1", "169.254.1.1", "10.1.2.3", "10.1.2.4"], "10.1.2.3"],
  ["::", ["::1", "FE80::1", "fd00::1", "10.1.2.3"], "fd00::1"],
  ["10.9.9.9", [], "10.9.9.9"],
])("listening on %s of %j is announced as %s", (host, all, announced) => {
  const member = renderMember({ memcache: { host, port: 1 } }, null, addresses(...all));
  expect(JSON.parse(member).serviceEndpoint).toEqual({ host: announced, port: 1 });
});

test("what others can't reach is not announced", () => {
  for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost"]) {
    expect(() => checkReachable(host, null)).toThrow(`listens on ${host}, which only this machine can reach`);
    expect(() => checkReachable(host, "k1.example")).not.toThrow();
    expect(() => renderMember({ memcache: { host, port: 1 } }, null, none)).toThrow("only this machine");
  }
  const onWildcard = { memcache: { host: "0.0.0.0", port: 1 } };
  expect(() => renderMember(onWildcard, null, addresses("127.0.0.1", "fd00::1"))).toThrow("no address");
  expect(() => renderMember({}, "k1.example", none)).toThrow("nothing to announce");
});
