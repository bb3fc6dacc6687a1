/**
 * Whether a log's disk can be trusted. While it refuses, puts are refused with the reason, and the disk is tried
 * again and again; when it takes everything that is owed, service goes on by itself.
 */
import type { Clock, Timer } from "../clock.ts";
import { KestrelError } from "../errors.ts";
import type { Logger } from "../logging.ts";
import type { Chunk } from "./chunk.ts";
import { findFrameSize, frameHeadSize, splitStretches } from "./frame.ts";
import type { Reserve } from "./reserve.ts";
import { encodeSegmentEnd, type Segment } from "./segment.ts";

/** How often a disk that has refused is tried again, and how much it must take. */
const probeDelayMs = 250;
const probeBytes = 64 * 1024;

export interface HealthOptions {
  readonly queueName: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly reserve: Reserve | null;
}

/** What health needs of its log. */
export interface HealthOwner {
  readonly segments: readonly Segment[];
  /** Its end is where the last segment's content ends. */
  readonly tail: Chunk;
  readonly isTurnOpen: boolean;
  /** Gives the disk back what a log that holds nothing needs no more. */
  shrink(): void;
  /** Puts files back that somebody has removed. Throws when that is not possible. */
  restoreFiles(): void;
  /** Writes what failed turns still owe to the file. False: not possible now. */
  writeOwed(): boolean;
  /** Syncs the names of files that a failed sync has left unsynced. Rejects with the system's error. */
  syncNames(): Promise<void>;
}

export class LogHealth {
  readonly #options: HealthOptions;
  readonly #owner: HealthOwner;
  /** Why puts are refused now; null when they are not. */
  refusal: KestrelError | null = null;
  /** A sync has failed: what it should have covered must be written again. */
  #isUnsure = false;
  #probe: Timer | null = null;
  /** Something has failed since the disk's last trial began: that one heals nothing. */
  #hasFailedSince = false;
  #isClosed = false;

  constructor(options: HealthOptions, owner: HealthOwner) {
    this.#options = options;
    this.#owner = owner;
  }

  /** A turn could not be written: what it owes may take the reserve. */
  writeFailed(error: KestrelError): void {
    const { logger, queueName, reserve } = this.#options;
    if (this.refusal === null)
      logger.error({ err: error, queue: queueName }, "the journal cannot be written");
    this.refusal = error;
    this.#hasFailedSince = true;
    try {
      reserve?.release();
    } catch (releaseError) {
      logger.warn({ err: releaseError }, "cannot release the reserve");
    }
    this.#owner.writeOwed();
    this.#probeLater();
  }

  /** A sync has failed: nobody knows which of its bytes are on the medium. */
  syncFailed(error: KestrelError): void {
    const { logger, queueName } = this.#options;
    logger.error({ err: error, queue: queueName }, "the journal cannot be synced");
    this.refusal = error;
    this.#hasFailedSince = true;
    this.#isUnsure = true;
    this.#probeLater();
  }

  close(): void {
    this.#isClosed = true;
    this.#probe?.cancel();
  }

  #probeLater(): void {
    if (this.#probe !== null || this.#isClosed) return;
    this.#probe = this.#options.clock.after(probeDelayMs, async () => {
      const isHealed = await this.#tryDisk();
      this.#probe = null;
      if (!isHealed) this.#probeLater();
    });
  }

  /** Room for a trial and the reserve, what is owed, and what a sync has lost. */
  async #tryDisk(): Promise<boolean> {
    if (this.#owner.isTurnOpen || this.#isClosed) return false;
    this.#hasFailedSince = false;
    try {
      this.#owner.restoreFiles();
      // Whatever a failed write has left behind the content goes first.
      this.#owner.tail.segment.cutBehind(this.#owner.tail.end);
      this.#owner.shrink();
      const { end, segment: tail } = this.#owner.tail;
      tail.file!.write(Buffer.alloc(probeBytes), 0, probeBytes, end);
      tail.cutBehind(end);
      this.#options.reserve?.refill();
      if (!this.#owner.writeOwed()) return false;
      if (this.#isUnsure) {
        // Meanwhile some may go.
        for (const segment of [...this.#owner.segments]) await writeUnsyncedAgain(segment);
        await this.#owner.syncNames();
      }
    } catch {
      // Told once when it began, and told again when it is over.
      return false;
    }
    if (this.#hasFailedSince) return false;
    this.refusal = null;
    this.#isUnsure = false;
    this.#options.logger.info({ queue: this.#options.queueName }, "the journal can be written again");
    return true;
  }
}

/**
 * After a failed sync the system may have dropped the bytes that it could not write, and a second sync would succeed
 * without them. So they are written once more, from memory where they are there, and synced. Throws when they cannot
 * be read soundly, written or synced.
 */
async function writeUnsyncedAgain(segment: Segment): Promise<void> {
  const { file, syncedSize, inheritedSize, size } = segment;
  if (file === null || segment.isDropped) return;
  if (syncedSize >= size) {
    // None of it was written here, and what was there at the start is on the medium.
    segment.isUnsure = false;
    return;
  }
  const bytes = Buffer.alloc(size - syncedSize);
  file.readNow(bytes, 0, bytes.length, syncedSize);
  if (syncedSize === 0) segment.unsyncedHead?.copy(bytes);
  const contentEnd = segment.lastChunk.end;
  if (segment.isClosed && size > contentEnd && size > inheritedSize) {
    const end = encodeSegmentEnd(segment.seed, contentEnd, segment.index());
    bytes.set(end.subarray(Math.max(0, syncedSize - contentEnd)), Math.max(0, contentEnd - syncedSize));
  }
  for (const chunk of segment.chunks) {
    const at = chunk.offset - syncedSize;
    if (chunk.buffer !== null && at + chunk.size > 0) {
      const from = Math.max(0, -at);
      chunk.buffer.copy(bytes, at + from, from, chunk.size);
    } else if (chunk.buffer === null && at >= 0) {
      const stretches = splitStretches(bytes, at, at + chunk.size, segment.seed);
      const unsound = stretches.filter((stretch) => !stretch.isSound);
      if (unsound.length > 0 && chunk.offset >= inheritedSize) throw new Error(`${file.path} has lost bytes`);
      // Of what the process before has left there is no other copy. It is damage, but it must end nothing.
      for (const { start, end } of unsound)
        if (findFrameSize(bytes, start, end, segment.seed) > 0) bytes.fill(0, start, start + frameHeadSize);
    }
  }
  const { failedSyncs } = segment;
  file.write(bytes, 0, bytes.length, syncedSize);
  await file.sync();
  // One that ran beside this one may have taken the bytes with it, and their failure.
  if (segment.failedSyncs > failedSyncs) throw new Error(`another sync of ${file.path} has failed`);
  segment.syncedSize = size;
  segment.unsyncedHead = null;
  segment.isUnsure = false;
}

/** The refusal that a failed operation on the journal's files means. */
export function diskError(cause: unknown): KestrelError {
  if (cause instanceof KestrelError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  const reason =
    code === "ENOSPC" ? "no space left on the journal's disk" : `the journal cannot be written: ${message}`;
  return new KestrelError("disk", reason, { cause });
}
