/**
 * The sessions in docs/kq.md, run as they stand: each `$ command` must print what follows it. Nodes have ports
 * of their own here, which are shown as those of the page. `…` in the page stands for anything.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { TempFolder } from "../harness/temp-folder.ts";
import { kqProgram } from "./kq-process.ts";

interface Step {
  command: string;
  output: string;
}

function sessions(page: string): Step[] {
  const steps: Step[] = [];
  for (const [, block] of page.matchAll(/^```console\n([\s\S]*?)^```$/gm)) {
    for (const part of block!.split(/^\$ /m).slice(1)) {
      const [command, ...output] = part.split("\n");
      steps.push({ command: command!, output: output.join("\n") });
    }
  }
  return steps;
}

function matcher(output: string): RegExp {
  const literal = output.split("…").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${literal.join("[^\\n]*")}$`);
}

it("docs/kq.md is true", async () => {
  await using folder = await TempFolder.create();
  const started = await Promise.all([1, 2, 3].map(() => KestrelNode.start()));
  try {
    await mkdir(`${folder.path}/bin`);
    await writeFile(`${folder.path}/bin/kq`, `#!/bin/sh\nexec "${process.execPath}" "${kqProgram}" "$@"\n`, {
      mode: 0o755,
    });
    const env = {
      PATH: `${folder.path}/bin:${process.env.PATH}`,
      HOME: folder.path,
      KESTREL_SERVERS: started.map(({ address }) => address).join(","),
    };
    const page = await readFile(new URL("../../docs/kq.md", import.meta.url), "utf8");
    const steps = sessions(page);
    expect(steps.length).toBeGreaterThan(20);
    for (const { command, output } of steps) {
      const shell = spawn("bash", ["-c", `{ ${command}\n} 2>&1`], {
        cwd: folder.path,
        env,
        stdio: ["ignore", "pipe", "ignore"],
      });
      let printed = "";
      shell.stdout.on("data", (data) => (printed += data));
      await once(shell, "close");
      for (const [index, { address }] of started.entries()) {
        printed = printed.replaceAll(address, `127.0.0.1:${22133 + index}`);
      }
      expect(printed, command).toMatch(matcher(output));
    }
  } finally {
    for (const node of started) await node[Symbol.asyncDispose]();
  }
});
