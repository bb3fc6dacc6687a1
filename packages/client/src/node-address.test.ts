import { expect, test } from "vitest";
import { parseNodeAddress, renderNodeAddress, resolveNodeSpec } from "./node-address.ts";

test.each([
  ["localhost", "localhost", 22133],
  ["kestrel-1.example.com:2000", "kestrel-1.example.com", 2000],
  ["127.0.0.1:1", "127.0.0.1", 1],
  ["[::1]:22134", "::1", 22134],
  ["[::1]", "::1", 22133],
  ["fe80::1", "fe80::1", 22133],
])("%s is an address", (text, host, port) => {
  const address = parseNodeAddress(text);
  expect(address).toEqual({ host, port });
  expect(parseNodeAddress(renderNodeAddress(address))).toEqual(address);
});

test.each(["", ":1", "a:", "a:b", "a:0", "a:65536", "a,b", "a b", "user@a:1", "http://a", "[::1", "a:1:2"])(
  "%j is none",
  (text) => {
    expect(() => parseNodeAddress(text)).toThrow(expect.objectContaining({ code: "bad-request" }));
  },
);

test("defaults are filled in, and the id stays when it is given", () => {
  expect(resolveNodeSpec("a")).toEqual({ id: "a:22133", host: "a", port: 22133, weight: 1 });
  expect(resolveNodeSpec({ host: "::1", port: 5 })).toMatchObject({ id: "[::1]:5" });
  expect(resolveNodeSpec({ host: "a", weight: 2.5, id: "first" })).toMatchObject({
    id: "first",
    weight: 2.5,
  });
});

test.each([
  { host: "" },
  { host: "a", port: -1 },
  { host: "a", port: 1.5 },
  { host: "a", weight: 0 },
  { host: "a", weight: Number.NaN },
  { host: "a", weight: 101 },
  { host: "a", id: "" },
])("%j is no server", (spec) => {
  expect(() => resolveNodeSpec(spec)).toThrow(expect.objectContaining({ code: "bad-request" }));
});
