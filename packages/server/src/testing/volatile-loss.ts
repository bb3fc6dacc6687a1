/**
 * What a volatile disk loses: the tree that a power loss leaves, and the pages that a failed sync drops. Nothing that
 * was synced is ever lost. Of the rest each sector, each size and each name fares by itself, but a renamed file keeps
 * its old name, its new one or both, and no sector shows bytes that were never written to it.
 */
import type { Chance } from "./chance.ts";
import {
  applied,
  type Change,
  FileNode,
  FolderNode,
  type NameChange,
  type TreeNode,
} from "./volatile-tree.ts";

/** What of the unsynced a power loss leaves: nothing, everything, all before some moment, or any part. */
export type Survival = "nothing" | "everything" | "prefix" | "any";

export class PowerLoss {
  readonly #survival: Survival;
  readonly #chance: Chance;
  /** With `prefix`, all that happened before this is left. */
  readonly #lostFrom: number;
  readonly #sectorSize: number;
  /** With `any`, how likely a change of names is left. */
  readonly #keptShare: number;
  readonly #left: Map<TreeNode, TreeNode> = new Map();

  /** At `moment`. Up to `syncedMoment` everything is on the medium if nothing is ever reordered. */
  constructor(survival: Survival, chance: Chance, syncedMoment: number, moment: number) {
    this.#survival = survival;
    this.#chance = chance;
    this.#lostFrom = syncedMoment + 1 + Math.floor(chance() * (moment - syncedMoment + 1));
    // Sectors of 512 bytes, or pages of 4 KB.
    this.#sectorSize = chance() < 0.5 ? 512 : 4096;
    this.#keptShare = chance();
  }

  /** The tree as it comes up again, all of it on the medium. */
  leftOf(root: FolderNode): FolderNode {
    return this.#folderLeft(root);
  }

  #nodeLeft(node: TreeNode): TreeNode {
    const known = this.#left.get(node);
    if (known !== undefined) return known;
    return node instanceof FileNode ? this.#fileLeft(node) : this.#folderLeft(node);
  }

  #fileLeft(file: FileNode): FileNode {
    const content =
      this.#survival === "any"
        ? anyPart(file.synced, file.unsynced, this.#sectorSize, this.#chance)
        : applied(
            file.synced,
            file.unsynced.filter((change) => this.#isLeft(change)),
          );
    const left = new FileNode(content);
    this.#left.set(file, left);
    return left;
  }

  #folderLeft(folder: FolderNode): FolderNode {
    const left = new FolderNode();
    this.#left.set(folder, left);
    for (const [name, child] of this.#namesLeft(folder)) {
      const node = this.#nodeLeft(child);
      left.synced.set(name, node);
      left.now.set(name, node);
    }
    return left;
  }

  #isLeft({ moment }: { readonly moment: number }): boolean {
    if (this.#survival === "prefix") return moment < this.#lostFrom;
    if (this.#survival === "any") return this.#chance() < this.#keptShare;
    return this.#survival === "everything";
  }

  /** Of the changes of each name, none is left after one that is not. */
  #namesLeft(folder: FolderNode): Map<string, TreeNode> {
    const names = new Map(folder.synced);
    const settled = new Set<string>();
    for (const change of folder.unsynced) {
      if (!this.#isLeft(change) || change.names.some(([name]) => settled.has(name))) {
        for (const [name] of change.names) settled.add(name);
        continue;
      }
      for (const [name, node] of change.names) {
        if (node !== null) names.set(name, node);
        else if (this.#keepsOldName(change)) settled.add(name);
        else names.delete(name);
      }
    }
    return names;
  }

  /** A renamed file may have both names. */
  #keepsOldName({ names }: NameChange): boolean {
    const isRenamedFile = names.length > 1 && names[0]![1] instanceof FileNode;
    return isRenamedFile && this.#survival === "any" && this.#chance() < 0.3;
  }
}

/**
 * A sync of these changes has failed: they count as written, and may be on the medium or not; nor are they readable
 * for sure where the system `forgets` them.
 */
export function dropPages(
  file: FileNode,
  changes: readonly Change[],
  forgets: boolean,
  chance: Chance,
): void {
  const later = file.unsynced.filter((change) => !changes.includes(change));
  file.synced = anyPart(file.synced, changes, 512, chance);
  file.unsynced = later;
  const fromMedium = Buffer.alloc(file.now.length);
  fromMedium.set(applied(file.synced, later).subarray(0, fromMedium.length));
  const now = Buffer.from(file.now);
  for (let start = 0; start < now.length; start += 4096) {
    // Some pages have been thrown out of memory, and come from the medium the next time.
    if (forgets && chance() < 0.5) now.set(fromMedium.subarray(start, start + 4096), start);
  }
  file.now = now;
}

/** Each sector as it was after any of the changes, and a size that the file had. */
function anyPart(synced: Buffer, unsynced: readonly Change[], sectorSize: number, chance: Chance): Buffer {
  if (unsynced.length === 0) return synced;
  const versions: Buffer[] = [synced];
  for (const change of unsynced) versions.push(applied(versions.at(-1)!, [change]));
  const any = (): Buffer => versions[Math.floor(chance() * versions.length)]!;
  const part = Buffer.alloc(any().length);
  // Mostly old or mostly new, or half of each.
  const oldShare = chance();
  for (let start = 0; start < part.length; start += sectorSize) {
    const version = chance() < 0.3 ? any() : chance() < oldShare ? synced : versions.at(-1)!;
    part.set(version.subarray(start, Math.min(start + sectorSize, part.length)), start);
  }
  return part;
}
