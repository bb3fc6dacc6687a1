/**
 * Sessions of the real program as somebody has them in a shell, on three real nodes: what goes in, what comes out and
 * with which exit code. Each file in sessions/ is one, in this notation:
 *
 *     // a comment
 *     $ a command of bash, in a folder of its own
 *     what it writes to standard output; … stands for anything, alone on a line for any lines
 *     ! what it writes to standard error
 *     ? its exit code, if that isn't 0
 *     % stop 2        or start 2: a node
 *
 * Nodes have ports of their own here, shown as 22133 to 22135 (thrift 2229 to 2231); their journals are in $SPOOL1 to
 * $SPOOL3.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { isAsShown } from "../docs/page.ts";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { TempFolder } from "../harness/temp-folder.ts";
import { kqProgram, runKq } from "./kq-process.ts";

interface Step {
  line: number;
  /** A command of bash, or what to do to a node. */
  text: string;
  isDeed: boolean;
  out: string;
  err: string;
  code: number;
}

const sessionMsMax = 300_000;
let folder: TempFolder;
let nodes: KestrelNode[];
/** Ports here, and as the sessions have them. */
let ports: (readonly [real: string, shown: string])[];

beforeAll(async () => {
  folder = await TempFolder.create();
  await mkdir(`${folder.path}/bin`);
  await symlink(kqProgram, `${folder.path}/bin/kq`);
  nodes = await Promise.all(
    [1, 2, 3].map(() => KestrelNode.start({ isRestarted: true, speaksThrift: true })),
  );
  // What is sorted by port here is then so in the session.
  nodes.sort((a, b) => a.port - b.port);
  ports = nodes.flatMap((node, index) => [
    [String(node.port), String(22133 + index)] as const,
    [String(node.portOf("thrift")), String(2229 + index)] as const,
  ]);
});
afterAll(async () => {
  await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
  await folder[Symbol.asyncDispose]();
});

it.each(["one-node-down"])(
  "%s",
  async (name) => {
    for (const step of parseSession(await readFile(sessionFile(name), "utf8"))) {
      await play(step).catch((error: Error) => {
        throw new Error(`${name}.txt, line ${step.line}: ${step.text}\n${error.message}`);
      });
    }
  },
  sessionMsMax,
);

it("every command is in a session", async () => {
  const text = await readFile(sessionFile("one-node-down"), "utf8");
  const list = async (...words: string[]) => {
    const { out } = await runKq(["__complete", ...words, ""], { servers: ["127.0.0.1:1"] });
    return out.trimEnd().split("\n");
  };
  const names = await list();
  for (const group of ["load", "journal", "config"]) {
    for (const word of await list(group)) names.push(`${group} ${word}`);
  }
  expect(names.length).toBeGreaterThan(30);
  const missing = names.filter((name) => !new RegExp(`\\bkq ${name}\\b`).test(text));
  expect(missing).toEqual([]);
});

function sessionFile(name: string): URL {
  // The sources, seen from where they are and from where they are built to.
  return new URL(`../../test/cli/sessions/${name}.txt`, import.meta.url);
}

function parseSession(text: string): Step[] {
  const steps: Step[] = [];
  for (const [index, row] of text.split("\n").entries()) {
    const last = steps.at(-1);
    const rest = row.slice(2);
    if (row === "" || row.startsWith("// ")) continue;
    if (row.startsWith("$ ") || row.startsWith("% ")) {
      steps.push({ line: index + 1, text: rest, isDeed: row.startsWith("%"), out: "", err: "", code: 0 });
    } else if (last === undefined) {
      throw new Error(`line ${index + 1}: a session begins with a command`);
    } else if (row.startsWith("! ")) {
      last.err += `${rest}\n`;
    } else if (row.startsWith("? ")) {
      last.code = Number(rest);
    } else {
      last.out += `${row}\n`;
    }
  }
  return steps;
}

async function play(step: Step): Promise<void> {
  if (step.isDeed) {
    const [deed, number] = step.text.split(" ");
    const node = nodes[Number(number) - 1]!;
    if (deed === "stop") await node.stop();
    else await node.start();
    return;
  }
  const { code, out, err } = await runShell(real(step.text));
  const printed = `${shown(out)}${shown(err).replaceAll(/^(?=.)/gm, "! ")}? ${code}\n`;
  const wanted = `${step.out}${step.err.replaceAll(/^(?=.)/gm, "! ")}? ${step.code}\n`;
  if (!isAsShown(printed, wanted)) throw new Error(`came out as\n${printed}and not as\n${wanted}`);
}

async function runShell(command: string): Promise<{ code: number | null; out: string; err: string }> {
  const spools = nodes.map(({ spool }, index) => [`SPOOL${index + 1}`, spool]);
  const shell = spawn("bash", ["-o", "pipefail", "-c", command], {
    cwd: folder.path,
    env: {
      ...Object.fromEntries(spools),
      PATH: `${folder.path}/bin:${process.env.PATH}`,
      HOME: folder.path,
      KESTREL_SERVERS: nodes.map(({ address }) => address).join(","),
    },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  });
  let [out, err] = ["", ""];
  shell.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  shell.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const [code] = (await once(shell, "close")) as [number | null];
  return { code, out, err };
}

function real(text: string): string {
  return text.replaceAll(/\b\d{4,5}\b/g, (port) => ports.find(([, shown]) => shown === port)?.[0] ?? port);
}

function shown(text: string): string {
  const told = text.replaceAll(/\b\d{4,5}\b/g, (port) => ports.find(([real]) => real === port)?.[1] ?? port);
  return told.replaceAll(folder.path, "~");
}
