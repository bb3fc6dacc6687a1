import fc from "fast-check";
import { expect, test } from "vitest";
import { KestrelError } from "../../errors.ts";
import { KeyCache, parseKey } from "./key.ts";

const get = (key: string): unknown => parseKey(Buffer.from(key)).get;

test.each([
  ["q", {}],
  ["q/", {}],
  ["q/open", { isOpen: true }],
  ["q/t=500/close/open", { isOpen: true, isClose: true, waitMs: 500 }],
  ["q/abort", { isAbort: true }],
  ["q/peek/t=2147483647", { isPeek: true, waitMs: 2_147_483_647 }],
  ["q/Open/opened/ttr=5", {}],
  ["q/t=1/t=2", { waitMs: 2 }],
  ["q/t=-1", {}],
  ["grün+kind/open", { queue: "grün+kind", isOpen: true }],
])("%s", (key, fields) => {
  const plain = {
    kind: "get",
    queue: "q",
    isOpen: false,
    isClose: false,
    isAbort: false,
    isPeek: false,
    waitMs: 0,
  };
  expect(get(key)).toEqual({ ...plain, ...fields });
});

test.each(["", "/open", "q/t=", "q/t=1s", "q/t=1.5", "q/t=9999999999999999"])("%j is no get", (key) => {
  expect(get(key)).toMatchObject({ code: "bad-request" });
});

test("the cache never mistakes one key for another", () => {
  const cache = new KeyCache();
  const keys = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(keys, fc.array(fc.nat(), { maxLength: 100 }), (known, picks) => {
      for (const pick of picks) {
        const bytes = Buffer.from(known[pick % known.length]!);
        const input = Buffer.concat([Buffer.from("get "), bytes, Buffer.from("\r\n")]);
        const key = cache.find(input, 4, 4 + bytes.length);
        input.fill(0);
        expect(key.bytes).toEqual(bytes);
        expect(key.error instanceof KestrelError ? "" : key.name).toBe(key.error ? "" : bytes.toString());
      }
    }),
  );
});
