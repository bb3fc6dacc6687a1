/** Bounds on what clients can make a server keep. */

export interface ConnectionLimits {
  /** Larger items are refused and not kept in memory. */
  readonly itemBytesMax: number;
  /** A line of an ASCII protocol, without a body. */
  readonly lineBytesMax: number;
  /** Requests of one connection that wait behind one that is not answered yet. More: the socket is paused. */
  readonly heldBytesMax: number;
  /** Answers of one connection that are not sent yet. More: nothing is read from it, and nothing taken for it. */
  readonly unsentBytesMax: number;
  /** The same for all connections together. With so much unread no more large items are handed out. */
  readonly unreadBytesMax: number;
  /** A client that has read nothing for so long gives way when there is that much. */
  readonly unreadStallMs: number;
  /** So long may it be that much; then one gives way that does read. */
  readonly unreadPatienceMs: number;
  /** Half-received items of all connections together. More: further ones are refused. */
  readonly bodyBytesMax: number;
  /** A half-received item that has not grown for so long gives way when memory for others is needed. */
  readonly bodyStallMs: number;
  /** Time for a client to take the last answers after the connection has been ended by the server. */
  readonly lingerMs: number;
  /** Time for a client to say who it is, where it has to. */
  readonly barredMsMax: number;
  /** A connection that sends nothing for so long, and waits for no answer, is ended; null: never. */
  readonly idleMsMax: number | null;
}

export const defaultConnectionLimits: ConnectionLimits = {
  itemBytesMax: 64 * 1024 * 1024,
  lineBytesMax: 16 * 1024,
  heldBytesMax: 64 * 1024,
  unsentBytesMax: 256 * 1024,
  unreadBytesMax: 256 * 1024 * 1024,
  unreadStallMs: 10_000,
  unreadPatienceMs: 60_000,
  bodyBytesMax: 256 * 1024 * 1024,
  bodyStallMs: 10_000,
  lingerMs: 10_000,
  barredMsMax: 30_000,
  idleMsMax: null,
};
