/**
 * The files of one log's segments: made anew or from finished ones, put back when somebody has removed them, and kept
 * or removed once they are finished. It knows nothing of what lies in them.
 */
import path from "node:path";
import type { Clock } from "../clock.ts";
import type { Disk, DiskFile } from "../disk.ts";
import type { Logger } from "../logging.ts";
import { FinishedFiles, type SpareBudget } from "./finished-files.ts";
import { encodeEndMark, segmentSeed } from "./frame.ts";
import type { LogSync } from "./log-sync.ts";
import type { ReaderState } from "./record.ts";
import { encodeSegmentHead, Segment, segmentName } from "./segment.ts";

export interface SegmentFilesOptions {
  readonly queueName: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly spareBudget: SpareBudget;
  readonly logger: Logger;
  readonly createdMs: number;
  /** Whether somebody syncs this log at all. */
  readonly syncs: () => boolean;
}

export class SegmentFiles {
  readonly #options: SegmentFilesOptions;
  readonly #sync: LogSync;
  readonly #finished: FinishedFiles;

  constructor(options: SegmentFilesOptions, sync: LogSync) {
    this.#options = options;
    this.#sync = sync;
    this.#finished = new FinishedFiles(options);
  }

  /** A segment whose file tells the readers' states, and no more. Throws the system's error. */
  create(folder: string, number: number, firstId: number, readers: readonly ReaderState[]): Segment {
    const { createdMs, queueName } = this.#options;
    const name = segmentName(firstId, number);
    const seed = segmentSeed(name);
    const file = path.join(folder, name);
    const head = encodeSegmentHead(seed, firstId, createdMs, queueName, readers);
    const again = this.#finished.reuse(file, Buffer.concat([head, encodeEndMark(seed)]));
    const opened = again?.file ?? this.#createFile(file, head, false);
    const segment = new Segment(opened, name, number, firstId, head.length);
    segment.staleEnd = again?.size ?? 0;
    this.created(segment, head);
    return segment;
  }

  /** Where that fails, what is there of the content stays if it `mayBeHalf`. */
  #createFile(file: string, content: Buffer, mayBeHalf: boolean): DiskFile {
    const created = this.#options.disk.create(file);
    try {
      created.write(content, 0, content.length, 0);
    } catch (error) {
      if (!mayBeHalf) this.#empty(created);
      created.close();
      throw error;
    }
    return created;
  }

  /** Half a head may tell the readers' states, and a start would believe them, though the segment before went on. */
  #empty(file: DiskFile): void {
    try {
      file.truncate(0);
    } catch (error) {
      this.#options.logger.error({ err: error, file: file.path }, "cannot undo the beginning of a segment");
    }
  }

  /** The segment's file is new, and begins with `head`, which no sync has covered. */
  created(segment: Segment, head: Buffer): void {
    segment.syncedSize = 0;
    segment.unsyncedHead = head;
    this.renamed(segment);
  }

  /** The file's name is new, and so may be the folder that it is in. */
  renamed(segment: Segment): void {
    const folder = path.dirname(segment.file!.path);
    this.#sync.created(segment, () => this.#syncFolders(folder));
  }

  /** These were there at the start. */
  inherited(segments: readonly Segment[]): void {
    for (const segment of segments) segment.inheritedSize = segment.size;
    const folder = path.dirname(segments[0]!.file!.path);
    this.#sync.inherited(segments, () => this.#syncFolders(folder));
  }

  async #syncFolders(folder: string): Promise<void> {
    const { disk } = this.#options;
    await disk.syncFolder(folder);
    await disk.syncFolder(path.dirname(folder));
  }

  /** Writes a file that somebody has removed again, from the descriptor that is still open. Throws the system's error. */
  restore(segment: Segment): void {
    const old = segment.file!;
    if (old.isThere()) return;
    const bytes = Buffer.allocUnsafeSlow(segment.size);
    if (old.readNow(bytes, 0, bytes.length, 0) < bytes.length) throw new Error(`${old.path} has lost bytes`);
    segment.file = this.#createFile(old.path, bytes, true);
    segment.staleEnd = 0;
    this.created(segment, bytes.subarray(0, segment.firstChunk.offset));
    old.close();
  }

  /** Every reader is done with the segment: its file goes, or waits to be another's. */
  finish(segment: Segment): void {
    const file = segment.file!;
    this.#sync.forget(segment);
    file.close();
    this.#beforeRemoval((isAllowed) => {
      if (isAllowed) this.#finished.add(file.path, Math.max(segment.size, segment.staleEnd));
    });
  }

  /** Bytes of the files that wait for segments to come. */
  get spareBytes(): number {
    return this.#finished.bytes;
  }

  /** What allows a removal must not be lost while the removal itself survives. */
  #beforeRemoval(remove: (isAllowed: boolean) => void): void {
    if (this.#options.syncs()) this.#sync.beforeRemoval(remove);
    else remove(true);
  }

  /** Resolves when a segment's records may go, as far as later segments tell the same. False: the log was closed before. */
  whenReplaceable(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#beforeRemoval(resolve);
      this.#sync.requestForRemovals();
    });
  }

  /** Files kept for segments to come go when none has come for a while. */
  trimSpares(): void {
    this.#finished.trim();
  }

  /** Files kept for segments to come, of other logs too, go at once: the disk is full. */
  dropSpares(): void {
    this.#options.spareBudget.drop();
  }

  /** From now on no files are kept for segments to come. */
  closeSpares(): void {
    this.#finished.close();
  }

  /** From now on finished files are left to whoever removes their folder, unless the spares were closed before. */
  abandon(): void {
    this.#finished.abandon();
  }

  /** Waits until all files that are to go are gone. */
  async settle(): Promise<void> {
    await this.#finished.settle();
  }
}
