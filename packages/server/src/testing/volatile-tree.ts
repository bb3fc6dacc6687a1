/**
 * The files and folders of a volatile disk, each as it is now and as it is on the medium, with all that has happened
 * in between. A node has no name of its own: names are what folders hold. It knows nothing of what may be lost.
 */

/** Something that has happened to a file; `moment` numbers all that happens to a disk. */
export type Change = { readonly moment: number } & (
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: "size"; readonly size: number }
);

/** A file's content, whatever it is called. */
export class FileNode {
  /** What reading it gives. */
  now: Buffer;
  /** What every power loss leaves, if a name leads here. */
  synced: Buffer;
  /** Since then, in order. */
  unsynced: Change[] = [];

  /** A file with this content on the medium. */
  constructor(content: Buffer = Buffer.alloc(0)) {
    this.now = content;
    this.synced = content;
  }

  apply(change: Change): void {
    this.now = applied(this.now, [change]);
    this.unsynced.push(change);
  }

  /** A sync of these changes, all of them unsynced, has gone well. */
  noteSynced(covered: readonly Change[]): void {
    this.synced = applied(this.synced, covered);
    this.unsynced = this.unsynced.filter((change) => !covered.includes(change));
  }
}

/** Names in one folder that come, go (null) or change together: a rename has two. */
export interface NameChange {
  readonly moment: number;
  readonly names: readonly (readonly [name: string, node: TreeNode | null])[];
}

export class FolderNode {
  readonly now: Map<string, TreeNode> = new Map();
  readonly synced: Map<string, TreeNode> = new Map();
  unsynced: NameChange[] = [];

  apply(change: NameChange): void {
    setNames(this.now, change);
    this.unsynced.push(change);
  }

  /** A sync of these changes, all of them unsynced, has gone well. */
  noteSynced(covered: readonly NameChange[]): void {
    for (const change of covered) setNames(this.synced, change);
    this.unsynced = this.unsynced.filter((change) => !covered.includes(change));
  }

  /** What has this path below the folder now. */
  find(path: string): TreeNode | undefined {
    let node: TreeNode | undefined = this;
    for (const part of path.split("/").filter((piece) => piece !== "" && piece !== ".")) {
      if (!(node instanceof FolderNode)) return undefined;
      node = node.now.get(part);
    }
    return node;
  }
}

export type TreeNode = FileNode | FolderNode;

function setNames(names: Map<string, TreeNode>, change: NameChange): void {
  for (const [name, node] of change.names) {
    if (node === null) names.delete(name);
    else names.set(name, node);
  }
}

/** `bytes` after these changes; the buffer given stays as it is. */
export function applied(bytes: Buffer, changes: readonly Change[]): Buffer {
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

/** A tree of its own, synced and unsynced as the original; a node with two names is one node there, too. */
export function copyTree(root: FolderNode): FolderNode {
  const copies = new Map<TreeNode, TreeNode>();
  const copy = (node: TreeNode): TreeNode => {
    const known = copies.get(node);
    if (known !== undefined) return known;
    return node instanceof FileNode ? copyFile(node) : copyFolder(node);
  };
  const copyFile = (file: FileNode): FileNode => {
    const next = new FileNode(file.synced);
    copies.set(file, next);
    next.now = file.now;
    next.unsynced = [...file.unsynced];
    return next;
  };
  const copyFolder = (folder: FolderNode): FolderNode => {
    const next = new FolderNode();
    copies.set(folder, next);
    for (const [name, child] of folder.now) next.now.set(name, copy(child));
    for (const [name, child] of folder.synced) next.synced.set(name, copy(child));
    next.unsynced = folder.unsynced.map(({ moment, names }) => ({
      moment,
      names: names.map(([name, child]) => [name, child === null ? null : copy(child)] as const),
    }));
    return next;
  };
  return copyFolder(root);
}
