// Many items of one queue to one node: in as few calls as may be where the wire has a call for many, otherwise each by
// itself, many under way at the same time.

import type { PutAnswer, RawBatch } from "../transport/transport.ts";
import { TransportError } from "../transport/transport-error.ts";
import type { ClusterNode } from "./node.ts";

/** What a node has said to one item, or why it has said nothing. */
export type NodeAnswer = PutAnswer | TransportError;

/** Puts of one batch that are under way at the same time. */
const PUTS_MAX = 4_096;
/** In one call; a larger item goes alone. */
const CALL_ITEMS_MAX = 4_096;
const CALL_BYTES_MAX = 1024 * 1024;

/** What became of each item, in their order. Never rejects with TransportError. */
export function putBatch(
  node: ClusterNode,
  queue: string,
  batch: RawBatch,
  signal: AbortSignal | undefined,
): Promise<NodeAnswer[]> {
  const put = node.putsMany ? putInCalls : putSideBySide;
  return put(node, queue, batch, signal);
}

async function putSideBySide(
  node: ClusterNode,
  queue: string,
  { items, flags, expiry }: RawBatch,
  signal: AbortSignal | undefined,
): Promise<NodeAnswer[]> {
  const answers = new Array<NodeAnswer>(items.length);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      answers[index] = await putOne(node, queue, { data: items[index]!, flags, expiry }, signal);
    }
  };
  await Promise.all(Array.from({ length: Math.min(PUTS_MAX, items.length) }, work));
  return answers;
}

async function putInCalls(
  node: ClusterNode,
  queue: string,
  batch: RawBatch,
  signal: AbortSignal | undefined,
): Promise<NodeAnswer[]> {
  const { items, flags, expiry } = batch;
  const answers: NodeAnswer[] = [];
  const fill = (length: number, answer: NodeAnswer): void => {
    for (let i = 0; i < length; i++) answers.push(answer);
  };
  let wasRefused = false;
  while (answers.length < items.length) {
    const start = answers.length;
    const together = items.slice(start, endOfCall(items, start));
    if (together.length === 1) {
      const answer = await putOne(node, queue, { data: together[0]!, flags, expiry }, signal);
      answers.push(answer);
      if (answer instanceof TransportError) fill(items.length - answers.length, unsentAfter(answer));
      continue;
    }
    try {
      const length = await node.putMany(queue, { ...batch, items: together }, signal);
      fill(length, "stored");
      const isRefused = length < together.length;
      // The next one was refused, and those behind it were not tried: perhaps it was only too large.
      if (isRefused) answers.push("full");
      if (isRefused && length === 0 && wasRefused) fill(items.length - answers.length, "full");
      wasRefused = isRefused;
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      fill(together.length, error);
      fill(items.length - answers.length, unsentAfter(error));
    }
  }
  return answers;
}

async function putOne(
  node: ClusterNode,
  queue: string,
  item: { readonly data: Buffer; readonly flags: number; readonly expiry: number },
  signal: AbortSignal | undefined,
): Promise<NodeAnswer> {
  try {
    return await node.put(queue, item, signal);
  } catch (error) {
    if (error instanceof TransportError) return error;
    throw error;
  }
}

function endOfCall(items: readonly Buffer[], start: number): number {
  let size = 0;
  let end = start;
  while (end < items.length && end - start < CALL_ITEMS_MAX) {
    size += items[end]!.length;
    if (size > CALL_BYTES_MAX && end > start) break;
    end++;
  }
  return end;
}

/** Of items behind a call that went wrong: they were surely not sent. */
function unsentAfter(error: TransportError): TransportError {
  if (!error.mayHaveHappened) return error;
  const kind = error.kind === "given-up" ? "aborted" : "unreachable";
  return new TransportError(kind, `not sent any more: ${error.message}`, error);
}
