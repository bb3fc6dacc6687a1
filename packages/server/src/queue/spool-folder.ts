/**
 * The folder with all journals of a node: one folder a queue (its fanouts share it), the lock, and the reserve. What
 * a deletion has left behind goes at the next start.
 */
import path from "node:path";
import type { Disk, FolderLock } from "../disk.ts";
import { KestrelError } from "../errors.ts";
import { Reserve } from "../journal/reserve.ts";
import type { Logger } from "../logging.ts";
import { isJournalName } from "../settings/queue-name.ts";
import { SpoolLockedError } from "../spool-lock.ts";

/** Journals up to this size are removed while everybody waits: it takes less than a millisecond. */
const removeNowBytesMax = 1024 * 1024;

interface DoomedJournal {
  readonly folder: string;
  readonly size: number;
}

export class SpoolFolder {
  readonly reserve: Reserve;
  readonly #path: string;
  readonly #disk: Disk;
  readonly #logger: Logger;
  readonly #lock: FolderLock;
  #doomedCount = 0;
  /** Journals that wait until no power loss brings their queue's name back. */
  #doomed: DoomedJournal[] = [];
  #removing: Promise<void> | null = null;

  private constructor(spoolPath: string, disk: Disk, logger: Logger, lock: FolderLock, reserve: Reserve) {
    this.#path = spoolPath;
    this.#disk = disk;
    this.#logger = logger;
    this.#lock = lock;
    this.reserve = reserve;
  }

  /** Creates the folder if need be and takes it. Rejects with SpoolLockedError, or the system's error. */
  static async take(spoolPath: string, disk: Disk, logger: Logger): Promise<SpoolFolder> {
    const above = foldersAbove(spoolPath, disk);
    disk.makeFolder(spoolPath);
    const reserve = new Reserve(disk, spoolPath);
    const spool = new SpoolFolder(
      spoolPath,
      disk,
      logger,
      await lockFolder(spoolPath, disk, reserve, logger),
      reserve,
    );
    try {
      for (const folder of above) await disk.syncFolder(folder);
    } catch (error) {
      logger.warn({ err: error, folder: spoolPath }, "a power loss may take the spool folder's name");
    }
    try {
      spool.reserve.refill();
    } catch (error) {
      // Without it, consumers of a full disk may see items twice after a crash; no reason not to start.
      logger.warn({ err: error }, "no room for the reserve in the spool folder");
    }
    return spool;
  }

  folderOf(queueName: string): string {
    return path.join(this.#path, queueName);
  }

  /** Names of the queues whose journals are there; removes what deletions have left. */
  async queueNames(): Promise<string[]> {
    const names: string[] = [];
    for (const name of this.#disk.list(this.#path)) {
      const folder = this.folderOf(name);
      if (!this.#disk.isFolder(folder)) continue;
      // Of those the size is not known.
      if (name.includes("~")) this.#doomed.push({ folder, size: Number.POSITIVE_INFINITY });
      else if (isJournalName(name)) names.push(name);
      else this.#logger.warn({ folder }, "not a queue's folder; left alone");
    }
    await this.#removeDoomed();
    return names;
  }

  /** Removes the journal that a queue had before it was told to keep none. Rejects with the system's error. */
  async forget(queueName: string): Promise<void> {
    const folder = this.folderOf(queueName);
    this.#logger.warn(
      { queue: queueName, folder },
      "this queue keeps no journal any more: the one it had is removed",
    );
    await this.#disk.removeFolder(folder);
  }

  /**
   * Removes a journal of that many bytes. It first gets a name that no queue can have, so that a crash leaves no half
   * of it; where `syncs`, no power loss does either. Throws KestrelError `disk`.
   */
  remove(queueName: string, size: number, syncs: boolean): void {
    const folder = this.#freeDoomedName();
    try {
      this.#disk.rename(this.folderOf(queueName), folder);
    } catch (cause) {
      throw new KestrelError("disk", `the queue cannot be deleted: ${(cause as Error).message}`, { cause });
    }
    if (!syncs) {
      this.#removeFolder({ folder, size });
      return;
    }
    this.#doomed.push({ folder, size });
    this.#removeDoomed();
  }

  /** One that could not be removed before may still be there. */
  #freeDoomedName(): string {
    for (;;) {
      const folder = path.join(this.#path, `~${this.#doomedCount++}`);
      if (!this.#disk.isFolder(folder)) return folder;
    }
  }

  #removeDoomed(): Promise<void> {
    if (this.#removing === null && this.#doomed.length > 0) this.#removing = this.#removeWhenSynced();
    return this.#removing ?? Promise.resolve();
  }

  /** Were their new names not on the medium, a power loss could bring back a queue with a part of its segments. */
  async #removeWhenSynced(): Promise<void> {
    while (this.#doomed.length > 0) {
      const doomed = this.#doomed;
      this.#doomed = [];
      try {
        await this.#disk.syncFolder(this.#path);
      } catch (error) {
        this.#doomed.unshift(...doomed);
        this.#logger.warn(
          { err: error, folder: this.#path },
          "cannot sync the spool folder: deleted queues keep their journals",
        );
        break;
      }
      for (const journal of doomed) await this.#removeFolder(journal);
    }
    this.#removing = null;
  }

  /** Small ones go at once, so that creating and deleting in turn does not run ahead of the disk. */
  async #removeFolder({ folder, size }: DoomedJournal): Promise<void> {
    try {
      if (size <= removeNowBytesMax) this.#disk.removeFolderNow(folder);
      else await this.#disk.removeFolder(folder);
    } catch (error) {
      // The next start removes it.
      this.#logger.warn({ err: error, folder }, "cannot remove the folder of a deleted queue");
    }
  }

  /**
   * Puts the lock back if somebody has removed it. Throws SpoolLockedError when the folder is another's now, as after
   * a long stop: whoever goes on writes into another's journals.
   */
  tidy(): void {
    this.#removeDoomed();
    try {
      this.#lock.renew();
    } catch (error) {
      if (error instanceof SpoolLockedError) throw error;
      this.#logger.error({ err: error }, "the lock of the spool folder is gone and cannot be put back");
    }
  }

  /** Waits for removals that are under way. */
  async settle(): Promise<void> {
    await this.#removing;
  }

  release(): void {
    this.#lock.release();
  }
}

/**
 * On a full disk the lock takes what the process before has kept in reserve: there may be consumers who make room.
 * Rejects with SpoolLockedError, or an error that tells the folder and the system's reason.
 */
async function lockFolder(folder: string, disk: Disk, reserve: Reserve, logger: Logger): Promise<FolderLock> {
  const lock = () => disk.lockFolder(folder, (reason) => logger.info({ folder }, reason));
  try {
    return await lock().catch((error: NodeJS.ErrnoException) => {
      if (!isFull(error) || !reserve.releaseFormer()) throw error;
      logger.warn({ folder }, "no space left on the disk of the spool folder: its reserve goes for the lock");
      return lock();
    });
  } catch (cause) {
    if (cause instanceof SpoolLockedError) throw cause;
    throw new Error(`the spool folder ${folder} cannot be locked: ${(cause as Error).message}`, { cause });
  }
}

/** No space left on the disk, or none that we may use. */
function isFull({ code }: NodeJS.ErrnoException): boolean {
  return code === "ENOSPC" || code === "EDQUOT";
}

/** The folder that names this one, and those that name what is missing above it, from the inside out. */
function foldersAbove(folder: string, disk: Disk): string[] {
  const above = path.dirname(folder);
  const isThere = above === folder || disk.isFolder(above) || above === ".";
  return isThere ? [above] : [above, ...foldersAbove(above, disk)];
}
