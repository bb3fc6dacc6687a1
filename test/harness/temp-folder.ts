/** A folder of its own for one test, removed with all it holds when the test is over, or its process is. */

import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const living = new Set<string>();
process.on("exit", () => {
  for (const path of living) rmSync(path, { recursive: true, force: true });
});

export class TempFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Creates an empty folder in the system's place for temporary files. */
  static async create(): Promise<TempFolder> {
    const path = await mkdtemp(join(tmpdir(), "kestrel-test-"));
    living.add(path);
    return new TempFolder(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
    living.delete(this.path);
  }
}
