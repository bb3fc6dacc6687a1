/**
 * A disk in memory as POSIX allows it to be: nothing outlives a power loss but what was synced, a file's bytes by a
 * sync of the file, its name by a sync of its folder. What may be there of the rest, `volatile-loss.ts` tells.
 *
 * Syncs and removals take their time: they wait until `finishOne` or `finishAll`, unless `isPrompt`.
 */
import path from "node:path";
import type { Disk, DiskFile, FolderLock } from "../disk.ts";
import type { Chance } from "./chance.ts";
import { systemError } from "./fake-disk.ts";
import { dropPages, PowerLoss, type Survival } from "./volatile-loss.ts";
import { type Change, copyTree, FileNode, FolderNode, type NameChange } from "./volatile-tree.ts";

export type VolatileOperation = "create" | "write" | "sync" | "rename" | "remove" | "makeFolder";

export class VolatileDisk implements Disk {
  /** Throws to make an operation fail. A write that fails has written half of its bytes. */
  fault: (operation: VolatileOperation, file: string) => void = () => {};
  isPrompt = false;
  /** What a failed sync has dropped comes back from the medium now and then, and not as it was written. */
  forgets = true;
  /** A sync has failed and taken bytes with it. */
  hasDropped = false;
  readonly #root: FolderNode;
  #moment = 0;
  /** Up to here everything counts as on the medium when nothing is ever reordered. */
  #syncedMoment = 0;
  readonly #waiting: (() => void)[] = [];
  /** For what is lost. */
  readonly #chance: Chance;

  constructor(chance: Chance, root: FolderNode = new FolderNode()) {
    this.#chance = chance;
    this.#root = root;
  }

  // What takes its time

  get waitingLength(): number {
    return this.#waiting.length;
  }

  /** Finishes one of the syncs and removals that wait. */
  finishOne(pick: number): void {
    this.#waiting.splice(pick % Math.max(1, this.#waiting.length), 1)[0]?.();
  }

