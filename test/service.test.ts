/**
 * The node as a service of systemd: what it tells, and the files of contrib/systemd. Left out, and this is said,
 * where systemd's programs or Python are not installed; systemd itself isn't needed.
 */

import { execFile, spawnSync } from "node:child_process";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { KestrelNode } from "./harness/kestrel-node.ts";
import { kestrelProgram } from "./harness/kestrel-program.ts";
import { TempFolder } from "./harness/temp-folder.ts";
import { NotifySocket } from "./service/notify-socket.ts";

const run = promisify(execFile);
const files: string = fileURLToPath(new URL("../contrib/systemd/", import.meta.url));

function isThere(command: string): boolean {
  if (spawnSync(command, ["--version"]).status === 0) return true;
  console.warn(`left out: ${command} is not installed`);
  return false;
}

describe.skipIf(![isThere("systemd-notify"), isThere("python3")].every(Boolean))("systemd hears", () => {
  test("that the node is ready, reloads, in spite of an error too, lives, and stops", async () => {
    await using folder = await TempFolder.create();
    await using systemd = await NotifySocket.open(join(folder.path, "notify"));
    const config = join(folder.path, "kestrel.json");
    await writeFile(config, "{}");
    await using node = await KestrelNode.start({
      flags: ["--config", config],
      env: { NOTIFY_SOCKET: systemd.path, WATCHDOG_USEC: "200000" },
    });
    const where = `STATUS=listening: memcache ${node.address}`;
    expect(await systemd.next()).toEqual(["READY=1", where]);
    expect(await systemd.next()).toEqual(["WATCHDOG=1"]);
    expect(await systemd.next()).toEqual(["WATCHDOG=1"]);

    const reloading = ["RELOADING=1", expect.stringMatching(/^MONOTONIC_USEC=\d+$/)];
    process.kill(node.pid, "SIGHUP");
    expect(await systemd.nextState()).toEqual(reloading);
    expect(await systemd.nextState()).toEqual(["READY=1", where]);

    await writeFile(config, '{"default": {"maxItems": "many"}}');
    process.kill(node.pid, "SIGHUP");
    expect(await systemd.nextState()).toEqual(reloading);
    const [ready, status] = await systemd.nextState();
    expect(ready).toBe("READY=1");
    expect(status).toMatch(/^STATUS=listening: .*; cannot reload: .*default\.maxItems/);

    process.kill(node.pid, "SIGTERM");
    expect(await systemd.nextState()).toEqual(["STOPPING=1", "STATUS=stopping"]);
    expect(await node.ended()).toEqual({ code: 0, signal: null });
    expect(node.log.filter(({ level }) => level === 40)).toEqual([]);
  });

  test("that the node stops because a client says so", async () => {
    await using folder = await TempFolder.create();
    await using systemd = await NotifySocket.open(join(folder.path, "notify"));
    await using node = await KestrelNode.start({ env: { NOTIFY_SOCKET: systemd.path } });
    expect((await systemd.next())[0]).toBe("READY=1");
    await using session = await node.connect();
    session.send("shutdown\r\n");
    expect((await systemd.next())[0]).toBe("STOPPING=1");
    expect((await node.ended()).code).toBe(0);
  });

  test("nothing from a node that can't start", async () => {
    await using folder = await TempFolder.create();
    await using systemd = await NotifySocket.open(join(folder.path, "notify"));
    await using owner = await KestrelNode.start();
    const env = { NOTIFY_SOCKET: systemd.path };
    await using node = await KestrelNode.prepare({ spool: owner.spool, env });
    expect((await node.runToEnd()).code).toBe(1);
    await run("systemd-notify", ["X_TEST=1"], { env: { ...process.env, ...env } });
    expect(await systemd.next()).toEqual(["X_TEST=1"]);
  });
});

describe.skipIf(!isThere("systemd-analyze"))("the files for systemd", () => {
  /** The unit as it would be installed, with the program where it is on this machine. */
  async function installUnit(folder: string): Promise<string> {
    const unit = join(folder, "kestrel.service");
    const text = await readFile(`${files}kestrel.service`, "utf8");
    await writeFile(unit, text.replaceAll("/usr/local/bin/kestrel", kestrelProgram));
    return unit;
  }

  test("the unit is understood, word for word", async () => {
    await using folder = await TempFolder.create();
    const unit = await installUnit(folder.path);
    expect(await run("systemd-analyze", ["verify", "--man=no", unit])).toEqual({ stdout: "", stderr: "" });
  });

  test("the unit can do little else than serve", async () => {
    await using folder = await TempFolder.create();
    const unit = await installUnit(folder.path);
    // Fails when the exposure, of 100, is above the threshold.
    await run("systemd-analyze", ["security", "--offline=true", "--threshold=20", "--no-pager", unit]);
  });

  test("the user comes into being, and the folder of the journals", async () => {
    const users = await run("systemd-sysusers", ["--dry-run", `${files}kestrel.sysusers.conf`]);
    expect(users.stderr + users.stdout).not.toMatch(/fail|ignor|invalid/i);
    await using folder = await TempFolder.create();
    // Here nobody is called kestrel.
    const text = await readFile(`${files}kestrel.tmpfiles.conf`, "utf8");
    const rules = join(folder.path, "kestrel.conf");
    await writeFile(rules, text.replace("kestrel kestrel", "- -").replace("/var/", `${folder.path}/var/`));
    await run("systemd-tmpfiles", ["--create", rules]);
    expect((await stat(join(folder.path, "var/spool/kestrel"))).mode & 0o7777).toBe(0o750);
  });
});

test("an exit code tells what starting again won't mend", async () => {
  await using folder = await TempFolder.create();
  const file = join(folder.path, "kestrel.json");
  const end = (...args: string[]) => spawnSync(process.execPath, [kestrelProgram, ...args]).status;
  expect(end("--memcache-port", "many")).toBe(2);
  expect(end("--config", file)).toBe(2);
  await writeFile(file, '{"default": {"maxItems": "many"}}');
  expect(end("--config", file)).toBe(2);
  expect(end("--check-config", file)).toBe(2);
  expect(end("--queue-path", "/dev/null/spool")).toBe(1);
  expect(await readFile(`${files}kestrel.service`, "utf8")).toContain("\nRestartPreventExitStatus=2\n");
});

test("the settings for the service are right, and are those of its folders", async () => {
  const file = `${files}kestrel.json`;
  await run(process.execPath, [kestrelProgram, "--check-config", file]);
  const unit = await readFile(`${files}kestrel.service`, "utf8");
  const { queuePath, statusFile } = JSON.parse(await readFile(file, "utf8"));
  expect(unit).toContain(`ReadWritePaths=${queuePath}\n`);
  expect(statusFile).toMatch(/^\/var\/lib\/kestrel\//);
  expect(unit).toContain("StateDirectory=kestrel\n");
});
