import { expect, test } from "vitest";
import type { DiskFile } from "../disk.ts";
import { type Chance, chanceOf } from "./chance.ts";
import { systemError } from "./fake-disk.ts";
import { VolatileDisk } from "./volatile-disk.ts";

const seeds = Array.from({ length: 200 }, (_, seed) => seed);

function diskWithFolder(chance: Chance): VolatileDisk {
  const disk = new VolatileDisk(chance);
  disk.isPrompt = true;
  disk.makeFolder("spool");
  return disk;
}

async function syncNames(disk: VolatileDisk): Promise<void> {
  await disk.syncFolder("/");
  await disk.syncFolder("spool");
}

function write(file: DiskFile, text: string, offset: number = file.size()): void {
  file.write(Buffer.from(text), 0, text.length, offset);
}

function textOf(disk: VolatileDisk, file: string): string | undefined {
  return disk.readFile(file)?.toString("latin1");
}

/** A file of that content, on the medium with its name. */
async function syncedFile(disk: VolatileDisk, name: string, text: string): Promise<DiskFile> {
  const file = disk.create(name);
  write(file, text);
  await file.sync();
  await syncNames(disk);
  return file;
}

test("of a power loss that leaves nothing unsynced, bytes and names come back that were synced", async () => {
  const disk = diskWithFolder(() => 0);
  const file = await syncedFile(disk, "spool/a", "synced");
  write(file, ", not synced");
  const nameless = disk.create("spool/b");
  write(nameless, "synced without a name");
  await nameless.sync();
  const left = disk.afterPowerLoss("nothing");
  expect(left.list("spool")).toEqual(["a"]);
  expect(textOf(left, "spool/a")).toBe("synced");
  expect(textOf(disk.afterKill(), "spool/a")).toBe("synced, not synced");
  expect(textOf(disk.afterPowerLoss("everything"), "spool/a")).toBe("synced, not synced");
  expect(textOf(disk.afterPowerLoss("everything"), "spool/b")).toBe("synced without a name");
});

test("what comes up after a kill still has its power loss before it, and is a disk of its own", async () => {
  const disk = diskWithFolder(() => 0);
  write(await syncedFile(disk, "spool/a", "1"), "2");
  const next = disk.afterKill();
  write(next.open("spool/a"), "3");
  expect(textOf(next, "spool/a")).toBe("123");
  expect(textOf(disk, "spool/a")).toBe("12");
  expect(textOf(next.afterPowerLoss("nothing"), "spool/a")).toBe("1");
});

test("with a prefix, nothing is left that happened after something that is not", async () => {
  const seen = new Set<string>();
  for (const seed of seeds) {
    const disk = diskWithFolder(chanceOf(seed));
    const a = await syncedFile(disk, "spool/a", "0");
    const b = await syncedFile(disk, "spool/b", "0");
    write(a, "1", 0);
    write(b, "2", 0);
    disk.rename("spool/b", "spool/c");
    const left = disk.afterPowerLoss("prefix");
    seen.add(["a", "b", "c"].map((name) => textOf(left, `spool/${name}`) ?? "-").join(""));
  }
  expect([...seen].sort()).toEqual(["00-", "1-2", "10-", "12-"]);
});

test("else any sector may be left, and none shows what was never written", async () => {
  const seen = new Set<string>();
  for (const seed of seeds) {
    const disk = diskWithFolder(chanceOf(seed));
    const file = await syncedFile(disk, "spool/a", "a".repeat(8192));
    write(file, "b".repeat(8192), 0);
    const left = textOf(disk.afterPowerLoss("any"), "spool/a")!;
    const sectors = left.match(/.{512}/g)!;
    for (const sector of sectors) expect(sector).toMatch(/^(a+|b+)$/);
    seen.add(sectors[0]![0]! + sectors.at(-1)![0]!);
  }
  expect([...seen].sort()).toEqual(["aa", "ab", "ba", "bb"]);
});

test("a file renamed without a sync of its folder has its old name, its new one or both", async () => {
  const seen = new Set<string>();
  for (const seed of seeds) {
    const disk = diskWithFolder(chanceOf(seed));
    await syncedFile(disk, "spool/old", "content");
    disk.rename("spool/old", "spool/new");
    const left = disk.afterPowerLoss("any");
    for (const name of left.list("spool")) expect(textOf(left, `spool/${name}`)).toBe("content");
    seen.add(left.list("spool").join(" "));
  }
  expect([...seen].sort()).toEqual(["new", "new old", "old"]);
});

test("a failed sync may take bytes off the medium, out of memory, or neither, and says so", async () => {
  const seen = new Set<string>();
  for (const seed of seeds) {
    const disk = diskWithFolder(chanceOf(seed));
    const file = await syncedFile(disk, "spool/a", "a");
    write(file, "b", 0);
    disk.fault = (operation) => {
      if (operation === "sync") throw systemError("EIO", "spool/a");
    };
    await expect(file.sync()).rejects.toThrow("EIO");
    expect(disk.hasDropped).toBe(true);
    disk.fault = () => {};
    const readBack = textOf(disk, "spool/a")!;
    // A sync that goes well afterwards brings nothing back.
    await file.sync();
    seen.add(readBack + textOf(disk.afterPowerLoss("nothing"), "spool/a")!);
  }
  expect([...seen].sort()).toEqual(["aa", "ba", "bb"]);
});

test("syncs wait until they are let finish, and one that ends after a later one undoes nothing of it", async () => {
  const disk = diskWithFolder(() => 0);
  const file = await syncedFile(disk, "spool/a", "1");
  disk.isPrompt = false;
  write(file, "2", 0);
  const first = file.sync();
  write(file, "3", 0);
  const second = file.sync();
  expect(disk.waitingLength).toBe(2);
  expect(textOf(disk.afterPowerLoss("nothing"), "spool/a")).toBe("1");
  disk.finishOne(1);
  await second;
  expect(textOf(disk.afterPowerLoss("nothing"), "spool/a")).toBe("3");
  disk.finishOne(0);
  await first;
  expect(textOf(disk.afterPowerLoss("nothing"), "spool/a")).toBe("3");
});