  /** Finishes them all, and those that they lead to. */
  async finishAll(): Promise<void> {
    do {
      while (this.#waiting.length > 0) this.finishOne(0);
      for (let round = 0; round < 20; round++) await Promise.resolve();
    } while (this.#waiting.length > 0);
  }

  /** Does `work` when its time has come. */
  later(work: () => void): Promise<void> {
    if (this.isPrompt) return Promise.resolve().then(work);
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          work();
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Numbers all that happens to the disk. */
  tick(): number {
    return ++this.#moment;
  }

  /** These changes are on the medium. */
  noteSynced(changes: readonly { readonly moment: number }[]): void {
    for (const { moment } of changes) this.#syncedMoment = Math.max(this.#syncedMoment, moment);
  }

  /** A sync of these changes to the file has failed. */
  noteDropped(file: FileNode, changes: readonly Change[]): void {
    this.hasDropped = true;
    dropPages(file, changes, this.forgets, this.#chance);
    const size = file.now.length;
    // What is there to be synced leads to what is there now.
    if (file.synced.length < size) file.unsynced.unshift({ kind: "size", size, moment: this.tick() });
  }

  // The next process's disk

  /** After this process was killed: all that was written, synced or not. */
  afterKill(): VolatileDisk {
    const next = new VolatileDisk(this.#chance, copyTree(this.#root));
    next.#moment = this.#moment;
    next.#syncedMoment = this.#syncedMoment;
    return next;
  }

  /** After a power loss. What is left is all on the medium. */
  afterPowerLoss(survival: Survival): VolatileDisk {
    const loss = new PowerLoss(survival, this.#chance, this.#syncedMoment, this.#moment);
    return new VolatileDisk(this.#chance, loss.leftOf(this.#root));
  }

  // The tree

  #folderOf(name: string): FolderNode {
    const folder = this.#root.find(path.dirname(name));
    if (!(folder instanceof FolderNode)) throw systemError("ENOENT", name);
    return folder;
  }

  #fileAt(name: string): FileNode {
    const file = this.#root.find(name);
    if (!(file instanceof FileNode)) throw systemError("ENOENT", name);
    return file;
  }

  #setNames(folder: FolderNode, names: NameChange["names"]): void {
    folder.apply({ moment: this.tick(), names });
  }

  /** The file that has this name now, for one that was opened under it. */
  findFile(name: string): FileNode | undefined {
    const node = this.#root.find(name);
    return node instanceof FileNode ? node : undefined;
  }

  // Disk

  async lockFolder(): Promise<FolderLock> {
    return { renew: () => {}, release: () => {} };
  }

  makeFolder(folder: string): void {
    if (this.#root.find(folder) instanceof FolderNode) return;
    this.fault("makeFolder", folder);
    if (path.dirname(folder) !== ".") this.makeFolder(path.dirname(folder));
    this.#setNames(this.#folderOf(folder), [[path.basename(folder), new FolderNode()]]);
  }

  list(folder: string): string[] {
    const node = this.#root.find(folder);
    if (!(node instanceof FolderNode)) throw systemError("ENOENT", folder);
    return [...node.now.keys()].sort();
  }

  isFolder(name: string): boolean {
    return this.#root.find(name) instanceof FolderNode;
  }

  create(file: string): DiskFile {
    this.fault("create", file);
    const there = this.findFile(file);
    const opened = new VolatileFile(this, file, there ?? new FileNode());
    if (there === undefined) this.#setNames(this.#folderOf(file), [[path.basename(file), opened.node]]);
    else opened.truncate(0);
    return opened;
  }

  open(file: string): DiskFile {
    return new VolatileFile(this, file, this.#fileAt(file));
  }

  readFile(file: string): Buffer | undefined {
    return this.findFile(file)?.now;
  }

  replaceFile(file: string, content: Buffer): void {
    const folder = this.#folderOf(file);
    this.#setNames(folder, [[path.basename(file), new FileNode(content)]]);
    this.#syncNames(folder, folder.unsynced);
  }

  rename(from: string, to: string): void {
    this.fault("rename", from);
    const node = this.#root.find(from);
    if (node === undefined) throw systemError("ENOENT", from);
    this.#setNames(this.#folderOf(from), [
      [path.basename(to), node],
      [path.basename(from), null],
    ]);
  }

  removeFile(file: string): Promise<void> {
    return this.later(() => {
      this.fault("remove", file);
      this.#fileAt(file);
      this.#setNames(this.#folderOf(file), [[path.basename(file), null]]);
    });
  }

  removeFolder(folder: string): Promise<void> {
    return this.later(() => this.removeFolderNow(folder));
  }

  removeFolderNow(folder: string): void {
    this.fault("remove", folder);
    const node = this.#root.find(folder);
    if (!(node instanceof FolderNode)) return;
    for (const name of [...node.now.keys()]) this.#setNames(node, [[name, null]]);
    this.#setNames(this.#folderOf(folder), [[path.basename(folder), null]]);
  }

  syncFolder(folder: string): Promise<void> {
    const node = this.#root.find(folder);
    if (!(node instanceof FolderNode)) return Promise.reject(systemError("ENOENT", folder));
    const covered = [...node.unsynced];
    return this.later(() => {
      this.fault("sync", folder);
      this.#syncNames(node, covered);
    });
  }

  #syncNames(folder: FolderNode, asked: readonly NameChange[]): void {
    const covered = stillUnsynced(asked, folder);
    this.noteSynced(covered);
    folder.noteSynced(covered);
  }
}

/** Those of `asked` that no other sync, begun later, has had already. */
function stillUnsynced<T>(asked: readonly T[], { unsynced }: { readonly unsynced: readonly T[] }): T[] {
  return asked.filter((change) => unsynced.includes(change));
}

class VolatileFile implements DiskFile {
  path: string;
  readonly node: FileNode;
  readonly #disk: VolatileDisk;

  constructor(disk: VolatileDisk, file: string, node: FileNode) {
    this.#disk = disk;
    this.path = file;
    this.node = node;
  }

  size(): number {
    return this.node.now.length;
  }

  write(buffer: Buffer, start: number, end: number, offset: number): void {
    try {
      this.#disk.fault("write", this.path);
    } catch (error) {
      this.#write(buffer.subarray(start, (start + end) >> 1), offset);
      throw error;
    }
    this.#write(buffer.subarray(start, end), offset);
  }

  #write(bytes: Buffer, offset: number): void {
    this.node.apply({ kind: "write", offset, bytes: Buffer.from(bytes), moment: this.#disk.tick() });
  }

  readNow(buffer: Buffer, start: number, end: number, offset: number): number {
    if (offset >= this.size()) return 0;
    return this.node.now.copy(buffer, start, offset, Math.min(this.size(), offset + end - start));
  }

  async read(buffer: Buffer, start: number, end: number, offset: number): Promise<number> {
    return this.readNow(buffer, start, end, offset);
  }

  truncate(size: number): void {
    if (size !== this.size()) this.node.apply({ kind: "size", size, moment: this.#disk.tick() });
  }

  rename(to: string): void {
    this.#disk.rename(this.path, to);
    this.path = to;
  }

  sync(): Promise<void> {
    const asked = [...this.node.unsynced];
    return this.#disk.later(() => this.#sync(stillUnsynced(asked, this.node)));
  }

  #sync(covered: readonly Change[]): void {
    try {
      this.#disk.fault("sync", this.path);
    } catch (error) {
      this.#disk.noteDropped(this.node, covered);
      throw error;
    }
    this.#disk.noteSynced(covered);
    this.node.noteSynced(covered);
  }

  isThere(): boolean {
    return this.#disk.findFile(this.path) === this.node;
  }

  close(): void {}
}
