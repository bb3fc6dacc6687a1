/**
 * A disk in memory as POSIX allows it to be: nothing outlives a power loss but what was synced, a file's bytes by a
 * sync of the file, its name by a sync of its folder. Of the rest any part may be there: each sector, each size, each
 * name by itself, whatever the order. Two things are taken for granted, as the journal does: a renamed file has its
 * old name, its new one or both, and no block shows bytes that were never written to it.
 *
 * Syncs and removals take their time: they wait until `finishOne` or `finishAll`, unless `isPrompt`.
 */
import path from "node:path";
import type { Disk, DiskFile, FolderLock } from "../disk.ts";
import { systemError } from "./fake-disk.ts";

/** 0 or more, below 1. */
export type Chance = () => number;

/** The same numbers for the same seed (mulberry32). */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What of the unsynced a power loss leaves: nothing, everything, all before some moment, or any part. */
export type Survival = "nothing" | "everything" | "prefix" | "any";

type Change = { readonly moment: number } & (
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: "size"; readonly size: number }
);

/** A file's content, whatever it is called. */
class FileNode {
  now: Buffer = Buffer.alloc(0);
  /** What every power loss leaves, if a name leads here. */
  synced: Buffer = Buffer.alloc(0);
  /** Since then, in order. */
  unsynced: Change[] = [];
}

/** Names in one folder that come, go or change together: a rename has two. */
interface NameChange {
  readonly moment: number;
  readonly names: readonly (readonly [name: string, node: TreeNode | null])[];
}

class FolderNode {
  readonly now: Map<string, TreeNode> = new Map();
  readonly synced: Map<string, TreeNode> = new Map();
  unsynced: NameChange[] = [];
}

type TreeNode = FileNode | FolderNode;

export type VolatileOperation = "create" | "write" | "sync" | "rename" | "remove" | "makeFolder";

export class VolatileDisk implements Disk {
  /** Throws to make an operation fail. A write that fails has written half of its bytes. */
  fault: (operation: VolatileOperation, file: string) => void = () => {};
  isPrompt = false;
  /** A sync has failed and taken bytes with it. */
  hasDropped = false;
  readonly #root: FolderNode;
  #moment = 0;
  /** Up to here everything counts as on the medium when nothing is ever reordered. */
  #syncedMoment = 0;
  #waiting: (() => void)[] = [];
  /** For what a failed sync drops. */
  #chance: Chance;

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
    const before =
      this.#syncedMoment + 1 + Math.floor(this.#chance() * (this.#moment - this.#syncedMoment + 1));
    // Sectors of 512 bytes, or pages of 4 KB.
    const sectorSize = this.#chance() < 0.5 ? 512 : 4096;
    const kept = new Map<TreeNode, TreeNode>();
    const share = this.#chance();
    const isKept = ({ moment }: { readonly moment: number }): boolean => {
      if (survival === "prefix") return moment < before;
      return survival === "everything" || (survival === "any" && this.#chance() < share);
    };
    const keepFile = (file: FileNode): FileNode => {
      const next = new FileNode();
      if (survival === "any") next.synced = this.#anyPart(file, sectorSize);
      else next.synced = applied(file.synced, file.unsynced.filter(isKept));
      next.now = next.synced;
      return next;
    };
    const keep = (node: TreeNode): TreeNode => {
      const known = kept.get(node);
      if (known !== undefined) return known;
      if (node instanceof FileNode) {
        const next = keepFile(node);
        kept.set(node, next);
        return next;
      }
      const next = new FolderNode();
      kept.set(node, next);
      const names = namesAfter(node, isKept, survival === "any" ? this.#chance : null);
      for (const [name, child] of names) {
        const left = keep(child);
        next.synced.set(name, left);
        next.now.set(name, left);
      }
      return next;
    };
    return new VolatileDisk(this.#chance, keep(this.#root) as FolderNode);
  }

  /** Each sector as it was after any of the changes, and a size that the file had. */
  #anyPart({ synced, unsynced }: FileNode, sectorSize: number): Buffer {
    if (unsynced.length === 0) return synced;
    const versions: Buffer[] = [synced];
    for (const change of unsynced) versions.push(applied(versions[versions.length - 1]!, [change]));
    const any = (): Buffer => versions[Math.floor(this.#chance() * versions.length)]!;
    const part = Buffer.alloc(any().length);
    // Mostly old or mostly new, or half of each.
    const share = this.#chance();
    for (let start = 0; start < part.length; start += sectorSize) {
      const version = this.#chance() < 0.3 ? any() : this.#chance() < share ? synced : versions.at(-1)!;
      part.set(version.subarray(start, Math.min(start + sectorSize, part.length)), start);
    }
    return part;
  }

  /** A sync of these changes has failed: they count as written, and may be on the medium and readable, or not. */
  dropUnsynced(file: FileNode, changes: readonly Change[]): void {
    this.hasDropped = true;
    const later = file.unsynced.filter((change) => !changes.includes(change));
    const dropped = Object.assign(new FileNode(), { synced: file.synced, unsynced: [...changes] });
    file.synced = this.#anyPart(dropped, 512);
    file.unsynced = later;
    const fromMedium = Buffer.alloc(file.now.length);
    fromMedium.set(applied(file.synced, later).subarray(0, fromMedium.length));
    const now = Buffer.from(file.now);
    for (let start = 0; start < now.length; start += 4096) {
      // Some pages have been thrown out of memory, and come from the medium the next time.
      if (this.#chance() < 0.5) now.set(fromMedium.subarray(start, start + 4096), start);
    }
    file.now = now;
    if (file.synced.length < now.length)
      file.unsynced.unshift({ kind: "size", size: now.length, moment: this.tick() });
  }

  // The tree

  #findNode(name: string): TreeNode | undefined {
    let node: TreeNode | undefined = this.#root;
    for (const part of name.split("/").filter((piece) => piece !== "" && piece !== ".")) {
      if (!(node instanceof FolderNode)) return undefined;
      node = node.now.get(part);
    }
    return node;
  }

  #folderOf(name: string): FolderNode {
    const folder = this.#findNode(path.dirname(name));
    if (!(folder instanceof FolderNode)) throw systemError("ENOENT", name);
    return folder;
  }

  #fileAt(name: string): FileNode {
    const file = this.#findNode(name);
    if (!(file instanceof FileNode)) throw systemError("ENOENT", name);
    return file;
  }

  #setNames(folder: FolderNode, names: NameChange["names"]): void {
    for (const [name, node] of names) {
      if (node === null) folder.now.delete(name);
      else folder.now.set(name, node);
    }
    folder.unsynced.push({ moment: this.tick(), names });
  }

