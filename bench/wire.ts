/**
 * How each dialect asks and answers. Every answer is a line, and after some lines as many bytes as can be known
 * beforehand; which one it is shows in its first byte. That is all that the load generator needs to recognise.
 */

import type { Dialect, Kind } from "./workload.ts";

/** An answer that begins with a certain byte. */
export interface AnswerForm {
  /** Bytes after the line. */
  bodyBytes: number;
  /** Of the line with its end, where it never varies: another size is a refusal. */
  lineBytes: number | null;
  isMiss: boolean;
  /** The answer that ends an operation; others, as to beanstalkd's `delete`, are swallowed. */
  isOperation: boolean;
  /** The line holds the id of a job, which has to be deleted. */
  isReserved: boolean;
}

/** By first byte of the answer. A dash after the dollar of RESP is looked up as the dash. */
export type AnswerForms = ReadonlyMap<number, AnswerForm>;

interface Words {
  put(queue: string, item: Buffer): Buffer;
  get(queue: string): Buffer;
  /** Confirms and opens in one; null where the dialect has nothing of the kind. */
  cycle: ((queue: string) => Buffer) | null;
  answers(itemBytes: number): Record<string, Partial<AnswerForm>>;
  /** Drops all that the queue holds, in one request; null where that isn't possible. */
  empty: ((queue: string) => Buffer) | null;
}

const lineEnd = Buffer.from("\r\n");
const glue = (head: string, item: Buffer): Buffer => Buffer.concat([Buffer.from(head), item, lineEnd]);
const resp = (...words: string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;

const dialects: Record<Dialect, Words> = {
  memcache: {
    put: (queue, item) => glue(`set ${queue} 0 0 ${item.length}\r\n`, item),
    get: (queue) => Buffer.from(`get ${queue}\r\n`),
    cycle: (queue) => Buffer.from(`get ${queue}/close/open\r\n`),
    answers: (itemBytes) => ({
      S: { lineBytes: "STORED\r\n".length },
      V: { bodyBytes: itemBytes + "\r\nEND\r\n".length },
      E: { lineBytes: "END\r\n".length, isMiss: true },
    }),
    empty: (queue) => Buffer.from(`flush ${queue}\r\n`),
  },
  resp: {
    put: (queue, item) =>
      glue(`*3\r\n$5\r\nLPUSH\r\n$${queue.length}\r\n${queue}\r\n$${item.length}\r\n`, item),
    get: (queue) => Buffer.from(resp("RPOP", queue)),
    cycle: null,
    answers: (itemBytes) => ({ ":": {}, $: { bodyBytes: itemBytes + 2 }, "-": { isMiss: true } }),
    empty: (queue) => Buffer.from(resp("DEL", queue)),
  },
  // Of the one tube that all clients share at first. A job is got when it is reserved and then deleted, which is
  // sent along with the next request, as a client that wants to be fast does.
  beanstalk: {
    put: (_, item) => glue(`put 0 0 600 ${item.length}\r\n`, item),
    get: () => Buffer.from("reserve-with-timeout 0\r\n"),
    cycle: null,
    answers: (itemBytes) => ({
      I: {},
      R: { bodyBytes: itemBytes + 2, isReserved: true },
      D: { lineBytes: "DELETED\r\n".length, isOperation: false },
      T: { lineBytes: "TIMED_OUT\r\n".length, isMiss: true },
    }),
    empty: null,
  },
};

/** The requests of a kind of load in the order in which they are sent, on one queue. */
export function requestsOf(dialect: Dialect, kind: Kind, queue: string, itemBytes: number): Buffer[] {
  const words = dialects[dialect];
  if (kind === "get") return [words.get(queue)];
  if (kind === "cycle") {
    if (words.cycle === null) throw new Error(`${dialect} has no request that confirms and opens`);
    return [words.cycle(queue)];
  }
  const put = words.put(queue, Buffer.alloc(itemBytes, "kestrel "));
  return kind === "put" ? [put] : [put, words.get(queue)];
}

export function answersOf(dialect: Dialect, itemBytes: number): AnswerForms {
  const plain: AnswerForm = {
    bodyBytes: 0,
    lineBytes: null,
    isMiss: false,
    isOperation: true,
    isReserved: false,
  };
  const forms = Object.entries(dialects[dialect].answers(itemBytes));
  return new Map(forms.map(([first, form]) => [first.charCodeAt(0), { ...plain, ...form }]));
}

/** Null when the queue can be emptied by getting what it holds only. */
export function emptyRequestOf(dialect: Dialect, queue: string): Buffer | null {
  return dialects[dialect].empty?.(queue) ?? null;
}

/** The answers of the memcache dialect, byte by byte: for the bare responder. */
export function bareAnswers(queue: string, itemBytes: number): { put: Buffer; get: Buffer } {
  const head = Buffer.from(`VALUE ${queue} 0 ${itemBytes}\r\n`);
  const get = Buffer.concat([head, Buffer.alloc(itemBytes, "kestrel "), Buffer.from("\r\nEND\r\n")]);
  return { put: Buffer.from("STORED\r\n"), get };
}
