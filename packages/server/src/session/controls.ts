/** What a session may ask of the server as a whole, beyond its queues. */
import { KestrelError } from "../errors.ts";
import type { StatisticGroup } from "../stats/statistic.ts";

export interface ServerControls {
  /** `UP`, `READONLY`, `QUIESCENT` or `WRITEAVOID`. */
  readonly status: string;
  /** Throws KestrelError: `bad-request` for an unknown status, `disk` for one that can't be kept over a restart. */
  setStatus(status: string): void;
  /** False while the server's status, or a connection limit, forbids puts, flushes and deletes. */
  readonly takesWrites: boolean;
  /** False while they forbid gets. Open reads may be confirmed and aborted all the same. */
  readonly takesReads: boolean;
  /** Reads the configuration file again. Rejects, and has changed nothing, when it can't be used. */
  reload(): Promise<void>;
  /** Begins to stop the server, cleanly. */
  shutdown(): void;
  /** The effective settings of each queue. */
  describeQueues(): StatisticGroup[];
}

/** Throws KestrelError `unavailable` while puts, flushes and deletes are forbidden. */
export function requireWrites({ takesWrites }: ServerControls): void {
  if (!takesWrites) throw new KestrelError("unavailable", "the server takes no writes now");
}

/** Throws KestrelError `unavailable` while gets are forbidden. */
export function requireReads({ takesReads }: ServerControls): void {
  if (!takesReads) throw new KestrelError("unavailable", "the server takes no reads now");
}