  /** The file that has this name now, for one that was opened under it. */
  findFile(name: string): FileNode | undefined {
    const node = this.#findNode(name);
    return node instanceof FileNode ? node : undefined;
  }

  // Disk

  async lockFolder(): Promise<FolderLock> {
    return { renew: () => {}, release: () => {} };
  }

  makeFolder(folder: string): void {
    if (this.#findNode(folder) instanceof FolderNode) return;
    this.fault("makeFolder", folder);
    if (path.dirname(folder) !== ".") this.makeFolder(path.dirname(folder));
    this.#setNames(this.#folderOf(folder), [[path.basename(folder), new FolderNode()]]);
  }

  list(folder: string): string[] {
    const node = this.#findNode(folder);
    if (!(node instanceof FolderNode)) throw systemError("ENOENT", folder);
    return [...node.now.keys()].sort();
  }

  isFolder(name: string): boolean {
    return this.#findNode(name) instanceof FolderNode;
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
    const node = Object.assign(new FileNode(), { now: content, synced: content });
    const folder = this.#folderOf(file);
    this.#setNames(folder, [[path.basename(file), node]]);
    this.#syncNames(folder, folder.unsynced);
  }

  rename(from: string, to: string): void {
    this.fault("rename", from);
    const node = this.#findNode(from);
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
    const node = this.#findNode(folder);
    if (!(node instanceof FolderNode)) return;
    for (const name of [...node.now.keys()]) this.#setNames(node, [[name, null]]);
    this.#setNames(this.#folderOf(folder), [[path.basename(folder), null]]);
  }

  syncFolder(folder: string): Promise<void> {
    const node = this.#findNode(folder);
    if (!(node instanceof FolderNode)) return Promise.reject(systemError("ENOENT", folder));
    const covered = [...node.unsynced];
    return this.later(() => {
      this.fault("sync", folder);
      this.#syncNames(node, covered);
    });
  }

  #syncNames(folder: FolderNode, asked: readonly NameChange[]): void {
    // Another sync, begun later, may have had some of them already.
    const covered = asked.filter((change) => folder.unsynced.includes(change));
    this.noteSynced(covered);
    for (const { names } of covered) {
      for (const [name, node] of names) {
        if (node === null) folder.synced.delete(name);
        else folder.synced.set(name, node);
      }
    }
    folder.unsynced = folder.unsynced.filter((change) => !covered.includes(change));
  }
}

