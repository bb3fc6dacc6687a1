/** Completion in a real bash, with queues of a real node. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { kqProgram, runKq } from "./kq-process.ts";

/** What bash would offer after `line`, with the cursor at its end. */
async function offered(line: string, servers: string): Promise<string[]> {
  const script = `
    kq() { "${process.execPath}" "${kqProgram}" "$@"; }
    eval "$(kq completion bash)"
    complete -p kq >/dev/null || exit 9
    COMP_LINE=$1 COMP_POINT=\${#1}
    _kq
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const shell = spawn("bash", ["-c", script, "bash", line], {
    env: { PATH: process.env.PATH, KESTREL_SERVERS: servers },
  });
  let out = "";
  shell.stdout.on("data", (data) => (out += data));
  const [code] = await once(shell, "close");
  expect(code).toBe(0);
  return out.split("\n").filter((candidate) => candidate !== "");
}

it("completes commands, flags, queues and nodes", async () => {
  await using node = await KestrelNode.start();
  const { address } = node;
  for (const queue of ["work", "workers", "mail"]) await runKq(["put", queue, "x"], { servers: [address] });
  expect(await offered("kq pe", address)).toEqual(["peek"]);
  expect((await offered("kq get wo", address)).sort()).toEqual(["work", "workers"]);
  expect(await offered("kq get work --fol", address)).toEqual(["--follow"]);
  expect(await offered("kq ping --node 127", address)).toEqual([address]);
  // bash begins a new word at a colon.
  expect(await offered("kq ping --node 127.0.0.1:", address)).toEqual([String(node.port)]);
});
