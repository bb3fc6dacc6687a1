import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NodeDisk } from "../disk.ts";
import { CollectedLog } from "../testing/collected-log.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { exportKestrel2 } from "./export.ts";
import { importKestrel2 } from "./import.ts";
import { writeJournal } from "./journal-writer.ts";
import { encodeAdd, encodeOpen, type Kestrel2Item } from "./record.ts";
import { replayJournal } from "./replay.ts";
import { itemsOf } from "./spool-items.ts";
import { startSpool } from "./transfer.ts";

let folder: string;
let old: string;
let spool: string;
const logger = new CollectedLog();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kestrel2-import-"));
  old = join(folder, "old");
  spool = join(folder, "spool");
  await mkdir(old);
});
afterEach(() => rm(folder, { recursive: true }));

function item(text: string, addTimeMs = 1_300_000_000_000, expiryMs = 0): Kestrel2Item {
  return { data: Buffer.from(text), addTimeMs, expiryMs };
}

async function journal(name: string, ...items: Kestrel2Item[]): Promise<void> {
  await writeFile(join(old, name), Buffer.concat(items.flatMap((item) => [encodeAdd(item), item.data])));
}

/** What a spool folder of ours holds, by queue. */
async function contentOf(path: string): Promise<Record<string, Kestrel2Item[]>> {
  const queues = await startSpool(path, { from: "", to: "", logger });
  const content: Record<string, Kestrel2Item[]> = {};
  try {
    for (const name of queues.names()) {
      content[name] = [];
      for await (const one of itemsOf(queues.find(name)!)) content[name].push(one);
      expect(queues.find(name)!.length).toBe(content[name].length);
    }
  } finally {
    await queues.stop();
  }
  return content;
}

async function textsOf(path: string): Promise<Record<string, string>> {
  const content = Object.entries(await contentOf(path));
  return Object.fromEntries(content.map(([name, items]) => [name, items.map(({ data }) => data).join(" ")]));
}

describe("import", () => {
  test("data, add time and expiry of every item", async () => {
    const items = [item("a"), item("", 5), item("b", 7, 1_400_000_000_000), item("c".repeat(200_000))];
    await journal("orders", ...items);
    const { queues } = await importKestrel2({ from: old, to: spool, logger });
    expect(queues).toEqual([{ name: "orders", length: 4, size: 200_002, faults: [], faultLength: 0 }]);
    expect(await contentOf(spool)).toEqual({ orders: items });
  });

  test("a queue of many files, with items open", async () => {
    await journal("q.100", item("never"));
    await journal("q.200.pack", item("a"), item("b"));
    await writeFile(join(old, "q"), Buffer.concat([encodeOpen(7), Buffer.of(1)]));
    const { ignored } = await importKestrel2({ from: old, to: spool, logger });
    expect(await textsOf(spool)).toEqual({ q: "a" });
    expect(ignored).toEqual([{ path: join(old, "q.100"), reason: "replaced by a packed file" }]);
  });

  test("fanouts have what their own journals have, no more", async () => {
    await journal("orders", item("a"), item("b"));
    await journal("orders+audit", item("b"));
    await journal("orders+mail");
    await journal("lonely+child", item("c"));
    await importKestrel2({ from: old, to: spool, logger });
    expect(await textsOf(spool)).toEqual({
      "lonely+child": "c",
      orders: "a b",
      "orders+audit": "b",
      "orders+mail": "",
    });
  });

  test("the originals are as they were", async () => {
    await journal("q.1", item("a"));
    await journal("q.1.pack", item("b"));
    await journal("q~~1");
    const before = join(folder, "before");
    await cp(old, before, { recursive: true });
    await importKestrel2({ from: old, to: spool, logger });
    expect(await readdir(old)).toEqual(await readdir(before));
    for (const name of await readdir(before)) {
      expect(await readFile(join(old, name))).toEqual(await readFile(join(before, name)));
    }
  });

  test("items of the oldest form were put now", async () => {
    await writeFile(join(old, "q"), Buffer.from("00050000000000000061", "hex"));
    const clock = new FakeClock();
    await importKestrel2({ from: old, to: spool, logger, clock });
    expect(await contentOf(spool)).toEqual({ q: [item("a", clock.now())] });
  });

  test("times before 1970 are the first of it", async () => {
    await journal("q", item("a", -5, -5));
    await importKestrel2({ from: old, to: spool, logger });
    expect(await contentOf(spool)).toEqual({ q: [item("a", 0, 1)] });
  });

  test("only the queues that are asked for", async () => {
    await journal("a", item("1"));
    await journal("b", item("2"));
    const { ignored } = await importKestrel2({ from: old, to: spool, logger, queueNames: ["b"] });
    expect(await textsOf(spool)).toEqual({ b: "2" });
    expect(ignored).toEqual([{ path: join(old, "a"), reason: "not asked for" }]);
  });

  test("a queue that isn't there", async () => {
    const imported = importKestrel2({ from: old, to: spool, logger, queueNames: ["c"] });
    await expect(imported).rejects.toThrow(`${old} has no queue c`);
  });

  test("a name that no queue can have here", async () => {
    await journal("a b", item("1"));
    const { queues, ignored } = await importKestrel2({ from: old, to: spool, logger });
    expect(queues).toEqual([]);
    expect(ignored).toEqual([
      { path: join(old, "a b"), reason: "a queue's name has no white space and no control characters" },
    ]);
  });

  test("faults are reported, and what is before them is there", async () => {
    await journal("q", item("a"));
    await writeFile(join(old, "q"), Buffer.from([77]), { flag: "a" });
    const { queues } = await importKestrel2({ from: old, to: spool, logger });
    expect(queues[0]).toMatchObject({ length: 1, faultLength: 1, faults: [{ kind: "damaged", offset: 22 }] });
    expect(await textsOf(spool)).toEqual({ q: "a" });
  });

  test("beside queues that are there, but not over them", async () => {
    await journal("a", item("1"));
    await importKestrel2({ from: old, to: spool, logger });
    await journal("a", item("2"));
    await journal("a+x", item("3"));
    await journal("b", item("4"));
    const imported = importKestrel2({ from: old, to: spool, logger });
    await expect(imported).rejects.toThrow(`${spool} has queues of that name already: a`);
    await importKestrel2({ from: old, to: spool, logger, queueNames: ["b"] });
    expect(await textsOf(spool)).toEqual({ a: "1", b: "4" });
  });

  test("not while a server is using the folder", async () => {
    await journal("a", item("1"));
    const queues = await startSpool(spool, { from: "", to: "", logger });
    await expect(importKestrel2({ from: old, to: spool, logger })).rejects.toThrow("is in use");
    await queues.stop();
  });

  test("what a killed import has left is gone with the next start", async () => {
    await journal("a", item("1"));
    await importKestrel2({ from: old, to: join(spool, "~import"), logger });
    await journal("b", item("2"));
    await importKestrel2({ from: old, to: spool, logger, queueNames: ["b"] });
    expect(await readdir(spool)).not.toContain("~import");
    await importKestrel2({ from: old, to: join(spool, "~import"), logger, queueNames: ["a"] });
    expect(await textsOf(spool)).toEqual({ b: "2" });
    expect(await readdir(spool)).not.toContain("~import");
  });

  test("an import that fails leaves nothing", async () => {
    await journal("a", item("1"));
    await journal("b", item("2".repeat(3_000_000)), item("3".repeat(3_000_000)));
    const disk = new NodeDisk();
    const create = disk.create.bind(disk);
    disk.create = (path) => {
      if (path.includes("/b/")) throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
      return create(path);
    };
    await expect(importKestrel2({ from: old, to: spool, logger, disk })).rejects.toThrow("no space left");
    expect(await textsOf(spool)).toEqual({});
    await importKestrel2({ from: old, to: spool, logger });
    expect(Object.keys(await textsOf(spool))).toEqual(["a", "b"]);
  });
});