/** `bytes` after these changes. */
function applied(bytes: Buffer, changes: readonly Change[]): Buffer {
  let after = bytes;
  for (const change of changes) {
    const before = after;
    const size =
      change.kind === "size" ? change.size : Math.max(before.length, change.offset + change.bytes.length);
    after = Buffer.alloc(size);
    after.set(before.subarray(0, size));
    if (change.kind === "write") change.bytes.copy(after, change.offset);
  }
  return after;
}

/** A folder's names when only some of their changes are kept, of each name none after one that is not. */
function namesAfter(
  folder: FolderNode,
  isKept: (change: NameChange) => boolean,
  chance: Chance | null,
): Map<string, TreeNode> {
  const names = new Map(folder.synced);
  const isLost = new Set<string>();
  for (const change of folder.unsynced) {
    if (!isKept(change) || change.names.some(([name]) => isLost.has(name))) {
      for (const [name] of change.names) isLost.add(name);
      continue;
    }
    for (const [name, node] of change.names) {
      if (node !== null) names.set(name, node);
      else if (
        change.names.length > 1 &&
        change.names[0]![1] instanceof FileNode &&
        chance !== null &&
        chance() < 0.3
      )
        isLost.add(name);
      else names.delete(name);
    }
  }
  return names;
}

function copyTree(root: FolderNode): FolderNode {
  const copies = new Map<TreeNode, TreeNode>();
  const copy = <T extends TreeNode>(node: T): T => {
    const known = copies.get(node);
    if (known !== undefined) return known as T;
    const next = node instanceof FileNode ? new FileNode() : new FolderNode();
    copies.set(node, next);
    if (node instanceof FileNode && next instanceof FileNode) {
      next.now = node.now;
      next.synced = node.synced;
      next.unsynced = [...node.unsynced];
    } else if (node instanceof FolderNode && next instanceof FolderNode) {
      for (const [name, child] of node.now) next.now.set(name, copy(child));
      for (const [name, child] of node.synced) next.synced.set(name, copy(child));
      next.unsynced = node.unsynced.map(({ moment, names }) => ({
        moment,
        names: names.map(([name, child]) => [name, child === null ? null : copy(child)] as const),
      }));
    }
    return next as T;
  };
  return copy(root);
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
      this.#change({
        kind: "write",
        offset,
        bytes: Buffer.from(buffer.subarray(start, (start + end) >> 1)),
        moment: this.#disk.tick(),
      });
      throw error;
    }
    this.#change({
      kind: "write",
      offset,
      bytes: Buffer.from(buffer.subarray(start, end)),
      moment: this.#disk.tick(),
    });
  }

  #change(change: Change): void {
    this.node.now = applied(this.node.now, [change]);
    this.node.unsynced.push(change);
  }

  readNow(buffer: Buffer, start: number, end: number, offset: number): number {
    if (offset >= this.size()) return 0;
    return this.node.now.copy(buffer, start, offset, Math.min(this.size(), offset + end - start));
  }

  async read(buffer: Buffer, start: number, end: number, offset: number): Promise<number> {
    return this.readNow(buffer, start, end, offset);
  }

  truncate(size: number): void {
    if (size !== this.size()) this.#change({ kind: "size", size, moment: this.#disk.tick() });
  }

  rename(to: string): void {
    this.#disk.rename(this.path, to);
    this.path = to;
  }

  sync(): Promise<void> {
    const asked = [...this.node.unsynced];
    return this.#disk.later(() => {
      // Another sync, begun later, may have had some of them already.
      const covered = asked.filter((change) => this.node.unsynced.includes(change));
      try {
        this.#disk.fault("sync", this.path);
      } catch (error) {
        this.#disk.dropUnsynced(this.node, covered);
        throw error;
      }
      this.#disk.noteSynced(covered);
      this.node.synced = applied(this.node.synced, covered);
      this.node.unsynced = this.node.unsynced.filter((change) => !covered.includes(change));
    });
  }

  isThere(): boolean {
    return this.#disk.findFile(this.path) === this.node;
  }

  close(): void {}
}
