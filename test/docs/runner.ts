/**
 * Runs a page of the documents as a reader would: in a shell with kq and kestrel at hand, beside three nodes that
 * have ports of their own here and are shown as those of the page. Needs `tsc -b` to have been run.
 */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findFreePort } from "../harness/free-port.ts";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { TempFolder } from "../harness/temp-folder.ts";
import { parseTranscript, replay } from "../harness/transcript.ts";
import { isAsShown, type Step } from "./page.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const commandMsMax = 60_000;
const run = promisify(execFile);
/** Strict, as a reader's own project may be; `await using` is for Node 20 to be translated. */
const compilerFlags =
  "--ignoreConfig --strict --module nodenext --target es2023 --lib es2023,esnext.disposable --types node";

export class Runner implements AsyncDisposable {
  readonly #folder: TempFolder;
  readonly #nodes: readonly KestrelNode[];
  /** Ports, as the page has them and as they are here. */
  readonly #ports: readonly (readonly [shown: string, real: string])[];

  /** Shells that have left something running, as process groups. */
  readonly #background: number[] = [];

  private constructor(folder: TempFolder, nodes: readonly KestrelNode[], freePort: number) {
    this.#folder = folder;
    this.#nodes = nodes;
    this.#ports = [
      ...nodes.flatMap((node, index): [string, string][] => [
        [String(22133 + index), String(node.port)],
        [String(2223 + index), String(node.adminPort)],
      ]),
      // For a node that the page starts itself.
      [String(22133 + nodes.length), String(freePort)],
    ];
  }

  /** Three nodes with these settings, in JSON. */
  static async start(settings: string): Promise<Runner> {
    const folder = await TempFolder.create();
    const config = join(folder.path, "kestrel.json");
    await writeFile(config, settings);
    await mkdir(join(folder.path, "bin"));
    await symlink(join(root, "packages/cli/bin/kq.js"), join(folder.path, "bin/kq"));
    await symlink(join(root, "packages/server/bin/kestrel.js"), join(folder.path, "bin/kestrel"));
    const flags = ["--config", config, "--admin-port", "0"];
    const nodes = await Promise.all([1, 2, 3].map(() => KestrelNode.start({ flags, isRestarted: true })));
    // What is sorted by port here is then so on the page.
    nodes.sort((a, b) => a.port - b.port);
    return new Runner(folder, nodes, await findFreePort());
  }

  /** Throws when something is not as the page says. */
  async run(step: Step): Promise<void> {
    switch (step.kind) {
      case "command":
        return this.#runCommand(step.text, step.output);
      case "transcript":
        return replay(parseTranscript(step.text), "as written", () => this.#nodes[0]!.connect());
      case "program":
        return this.#runProgram(step.text);
      case "settings":
        return this.#checkSettings(step.text);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const group of this.#background) killGroup(group);
    await Promise.all(this.#nodes.map((node) => node[Symbol.asyncDispose]()));
    await this.#folder[Symbol.asyncDispose]();
  }

  async #runCommand(command: string, shown: string): Promise<void> {
    const { code, printed } = await this.#shell(this.#real(command));
    const told = this.#shown(printed);
    if (code !== 0) throw new Error(`$ ${command}\nended with ${code}:\n${told}`);
    if (!isAsShown(told, shown))
      throw new Error(`$ ${command}\nprinted\n${told}\nbut the page shows\n${shown}`);
  }

  async #shell(command: string): Promise<{ code: number | null; printed: string }> {
    const shell = spawn("bash", ["-o", "pipefail", "-c", `{ ${command}\n} 2>&1`], {
      cwd: this.#folder.path,
      env: {
        PATH: `${this.#folder.path}/bin:${process.env.PATH}`,
        HOME: this.#folder.path,
        KESTREL_SERVERS: this.#nodes.map(({ address }) => address).join(","),
      },
      stdio: ["ignore", "pipe", "ignore"],
      timeout: commandMsMax,
      // A process group of its own, by which to end what it leaves running.
      detached: true,
    });
    if (command.endsWith("&")) this.#background.push(shell.pid!);
    let printed = "";
    shell.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
    const [code] = (await once(shell, "close")) as [number | null];
    return { code, printed };
  }

  async #runProgram(source: string): Promise<void> {
    // Where our packages are found.
    await mkdir(join(root, "node_modules/.cache"), { recursive: true });
    const folder = await mkdtemp(join(root, "node_modules/.cache/docs-"));
    try {
      await writeFile(join(folder, "package.json"), '{ "type": "module" }');
      await writeFile(join(folder, "program.ts"), this.#real(source));
      const tsc = join(root, "node_modules/.bin/tsc");
      await run(tsc, [...compilerFlags.split(" "), "program.ts"], { cwd: folder }).catch((error) => {
        throw new Error(`the program is no TypeScript:\n${error.stdout}\n${source}`);
      });
      await run(process.execPath, ["program.js"], { cwd: folder, timeout: commandMsMax });
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  async #checkSettings(text: string): Promise<void> {
    const file = join(this.#folder.path, "shown.json");
    await writeFile(file, text);
    await run(join(this.#folder.path, "bin/kestrel"), ["--check-config", file]);
  }

  #real(text: string): string {
    return text.replaceAll(
      /\b\d{4,5}\b/g,
      (port) => this.#ports.find(([shown]) => shown === port)?.[1] ?? port,
    );
  }

  #shown(text: string): string {
    const pages = text.replaceAll(
      /\b\d{4,5}\b/g,
      (port) => this.#ports.find(([, real]) => real === port)?.[0] ?? port,
    );
    return pages.replaceAll(this.#folder.path, "~");
  }
}

function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // All of it has ended by itself.
  }
}
