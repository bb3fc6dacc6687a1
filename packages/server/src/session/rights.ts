/** The one place that says who may ask what. Asked for every request of every protocol, unless nothing is locked. */
import { KestrelError } from "../errors.ts";
import type { Identity, QueueRight } from "../locks/identity.ts";
import type { LentReads } from "./lent-reads.ts";
import type { LentRequest, Request } from "./request.ts";

/** Throws KestrelError: `unauthenticated` for who has to say first who it is, `forbidden` for who may not do this. */
export function requireRight(identity: Identity, request: Request, lentReads: LentReads): void {
  if (request.kind === "authenticate") return;
  if (identity.isBarred) throw new KestrelError("unauthenticated", "unauthenticated");
  switch (request.kind) {
    case "put":
    case "put-many":
      requireQueue(identity, "put", request.queue);
      break;
    case "get":
    case "monitor":
    case "confirm":
    case "gather":
    case "inspect":
      requireQueue(identity, "get", request.queue);
      break;
    case "confirm-lent":
    case "abort-lent":
      requireLent(identity, request, lentReads);
      break;
    case "flush":
    case "flush-expired":
    case "delete":
    case "flush-all":
    case "flush-all-expired":
    case "set-status":
    case "reload":
    case "shutdown":
      requireManager(identity, request.kind);
      break;
    // Whoever is let in may look at the figures.
    case "stats":
    case "dump-stats":
    case "dump-config":
    case "status":
      break;
  }
}

function requireQueue(identity: Identity, right: QueueRight, queue: string): void {
  if (identity.may(right, queue)) return;
  const doing = right === "put" ? "put into" : "read";
  throw new KestrelError("forbidden", `not allowed to ${doing} ${queue}`);
}

/** An id says all: its queue is that in which it was opened. */
function requireLent(identity: Identity, { ids }: LentRequest, lentReads: LentReads): void {
  for (const id of ids) {
    const queue = lentReads.findQueue(id);
    if (queue !== undefined) requireQueue(identity, "get", queue.name);
  }
}

function requireManager({ mayManage }: Identity, what: string): void {
  if (!mayManage) throw new KestrelError("forbidden", `not allowed: ${what}`);
}
