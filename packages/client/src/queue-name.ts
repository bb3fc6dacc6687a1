// What a queue may be called, checked before anything is sent: a bad name would otherwise cost the connection
// and with it the requests of others.

import { KestrelClientError } from "./errors.ts";

/** Bytes of a memcache key: of a queue's name, or, in a read, of the name with the read's options. */
const KEY_BYTES_MAX = 250;
const LONGEST_READ_OPTIONS = "/t=2147483647/close/open";

/** The longest name, in bytes of UTF-8, that can be read from, whatever the options. */
export const READ_QUEUE_BYTES_MAX: number = KEY_BYTES_MAX - LONGEST_READ_OPTIONS.length;

/** Throws `bad-request` unless a node would take this as the name of a queue to put to. */
export function checkQueueForPut(queue: string): void {
  checkQueue(queue, KEY_BYTES_MAX, "a queue's name");
}

/** Throws `bad-request` unless a node would take this name with any option of a read. */
export function checkQueueForRead(queue: string): void {
  checkQueue(queue, READ_QUEUE_BYTES_MAX, "the name of a queue to read");
}

/** Whether this is the name of a fanout: "orders+audit" gets all that is put into "orders". */
export function isFanout(queue: string): boolean {
  return parentOf(queue) !== queue;
}

/** The queue whose items a fanout gets; any other queue is its own. */
export function parentOf(queue: string): string {
  const plus = queue.indexOf("+");
  return plus <= 0 || plus === queue.length - 1 ? queue : queue.slice(0, plus);
}

/** Names as users have them, and as nodes have them: with the namespace before. */
export class QueueNames {
  readonly #prefix: string;

  constructor(namespace: string | undefined) {
    this.#prefix = namespace === undefined ? "" : `${namespace}:`;
  }

  /** The node's name of a queue that is put to. Throws `bad-request`. */
  forPut(queue: string): string {
    checkQueueForPut(queue);
    return this.#checked(queue, checkQueueForPut);
  }

  /** The node's name of a queue that is read. Throws `bad-request`. */
  forRead(queue: string): string {
    checkQueueForRead(queue);
    return this.#checked(queue, checkQueueForRead);
  }

  /** The user's name of a queue. */
  nameOf(queue: string): string {
    return queue.slice(this.#prefix.length);
  }

  #checked(queue: string, check: (name: string) => void): string {
    if (this.#prefix === "") return queue;
    const name = this.#prefix + queue;
    check(name);
    return name;
  }
}

function checkQueue(queue: string, bytesMax: number, what: string): void {
  if (typeof queue !== "string" || queue === "")
    throw badName("a queue's name must be a string, and not empty");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\s/~.\u0000-\u001f\u007f]/.test(queue)) {
    throw badName(
      `${JSON.stringify(queue)}: a queue's name has no "/", "~", ".", white space or control character`,
    );
  }
  // Every character is at most 3 bytes of UTF-8 for each of its UTF-16 units.
  if (queue.length * 3 > bytesMax && Buffer.byteLength(queue) > bytesMax) {
    throw badName(`${what} has at most ${bytesMax} bytes, this has ${Buffer.byteLength(queue)}`);
  }
}

function badName(message: string): KestrelClientError {
  return new KestrelClientError("bad-request", message);
}
