// The statuses of the memcache binary protocol, and what a refusal means to us.

import { TransportError, type TransportErrorKind } from "../transport-error.ts";
import type { Reply } from "./memjs-connection.ts";

export const STATUS = {
  ok: 0x0000,
  notFound: 0x0001,
  tooLarge: 0x0003,
  invalid: 0x0004,
  notStored: 0x0005,
  forbidden: 0x0008,
  unauthorized: 0x0020,
  busy: 0x0085,
  unavailable: 0x0086,
} as const;

const REFUSALS: ReadonlyMap<number, TransportErrorKind> = new Map([
  [STATUS.invalid, "invalid"],
  [STATUS.forbidden, "forbidden"],
  [STATUS.unauthorized, "unauthorized"],
  [STATUS.busy, "unavailable"],
  [STATUS.unavailable, "unavailable"],
]);

/** The error for a reply that is neither success nor an ordinary outcome of its request. */
export function refusalOf(reply: Reply): TransportError {
  const status = `0x${reply.status.toString(16).padStart(4, "0")}`;
  const text = reply.value.toString("utf8", 0, 200);
  return new TransportError(
    REFUSALS.get(reply.status) ?? "failed",
    `the node answered ${text === "" ? `status ${status}` : `"${text}" (status ${status})`}`,
  );
}
