/** A node whose memory can be measured with all its garbage collected, and its files and disk beside (Linux). */

import { readdir, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { TempFolder } from "../harness/temp-folder.ts";

/** Of a node at a moment when nothing is in flight and every queue is empty. */
export interface Footprint {
  /** JavaScript's heap, without garbage. */
  readonly heapBytes: number;
  /** Buffers and what else objects hold outside of the heap. */
  readonly outsideBytes: number;
  readonly residentBytes: number;
  /** File descriptors. */
  readonly openFiles: number;
  readonly spoolBytes: number;
  readonly spoolFiles: number;
}

const moduleBeside = (name: string): string =>
  pathToFileURL(join(import.meta.dirname, "../dist/soak", name)).href;

export class WatchedNode implements AsyncDisposable {
  readonly node: KestrelNode;
  readonly #folder: TempFolder;
  readonly #socket: string;

  private constructor(node: KestrelNode, folder: TempFolder, socket: string) {
    this.node = node;
    this.#folder = folder;
    this.#socket = socket;
  }

  /** `modules`: of this folder, loaded into the node's process besides. */
  static async start(flags: string[], modules: readonly string[] = []): Promise<WatchedNode> {
    const folder = await TempFolder.create();
    const socket = join(folder.path, "measured");
    const imports = ["measured.js", ...modules].map((name) => `--import=${moduleBeside(name)}`);
    const env = { KESTREL_MEASURED: socket, NODE_OPTIONS: imports.join(" ") };
    try {
      return new WatchedNode(await KestrelNode.start({ flags, env }), folder, socket);
    } catch (error) {
      await folder[Symbol.asyncDispose]();
      throw error;
    }
  }

  async measure(): Promise<Footprint> {
    const memory = JSON.parse(await text(connect(this.#socket))) as Omit<
      Footprint,
      "openFiles" | "spoolBytes" | "spoolFiles"
    >;
    const openFiles = (await readdir(`/proc/${this.node.pid}/fd`)).length;
    const sizes = await fileSizesUnder(this.node.spool);
    const spoolBytes = sizes.reduce((sum, size) => sum + size, 0);
    return { ...memory, openFiles, spoolBytes, spoolFiles: sizes.length };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

/** Files may go while they are looked at: they count as empty. */
async function fileSizesUnder(folder: string): Promise<number[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizeOf = async (name: string): Promise<number> => {
    try {
      return (await stat(name)).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
      throw error;
    }
  };
  const files = entries.filter((entry) => entry.isFile());
  return await Promise.all(files.map((entry) => sizeOf(join(entry.parentPath, entry.name))));
}
