/** The load generator in a process of its own, on a core of its own; it carries out one job at a time. */

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { endProcess, loadCore, spawnPinned } from "./pinned-process.ts";
import type { Job, JobResult } from "./workload.ts";

export class Load {
  readonly #child: ChildProcess;

  constructor(core: number = loadCore) {
    this.#child = spawnPinned(core, [fileURLToPath(new URL("load.js", import.meta.url))], "ipc");
  }

  async run(job: Job): Promise<JobResult> {
    this.#child.send(job);
    const [answer] = (await once(this.#child, "message")) as [{ result: JobResult } | { error: string }];
    if ("error" in answer) throw new Error(answer.error);
    return answer.result;
  }

  async stop(): Promise<void> {
    await endProcess(this.#child);
  }
}