describe("export", () => {
  test("a file for each queue, of nothing but items; the queues stay as they are", async () => {
    await journal("q", item("a"), item("b", 5, 9));
    await journal("q+x", item("c"));
    await journal("empty");
    await importKestrel2({ from: old, to: spool, logger });
    const to = join(folder, "new");
    for (let again = 0; again < 2; again++) {
      await rm(to, { recursive: true, force: true });
      const exported = await exportKestrel2({ from: spool, to, logger });
      expect(exported).toEqual([
        { name: "empty", length: 0, path: join(to, "empty"), size: 0 },
        { name: "q", length: 2, path: join(to, "q"), size: 44 },
        { name: "q+x", length: 1, path: join(to, "q+x"), size: 22 },
      ]);
      for (const name of await readdir(old)) {
        expect(await readFile(join(to, name))).toEqual(await readFile(join(old, name)));
      }
    }
  });

  test("a backlog that is larger than what is kept in memory", async () => {
    const items = Array.from({ length: 700 }, (_, i) => item(String(i).padStart(100_000, "-"), i));
    await writeJournal(join(old, "q"), items);
    await importKestrel2({ from: old, to: spool, logger });
    const to = join(folder, "new");
    await exportKestrel2({ from: spool, to, logger });
    const [was, is] = await Promise.all([readFile(join(old, "q")), readFile(join(to, "q"))]);
    expect(is.equals(was)).toBe(true);
  });

  test("never over a journal that is there", async () => {
    await journal("q", item("a"));
    await importKestrel2({ from: old, to: spool, logger });
    await rm(join(old, "q"));
    await journal("q.17", item("b"));
    const exported = exportKestrel2({ from: spool, to: old, logger });
    await expect(exported).rejects.toThrow(`${old} has journals of these already: q`);
    expect(await readdir(old)).toEqual(["q.17"]);
  });

  test("from a folder that isn't there, which is not made", async () => {
    await expect(exportKestrel2({ from: spool, to: old, logger })).rejects.toThrow("ENOENT");
    expect(await readdir(folder)).toEqual(["old"]);
  });
});

test("imported and exported, a journal means the same", async () => {
  const items = fc.array(
    fc.record({
      data: fc.uint8Array({ maxLength: 100 }).map((data) => Buffer.from(data)),
      addTimeMs: fc.maxSafeNat(),
      expiryMs: fc.maxSafeNat(),
    }),
  );
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(items, items, async (parents, childs) => {
      const [from, through, to] = ["from", "through", "to"].map((name) => join(folder, `${name}-${runs}`));
      runs++;
      await mkdir(from!);
      await writeJournal(join(from!, "q"), parents);
      await writeJournal(join(from!, "q+x"), childs);
      await importKestrel2({ from: from!, to: through!, logger });
      await exportKestrel2({ from: through!, to: to!, logger });
      for (const [name, expected] of [["q", parents] as const, ["q+x", childs] as const]) {
        const left: Kestrel2Item[] = [];
        for await (const one of (await replayJournal([join(to!, name)])).items()) left.push(one);
        expect(left).toEqual(expected);
      }
    }),
    { numRuns: 25 },
  );
});
