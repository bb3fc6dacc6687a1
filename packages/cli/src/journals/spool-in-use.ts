/**
 * Whether a node is using the spool folder that a command wants to look into. Looking does no harm to either, but
 * what the node is writing at that moment may look torn.
 */
import { CommandError } from "../exit-code.ts";
import { type Surroundings, say } from "../surroundings.ts";

export const liveFlag = {
  live: { type: "boolean", describe: "Look even while a node is using it; its last write may look torn" },
} as const;

/** Throws CommandError when a running node owns the folder and `isLive` isn't set. */
export async function checkInUse(
  spool: string,
  isLive: boolean | undefined,
  action: string,
  surroundings: Surroundings,
): Promise<void> {
  const { findSpoolOwner } = await import("@kestrel-mq/server");
  const owner = findSpoolOwner(spool);
  if (owner === undefined) return;
  const words = `a node is using ${spool} (process ${owner})`;
  if (isLive !== true)
    throw new CommandError(`${words}: stop it, copy the folder, or look all the same with --live`);
  say(surroundings, `kq ${action}: ${words}; what it is writing may look torn`);
}
