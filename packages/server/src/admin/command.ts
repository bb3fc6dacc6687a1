/** Changes go the way of every client's: through a session, which knows what is allowed now. */
import type { Identity } from "../locks/identity.ts";
import type {
  QueueRequest,
  ReloadRequest,
  Reply,
  ServerRequest,
  SetStatusRequest,
} from "../session/request.ts";
import { Session } from "../session/session.ts";
import type { AdminHost } from "./admin-host.ts";
import { HttpError } from "./answer.ts";
import { httpErrorOf } from "./refusals.ts";

/** What neither waits nor opens anything. */
type Command = QueueRequest | SetStatusRequest | ReloadRequest | ServerRequest;

/** Resolves when it is done, to a number where the command gives one. Rejects with HttpError. */
export async function carryOut(
  host: AdminHost,
  command: Command,
  identity: Identity,
): Promise<number | null> {
  const reply = await new Promise<Reply>((resolve) => {
    const client = { address: "", isReady: true, reply: resolve, holdFor() {} };
    const session = new Session(host, client, identity);
    session.execute(command);
  });
  if (reply.kind === "error") throw httpErrorOf(reply.error);
  if (reply.kind === "failed") throw new HttpError(500, reply.message);
  return reply.kind === "number" ? reply.value : null;
}
