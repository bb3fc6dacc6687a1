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

/** Puts an item, as soon as somebody listens. */
async function put(port: number): Promise<string> {
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      socket.write("set q 0 0 1\r\na\r\n");
      return String((await once(socket, "data"))[0]);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ECONNREFUSED") throw error;
      await pause(50);
    } finally {
      socket.destroy();
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
  try {
    expect(await Promise.race([put(port), exited])).toBe("STORED\r\n");
    // Each is an error in the log: there is nothing to reload.
    for (let i = 0; i < 3; i++) {
      node.kill("SIGHUP");
      expect(await put(port)).toBe("STORED\r\n");
    }
    node.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
  } finally {
    node.kill("SIGKILL");
  }
});
