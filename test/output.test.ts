/** A node whose log, or whose line that it is ready, finds no room serves all the same, and ends as it should. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { findFreePort } from "./harness/free-port.ts";
import { kestrelProgram } from "./harness/kestrel-program.ts";
import { TempFolder } from "./harness/temp-folder.ts";

/** Every write to it fails as on a full disk. */
const fullDisk = "/dev/full";

/** Puts an item. Rejects when nobody listens, or when the connection ends without an answer. */
async function put(port: number): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    const ended = once(socket, "end").then(() => {
      throw new Error("the connection has ended without an answer");
    });
    ended.catch(() => {});
    socket.write("set q 0 0 1\r\na\r\n");
    const [answer] = await Promise.race([once(socket, "data"), ended]);
    return String(answer);
  } finally {
    socket.destroy();
  }
}

/** The same, as soon as somebody listens. Rejects when it is given up. */
async function putWhenReady(port: number, givenUp: AbortSignal): Promise<string> {
  for (;;) {
    try {
      return await put(port);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ECONNREFUSED") throw error;
      await pause(50, undefined, { signal: givenUp });
    }
  }
}

test.skipIf(!existsSync(fullDisk)).each(["log", "ready line"])("no room for its %s", async (what) => {
  await using folder = await TempFolder.create();
  const port = await findFreePort();
  const off = ["text", "thrift", "admin"].flatMap((protocol) => [`--${protocol}-port`, "off"]);
  const flags = ["--queue-path", folder.path, "--memcache-port", String(port), ...off];
  const full = openSync(fullDisk, "w");
  const outputs = what === "log" ? (["ignore", full] as const) : ([full, "ignore"] as const);
  const node = spawn(process.execPath, [kestrelProgram, ...flags], { stdio: ["ignore", ...outputs] });
  closeSync(full);
  const exited = once(node, "exit");
  const givenUp = new AbortController();
  try {
    const first = putWhenReady(port, givenUp.signal);
    // Also when the node has ended, and the answer isn't waited for any more.
    first.catch(() => {});
    expect(await Promise.race([first, exited])).toBe("STORED\r\n");
    // Each is an error in the log: there is nothing to reload.
    for (let i = 0; i < 3; i++) {
      node.kill("SIGHUP");
      expect(await Promise.race([put(port), exited])).toBe("STORED\r\n");
    }
    node.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
  } finally {
    givenUp.abort();
    node.kill("SIGKILL");
  }
});
