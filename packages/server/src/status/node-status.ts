/**
 * What this node accepts: everything; everything, but clients are asked to write elsewhere; no writes; nothing.
 * Kept in a file over restarts. A stricter status is announced at once and holds when whoever sends clients here has
 * stopped and the grace period is over, so that they can go elsewhere without an error; a looser one holds at once.
 */
import type { Clock, Timer } from "../clock.ts";
import { KestrelError } from "../errors.ts";
import type { Logger } from "../logging.ts";
import { word } from "../settings/kinds.ts";
import { type ServerStatus, serverStatuses } from "../settings/server-settings.ts";
import type { StatusFile } from "./status-file.ts";

export interface NodeStatusOptions {
  /** Null: a restart forgets the status. */
  readonly file: StatusFile | null;
  /** Where the file tells none. */
  readonly defaultStatus: ServerStatus;
  readonly gracePeriodMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Called after the status has changed, or what it allows. Must not throw. */
export type StatusListener = (status: NodeStatus) => void;

/**
 * Called when a stricter status was announced, before it holds. The promise, if there is one, must not reject; when it
 * resolves, clients are no longer sent here for what the status is to refuse.
 */
export type Leave = (status: NodeStatus) => Promise<void> | undefined;

/** A status that was announced until not long ago: clients may still go by it. */
interface FormerStatus {
  readonly status: ServerStatus;
  timer: Timer | undefined;
}

const kind = word(serverStatuses);

/** In any case, with or without `-`, `_`: "READONLY", "read-only". Undefined when there is no such status. */
export function parseStatus(text: string): ServerStatus | undefined {
  return kind.parse(text);
}

/** As Kestrel's protocols write it: "READONLY". */
export function renderStatus(status: ServerStatus): string {
  return status.toUpperCase().replace("-", "");
}

export class NodeStatus {
  readonly #options: NodeStatusOptions;
  readonly #listeners: Set<StatusListener> = new Set();
  #leave: Leave = () => undefined;
  #announced: ServerStatus;
  #enforced: ServerStatus;
  readonly #former: Set<FormerStatus> = new Set();
  /** Whether gets are allowed now. Open reads may be confirmed and aborted all the same. */
  takesReads = true;
  /** Whether puts, flushes and deletes are allowed now. */
  takesWrites = true;

  /** As the file tells it. A file that can't be read, or tells none, is logged, and the default holds. */
  constructor(options: NodeStatusOptions) {
    this.#options = options;
    this.#announced = this.#enforced = this.#load() ?? options.defaultStatus;
    this.#apply();
  }

  #load(): ServerStatus | undefined {
    const { file, defaultStatus, logger } = this.#options;
    if (file === null) return undefined;
    try {
      const text = file.load();
      const status = text === undefined ? undefined : parseStatus(text);
      if (text !== undefined && status === undefined) {
        logger.error({ file: file.path, text, defaultStatus }, "no status in the status file");
      }
      return status;
    } catch (error) {
      logger.error({ err: error, file: file.path, defaultStatus }, "cannot read the status file");
      return undefined;
    }
  }

  /** The status that holds, or is about to: what the node announces. */
  get announced(): ServerStatus {
    return this.#announced;
  }

  /** The status that holds now: the announced one, or a looser one until the grace period is over. */
  get enforced(): ServerStatus {
    return this.#enforced;
  }

  /** Throws KestrelError `disk`, and has changed nothing, when the status can't be kept over a restart. */
  announce(status: ServerStatus): void {
    const former = this.#announced;
    if (status === former) return;
    this.#keep(status);
    this.#announced = status;
    const left = isStricter(status, former) ? this.#leave(this) : undefined;
    if (left !== undefined || this.#options.gracePeriodMs > 0) this.#hold(former, left);
    this.#apply();
    this.#options.logger.info({ status, former, enforced: this.#enforced }, "the status has changed");
    this.#tell();
  }

  /** The grace period begins when clients are no longer sent here. */
  #hold(status: ServerStatus, left: Promise<void> | undefined): void {
    const { gracePeriodMs, clock } = this.#options;
    const entry: FormerStatus = { status, timer: undefined };
    const wait = (): void => {
      if (!this.#former.has(entry)) return;
      if (gracePeriodMs === 0) this.#end(entry);
      else entry.timer = clock.after(gracePeriodMs, () => this.#end(entry));
    };
    this.#former.add(entry);
    if (left === undefined) wait();
    else void left.then(wait);
  }

  #keep(status: ServerStatus): void {
    const { file, logger } = this.#options;
    try {
      file?.keep(status);
    } catch (error) {
      logger.error({ err: error, file: file?.path, status }, "cannot keep the status: it stays as it is");
      const message = `the status cannot be kept: ${(error as Error).message}`;
      throw new KestrelError("disk", message, { cause: error });
    }
  }

  #end(entry: FormerStatus): void {
    this.#former.delete(entry);
    const before = this.#enforced;
    this.#apply();
    if (this.#enforced === before) return;
    this.#options.logger.info({ status: this.#enforced }, "the status holds");
    this.#tell();
  }

  /** The loosest of what clients may go by. */
  #apply(): void {
    let enforced = this.#announced;
    for (const { status } of this.#former) if (isStricter(enforced, status)) enforced = status;
    this.#enforced = enforced;
    this.takesReads = enforced !== "quiescent";
    this.takesWrites = this.takesReads && enforced !== "read-only";
  }

  /** Calls `listener` after each change, until the function that it gives back is called. */
  onChange(listener: StatusListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Who sends clients here: a stricter status waits for it. There is one at most. */
  leaveFirst(leave: Leave): void {
    this.#leave = leave;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(this);
  }

  /** Nothing changes by itself any more. */
  stop(): void {
    for (const { timer } of this.#former) timer?.cancel();
    this.#former.clear();
    this.#listeners.clear();
  }
}

function isStricter(one: ServerStatus, other: ServerStatus): boolean {
  return serverStatuses.indexOf(one) > serverStatuses.indexOf(other);
}
