import { expect, test } from "vitest";
import { digestToken, isSameDigest, makeToken, parseTokenHash } from "./token.ts";

test("a token is known again by what is kept of it", () => {
  const { token, hash } = makeToken();
  expect(token).toMatch(/^[\w-]{43}$/);
  expect(hash).not.toContain(token);
  expect(isSameDigest(parseTokenHash(hash)!, digestToken(token))).toBe(true);
  expect(isSameDigest(parseTokenHash(hash)!, digestToken(makeToken().token))).toBe(false);
});

test.each(["", "secret", "sha256$", "sha256$short", `md5$${"A".repeat(43)}`, `sha256$${"A".repeat(44)}`])(
  "%j is not what is kept of a token",
  (text) => {
    expect(parseTokenHash(text)).toBeUndefined();
  },
);
