/** Completion in real shells, with queues of real nodes. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { runKq } from "./kq-process.ts";
import { hasShell, pressTab, type ShellName } from "./shells.ts";

let nodes: KestrelNode[];
let silent: Server;
const sockets: Socket[] = [];
let lists: Record<"up" | "one down" | "down" | "silent", string[]>;

beforeAll(async () => {
  nodes = await Promise.all([1, 2].map(() => KestrelNode.start()));
  silent = createServer((socket) => void sockets.push(socket));
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const up = nodes.map(({ address }) => address);
  for (const queue of ["work", "workers", "mail"]) await runKq(["put", queue, "x"], { servers: up });
  const nobody = "127.0.0.1:1";
  const { port } = silent.address() as AddressInfo;
  lists = { up, "one down": [nobody, ...up], down: [nobody], silent: [`127.0.0.1:${port}`] };
});
afterAll(async () => {
  await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
  for (const socket of sockets) socket.destroy();
  silent.close();
});

const shells: readonly ShellName[] = ["bash", "zsh", "fish"];
for (const shell of shells) if (!hasShell(shell)) console.warn(`left out: ${shell} is not installed`);

describe.each(shells.filter(hasShell))("%s", (shell) => {
  it.each([
    ["up", "kq pe", "kq peek"],
    ["up", "kq load le", "kq load leaky-reader"],
    ["up", "kq get work --fol", "kq get work --follow"],
    ["up", "kq get ma", "kq get mail"],
    ["up", "kq ring mail ma", "kq ring mail mail"],
    ["one down", "kq get ma", "kq get mail"],
    ["down", "kq pe", "kq peek"],
    ["down", "kq get ma", null],
    ["silent", "kq get ma", null],
  ] as const)("nodes %s: %s", async (list, line, wanted) => {
    const offered = await pressTab(shell, line, lists[list]);
    if (shell === "zsh") expect(offered).toEqual([wanted ?? line]);
    else expect(offered).toEqual(wanted === null ? [] : [wanted.split(" ").at(-1)]);
  });

  it("offers all that fit", async () => {
    const offered = await pressTab(shell, "kq get w", lists.up);
    // zsh writes what they have in common.
    expect(offered).toEqual(shell === "zsh" ? ["kq get work"] : ["work", "workers"]);
  });

  it("offers nodes by their addresses", async () => {
    const [first] = lists.up;
    const line = `kq ping --node ${first!.slice(0, -1)}`;
    const offered = await pressTab(shell, line, [first!]);
    // bash begins a new word at a colon.
    const word = shell === "bash" ? first!.split(":")[1]! : first!;
    expect(offered).toEqual(shell === "zsh" ? [`kq ping --node ${first}`] : [word]);
  });
});
