// How values become items and items become values. The flags mark the encoding in ways that other memcached clients
// understand: 16 is text to pylibmc and pymemcache; the top byte is Couchbase's common flags, 2 JSON, 4 text.

import { KestrelClientError } from "./errors.ts";

/** A value as it is put. */
export interface EncodedItem {
  /** What is stored. */
  readonly data: Buffer;
  /** Stored beside it, as a mark of the encoding. Bits 16 to 23 must be 0. */
  readonly flags: number;
}

/** Turns values into items and back. Throw from decode when an item can't be understood. */
export interface Codec<T> {
  /** The item that stands for a value. */
  encode(value: T): EncodedItem;
  /** The value that an item stands for. */
  decode(item: EncodedItem): T;
}

const TEXT_FLAGS = 0x0400_0010;
const JSON_FLAGS = 0x0200_0010;

/** Bytes as they are. */
export const raw: Codec<Buffer> = {
  encode: (value) => ({ data: value, flags: 0 }),
  decode: ({ data }) => data,
};

/** Text in UTF-8. Reads whatever it finds as UTF-8. */
export const text: Codec<string> = {
  encode: (value) => ({ data: Buffer.from(value, "utf8"), flags: TEXT_FLAGS }),
  decode: ({ data }) => data.toString("utf8"),
};

/**
 * JSON in UTF-8, typed as you say: what other producers put is not checked. Encoding a value that JSON has no
 * word for throws `bad-request`, decoding what is no JSON throws a SyntaxError.
 */
export function json<T>(): Codec<T> {
  return {
    encode(value) {
      const encoded = JSON.stringify(value) as string | undefined;
      if (encoded === undefined)
        throw new KestrelClientError("bad-request", "this value can't be put as JSON");
      return { data: Buffer.from(encoded, "utf8"), flags: JSON_FLAGS };
    },
    decode: ({ data }) => JSON.parse(data.toString("utf8")) as T,
  };
}
