/** The spool folder of a real node: its lock, a last file that was cut short, a byte that was flipped. */

import { execFile } from "node:child_process";
import { chmod, cp, mkdir, readdir, readFile, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { Random } from "./crash/random.ts";
import { KestrelNode } from "./harness/kestrel-node.ts";
import { kestrelProgram } from "./harness/kestrel-program.ts";
import { TempFolder } from "./harness/temp-folder.ts";

const itemCount = 200;
const cuts = 6;

describe("lock", () => {
  test("a second node on the same spool refuses and says why; the first goes on", async () => {
    await using node = await KestrelNode.start();
    await using second = await KestrelNode.prepare({ spool: node.spool });
    const { code } = await second.runToEnd();
    expect(code).toBeGreaterThan(0);
    expect(second.logText()).toContain(node.spool);
    expect(second.logText()).toContain(String(node.pid));
    await using client = await node.client();
    expect(await client.put("q", "a")).toBe("STORED");
  });

  test("a node in another namespace of processes, as containers are, is seen as well", async ({ skip }) => {
    await using node = await KestrelNode.start();
    const run = promisify(execFile);
    const isolated = ["--pid", "--fork", "--mount-proc", process.execPath];
    const isPossible = await run("unshare", [...isolated, "-e", ""]).then(
      () => true,
      () => false,
    );
    if (!isPossible) {
      console.warn("left out: this machine doesn't let us make a namespace of processes");
      return skip();
    }
    const flags = [kestrelProgram, "--memcache-port", "0", "--queue-path", node.spool];
    await expect(run("unshare", [...isolated, ...flags])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(`process ${node.pid} on .* in another container`),
    });
  });

  test("the lock of a killed node doesn't stop the next one", async () => {
    await using node = await KestrelNode.start();
    await node.kill();
    await node.start();
    await using client = await node.client();
    expect(await client.put("q", "a")).toBe("STORED");
  });
});

test("what else lies in a spool folder is left alone: lost+found, links that lead to themselves, pipes", async () => {
  await using spool = await TempFolder.create();
  const lost = join(spool.path, "lost+found");
  // Nobody but root may look into it.
  await mkdir(lost, { mode: 0 });
  if (process.getuid?.() === 0) console.warn("left out: that a node may not look into a folder, as root may");
  await symlink("loop", join(spool.path, "loop"));
  await promisify(execFile)("mkfifo", [join(spool.path, "pipe")]);
  // Its metrics are loaded behind the look at the folder.
  await using node = await KestrelNode.start({ spool: spool.path, flags: ["--admin-port", "0"] });
  await using client = await node.client();
  expect(await client.put("lost", "a")).toBe("STORED");
  expect([...(await client.stats()).keys()]).not.toContain("queue_lost+found_items");
  await chmod(lost, 0o700);
  expect(await readdir(lost)).toEqual([]);
  expect(node.log.filter(({ level }) => level === 50)).toEqual([]);
});

describe("damage", () => {
  test(`the last segment cut at ${cuts} places: all before the cut is there`, async () => {
    const random = Random.announced("KESTREL_CUT_SEED");
    await using original = await filledSpool();
    const size = (await readFile(await lastSegment(original.path))).length;
    const lengths: number[] = [];
    const sizes = Array.from({ length: cuts }, () => random.whole(0, size)).sort((a, b) => a - b);
    for (const cutSize of [...sizes, size]) {
      await using spool = await copyOf(original);
      await truncate(await lastSegment(spool.path), cutSize);
      const numbers = await itemsOf(spool.path);
      expect(numbers, `cut at ${cutSize} of ${size}`).toEqual(Array.from(numbers, (_, i) => i));
      lengths.push(numbers.length);
    }
    expect(lengths).toEqual(lengths.toSorted((a, b) => a - b));
    expect(lengths.at(-1)).toBe(itemCount);
  });

  test("a flipped byte in the middle loses what it touched, keeps the rest, and is reported", async () => {
    await using spool = await filledSpool();
    const file = await lastSegment(spool.path);
    const bytes = await readFile(file);
    const offset = bytes.length >> 1;
    bytes[offset]! ^= 0xff;
    await writeFile(file, bytes);

    await using node = await KestrelNode.start({ spool: spool.path });
    const numbers = await drain(node);
    const lost = Array.from({ length: itemCount }, (_, i) => i).filter((i) => !numbers.includes(i));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    // Each item was put in a turn of its own.
    expect(lost).toHaveLength(1);
    expect(lost[0]).toBeGreaterThan(itemCount * 0.4);
    expect(lost[0]).toBeLessThan(itemCount * 0.6);
    const report = node.log.find((line) => JSON.stringify(line).includes(file.slice(spool.path.length + 1)));
    expect(report, node.logText()).toBeDefined();
    expect(report).toMatchObject({ level: expect.any(Number), offset: expect.any(Number) });
  });
});

/** The spool of a node that was killed: numbered items of 1,000 bytes, one after the other, in one queue. */
async function filledSpool(): Promise<TempFolder> {
  const spool = await TempFolder.create();
  await using node = await KestrelNode.start({ spool: spool.path });
  await using client = await node.client();
  for (let i = 0; i < itemCount; i++) await client.put("q", Buffer.alloc(1000, `${i} `));
  await node.kill();
  return spool;
}

async function copyOf(folder: TempFolder): Promise<TempFolder> {
  const copy = await TempFolder.create();
  await cp(folder.path, copy.path, { recursive: true });
  return copy;
}

async function itemsOf(spool: string): Promise<number[]> {
  await using node = await KestrelNode.start({ spool });
  return await drain(node);
}

/** The numbers of all items of the queue. */
async function drain(node: KestrelNode): Promise<number[]> {
  await using client = await node.client();
  const numbers: number[] = [];
  for (;;) {
    const value = await client.get("q");
    if (value === null) return numbers;
    const number = Number.parseInt(value.data.toString(), 10);
    expect(value.data.equals(Buffer.alloc(1000, `${number} `))).toBe(true);
    numbers.push(number);
  }
}

async function lastSegment(spool: string): Promise<string> {
  const files = await readdir(spool, { recursive: true });
  const last = files
    .filter((file) => file.endsWith(".log"))
    .sort()
    .at(-1);
  if (last === undefined) throw new Error(`no segment among ${files.join(", ")}`);
  return join(spool, last);
}
