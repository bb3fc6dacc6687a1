/**
 * Tokens of the admin port: 256 random bits that stand for a user, so that a program needs no password. They are
 * made here and not thought of by people; so one quick digest is enough to keep them.
 *
 *     sha256$<digest of the token's text>      in base64url
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const tokenSize = 32;
const prefix = "sha256$";

/** A new token, and the text to keep of it. */
export function makeToken(): { readonly token: string; readonly hash: string } {
  const token = randomBytes(tokenSize).toString("base64url");
  return { token, hash: prefix + digestToken(token).toString("base64url") };
}

/** What is compared: it says nothing about the token. */
export function digestToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** The digest in a kept text; undefined when it is none. */
export function parseTokenHash(text: string): Buffer | undefined {
  return /^sha256\$[\w-]{43}$/.test(text) ? Buffer.from(text.slice(prefix.length), "base64url") : undefined;
}

/** How long it takes tells nothing about either. */
export function isSameDigest(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
