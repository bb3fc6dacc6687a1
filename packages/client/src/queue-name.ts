// What a queue may be called, checked before anything is sent: a bad name would otherwise cost the connection
// and with it the requests of others.

import { KestrelClientError } from "./errors.ts";

/** In UTF-8. */
const QUEUE_BYTES_MAX = 250;
const NAMESPACE_BYTES_MAX = QUEUE_BYTES_MAX - ":q".length;

/** Throws `bad-request` unless a node would take this as the name of a queue. */
export function checkQueue(queue: string): void {
  if (typeof queue !== "string" || queue === "")
    throw badName("a queue's name must be a string, and not empty");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\s/~.\u0000-\u001f\u007f]/.test(queue)) {
    throw badName(
      `${JSON.stringify(queue)}: a queue's name has no "/", "~", ".", white space or control character`,
    );
  }
  // Every character is at most 3 bytes of UTF-8 for each of its UTF-16 units.
  if (queue.length * 3 > QUEUE_BYTES_MAX && Buffer.byteLength(queue) > QUEUE_BYTES_MAX) {
    const size = Buffer.byteLength(queue);
    throw badName(`a queue's name has at most ${QUEUE_BYTES_MAX} bytes, this has ${size}`);
  }
}

/** Throws `bad-request` unless this may stand before the name of a queue, which needs a colon and a byte at least. */
export function checkNamespace(namespace: string): void {
  checkQueue(namespace);
  const size = Buffer.byteLength(namespace);
  if (size > NAMESPACE_BYTES_MAX)
    throw badName(`a namespace has at most ${NAMESPACE_BYTES_MAX} bytes, this has ${size}`);
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

  /** The node's name of a queue. Throws `bad-request`. */
  forNodes(queue: string): string {
    checkQueue(queue);
    if (this.#prefix === "") return queue;
    const name = this.#prefix + queue;
    checkQueue(name);
    return name;
  }

  /** The user's name of a queue. */
  nameOf(queue: string): string {
    return queue.slice(this.#prefix.length);
  }
}

function badName(message: string): KestrelClientError {
  return new KestrelClientError("bad-request", message);
}
