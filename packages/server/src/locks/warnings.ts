/** What an operator should know about who can reach a node. */
import type { Logger } from "../logging.ts";
import type { DoorName } from "./lock-settings.ts";
import type { Locks } from "./locks.ts";
import { isLoopback } from "./loopback.ts";
import type { TlsDoors } from "./tls.ts";

type Listeners = Readonly<Partial<Record<DoorName, { readonly host: string }>>>;

/** Says it when others than this machine can reach what is not locked, or overhear passwords. */
export function warnOfOpenDoors(listeners: Listeners, locks: Locks, tls: TlsDoors, logger: Logger): void {
  const reachable = (Object.keys(listeners) as DoorName[]).filter(
    (door) => !isLoopback(listeners[door]!.host),
  );
  if (reachable.length === 0) return;
  if (!locks.isLocked) {
    logger.warn({ ports: reachable }, "whoever reaches this node may do everything: there are no users");
    return;
  }
  const ports = reachable.filter((door) => tls[door] === undefined);
  if (ports.length > 0) logger.warn({ ports }, "passwords come over these ports without encryption");
}

/** Says which certificates have ended. */
export function warnOfOldCertificates(tls: TlsDoors, nowMs: number, logger: Logger): void {
  for (const [port, { validToMs }] of Object.entries(tls)) {
    if (validToMs >= nowMs) continue;
    logger.warn({ port, ended: new Date(validToMs).toISOString() }, "a certificate has ended");
  }
}
