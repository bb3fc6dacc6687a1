/**
 * A spool folder that turns read-only under a node that runs, and back: files that are open can be written, none can
 * be begun or removed. A mount of the node's own does it, over the folder; nobody else sees it. Needs root on Linux.
 */

import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { TempFolder } from "../harness/temp-folder.ts";

const itemBytes = 5_000;
/** Beyond several segments. */
const itemCount = 100;
const notHere = "left out: this machine doesn't let us mount anything";
const settings = { default: { defaultJournalSize: "64KB" } };
const ownMounts = ["unshare", "--mount"];
const canMount =
  spawnSync(ownMounts[0]!, [...ownMounts.slice(1), "mount", "-t", "tmpfs", "none", "/mnt"]).status === 0;

test("a node on a folder that is read-only says so and doesn't start", async ({ skip }) => {
  if (!canMount) {
    console.warn(notHere);
    return skip();
  }
  await using spool = await TempFolder.create();
  const script = `${readOnlyOver(spool.path)} && exec "$@"`;
  await using node = await KestrelNode.prepare({
    spool: spool.path,
    command: [...ownMounts, "sh", "-c", script, "sh"],
  });
  expect((await node.runToEnd()).code).toBe(1);
  expect(node.logText()).toMatch(/read-only file system/);
});

test("a folder turns read-only under a node: it says so, serves what it can, and all is well afterwards", async ({
  skip,
}) => {
  if (!canMount) {
    console.warn(notHere);
    return skip();
  }
  await using folder = await TempFolder.create();
  const config = join(folder.path, "kestrel.json");
  await writeFile(config, JSON.stringify(settings));
  await using node = await KestrelNode.start({
    isRestarted: true,
    command: ownMounts,
    flags: ["--config", config],
  });
  await using client = await node.client();
  const stored: number[] = [];
  const refusals: string[] = [];
  const put = async (number: number): Promise<void> => {
    const answer = await client.put("jobs", body(number));
    if (answer === "STORED") stored.push(number);
    else refusals.push(answer);
  };
  for (let number = 0; number < itemCount; number++) await put(number);
  inMountsOf(node, readOnlyOver(node.spool));

  // Whether a put is taken depends on what is open; a queue that isn't there yet can't be had.
  for (let number = itemCount; number < 2 * itemCount; number++) await put(number);
  expect(await client.put("new", "item")).toMatch(/^SERVER_ERROR .*read-only/i);
  for (let i = 0; i < itemCount / 2; i++) {
    expect((await client.get("jobs"))?.data.equals(body(stored.shift()!))).toBe(true);
  }
  for (const refusal of refusals) expect(refusal).toMatch(/^SERVER_ERROR .*read-only/i);
  expect(node.logText()).toMatch(/read-only file system/);

  inMountsOf(node, `umount '${node.spool}'`);
  while ((await client.put("new", "item")) !== "STORED");
  for (let number = 2 * itemCount; number < 3 * itemCount; number++) await put(number);
  expect(stored.at(-1)).toBe(3 * itemCount - 1);
  await node.kill();
  await node.start();
  await using after = await node.client();
  for (const number of stored)
    expect((await after.get("jobs"))?.data.equals(body(number)), `item ${number}`).toBe(true);
  expect(await after.get("jobs")).toBeNull();
  expect((await after.get("new"))?.data.toString()).toBe("item");
});

/** A second mount of the folder over itself: what is open already goes by the first, and stays writable. */
function readOnlyOver(path: string): string {
  return `mount --bind '${path}' '${path}' && mount -o remount,bind,ro '${path}'`;
}

function inMountsOf(node: KestrelNode, script: string): void {
  const { status, stderr } = spawnSync("nsenter", [
    "--target",
    String(node.pid),
    "--mount",
    "sh",
    "-c",
    script,
  ]);
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
}

function body(number: number): Buffer {
  return Buffer.alloc(itemBytes, `${number} `);
}
