/**
 * Keys of memcache requests: a queue's name, behind it the options of a get, `work/close/open/t=500`. Parsed
 * keys are kept, since clients send few different ones again and again: a repeated key costs a comparison and
 * makes no string.
 */
import { KestrelError } from "../../errors.ts";
import type { GetRequest } from "../../session/request.ts";
import { decodeUtf8, notUtf8 } from "../utf8.ts";

/** A parsed key; shared, never changed. */
export interface Key {
  readonly bytes: Buffer;
  /** The whole key, options included: what a put takes for the queue's name. */
  readonly name: string;
  /** The queue's name without options, in bytes. */
  readonly queueBytes: Buffer;
  /** Why no request can have this key; null: it is well. Whether a queue may be called so, the engine knows. */
  readonly error: KestrelError | null;
  /** The request that a get with this key is, or why it is none. */
  readonly get: GetRequest | KestrelError;
}

const slash = 0x2f;
/** Power of two. With all that hangs on it a key takes two kilobytes: as many as ten thousand queues have cost 70 MB. */
const slotLength = 4096;
/** Longer ones are not kept, so that nobody can make the cache large. */
const keptBytesMax = 256;

export class KeyCache {
  readonly #slots: (Key | undefined)[] = new Array(slotLength).fill(undefined);
  #last: Key | undefined;

  /** The key `input[start, end)`. */
  find(input: Buffer, start: number, end: number): Key {
    if (this.#last !== undefined && isSame(this.#last.bytes, input, start, end)) return this.#last;
    let hash = end - start;
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + input[i]!) | 0;
    const slot = (hash ^ (hash >>> 12)) & (slotLength - 1);
    let key = this.#slots[slot];
    if (key === undefined || !isSame(key.bytes, input, start, end)) {
      key = parseKey(input.subarray(start, end));
      if (key.bytes.length > keptBytesMax) return key;
      this.#slots[slot] = key;
    }
    this.#last = key;
    return key;
  }
}

function isSame(known: Buffer, input: Buffer, start: number, end: number): boolean {
  const size = end - start;
  if (known.length !== size) return false;
  for (let i = 0; i < size; i++) {
    if (known[i] !== input[start + i]) return false;
  }
  return true;
}

/** Copies what it keeps. */
export function parseKey(input: Buffer): Key {
  const bytes = Buffer.allocUnsafeSlow(input.length);
  input.copy(bytes);
  const nameEnd = bytes.indexOf(slash);
  const queueBytes = nameEnd < 0 ? bytes : bytes.subarray(0, nameEnd);
  const name = decodeUtf8(bytes);
  if (name === undefined) {
    const error = new KestrelError("bad-name", notUtf8);
    return { bytes, name: "", queueBytes, error, get: error };
  }
  return { bytes, name, queueBytes, error: null, get: parseGet(name) };
}

/** Options may stand in any order; unknown ones are ignored, as Kestrel does. */
function parseGet(key: string): GetRequest | KestrelError {
  const [queue = "", ...options] = key.split("/");
  if (queue === "") return new KestrelError("bad-request", "a get names a queue");
  const wait = options.findLast((option) => option.startsWith("t="))?.slice(2) ?? "0";
  // Negative: no wait, as 0.
  if (!/^-?\d{1,15}$/.test(wait)) {
    return new KestrelError("bad-request", `the time to wait is a number of milliseconds, not "${wait}"`);
  }
  return {
    kind: "get",
    queue,
    isOpen: options.includes("open"),
    isClose: options.includes("close"),
    isAbort: options.includes("abort"),
    isPeek: options.includes("peek"),
    waitMs: Math.max(0, Number(wait)),
  };
}
