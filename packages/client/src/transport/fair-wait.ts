// While more reads wait than may have a connection, each gets its turn.

/** About how often. */
const TURNS_MS = 2_000;

/** How long a read may wait at a node, of `length` that have a connection while `crowd` others wait for one. */
export function fairWaitMs(waitMs: number, length: number, crowd: number): number {
  return Math.min(waitMs, Math.ceil((TURNS_MS * length) / (length + crowd)));
}
