/** Segments that are mostly dead are rewritten: what is pinned stays small, and nothing that is wanted is lost. */
import { expect, test } from "vitest";
import { systemError } from "../testing/fake-disk.ts";
import { type Got, TestNode } from "../testing/node.ts";

const rules = {
  default: {
    defaultJournalSizeBytes: 2000,
    maxJournalSizeBytes: 4000,
    minJournalCompactDelayMs: 0,
    maxMemorySizeBytes: 1000,
  },
};

/** Lets what runs in the background finish. */
async function settle(): Promise<void> {
  for (let round = 0; round < 200; round++) await Promise.resolve();
}

function bytesOf(node: TestNode, queue: string): number {
  return node
    .segmentsOf(queue)
    .reduce((sum, file) => sum + node.disk.bytesOf(`spool/${queue}/${file}`).length, 0);
}

/** Puts `length` items through the queue and leaves one of every twenty open. */
async function leak(node: TestNode, length: number): Promise<Got[]> {
  const open: Got[] = [];
  for (let number = 0; number < length; number++) {
    node.put("q", `${number} ${"-".repeat(80)}`);
    const got = await node.get("q", number % 20 === 0 ? "open" : "take");
    if (number % 20 === 0) open.push(got!);
    await settle();
  }
  return open;
}

test("items left open in every segment pin little more than themselves", async () => {
  const node = await TestNode.start(rules);
  const open = await leak(node, 800);
  expect(node.queues.stats("q")).toContainEqual(["open_transactions", open.length]);
  const rewrites = node.queue("q").reader.log.rewrites;
  expect(rewrites).toBeGreaterThan(10);
  expect(bytesOf(node, "q")).toBeLessThan(4000 + 2000 + open.length * 300);
});

test("open items of rewritten segments are confirmed, and given back in their order", async () => {
  const node = await TestNode.start(rules);
  const open = await leak(node, 400);
  expect(node.queue("q").reader.log.rewrites).toBeGreaterThan(0);
  const [first, second, ...rest] = open;
  expect(node.queue("q").confirm(second!.id)).toBe(null);
  for (const got of rest.toReversed()) node.queue("q").abort(got.id);
  node.queue("q").abort(first!.id);
  expect(await node.drain("q")).toEqual([first, ...rest].map((got) => got!.text));
});

test("what was finished in a segment is on the medium behind it before it is rewritten without that", async () => {
  const node = await TestNode.start({ default: { ...rules.default, syncJournal: 60_000 } });
  const { files } = node.disk;
  const unsynced: string[] = [];
  node.disk.fault = (operation, file) => {
    if (operation !== "rename" || !file.endsWith(".log~")) return;
    for (const [name, { synced }] of files)
      if (name.endsWith(".log") && `${name}~` > file && synced.length === 0) unsynced.push(name);
  };
  await leak(node, 400);
  expect(node.queue("q").reader.log.rewrites).toBeGreaterThan(5);
  expect(unsynced).toEqual([]);
  await node.stop();
});

test("where no file can be opened any more, a rewritten one is not read by its former places", async () => {
  const node = await TestNode.start(rules);
  const { files } = node.disk;
  let replaced: [name: string, content: object] | null = null;
  node.disk.fault = (operation, file) => {
    if (operation === "rename" && file.endsWith(".log~")) {
      const name = file.slice(0, -1);
      replaced = [name, files.get(name)!];
    } else if (operation === "open" && file.endsWith(".log")) {
      // Whoever still has the old file and opens it anew finds the new one.
      if (replaced !== null) Object.assign(replaced[1], files.get(replaced[0]));
      throw systemError("EMFILE", file);
    }
  };
  const open = await leak(node, 200);
  expect(replaced).not.toBeNull();
  for (const got of open) node.queue("q").abort(got.id);
  expect(await node.drain("q")).toEqual(open.map((got) => got.text));
  expect(node.log.having("damage in the journal")).toEqual([]);
});

test("a rewrite that waits for its sync ends with the log", async () => {
  const node = await TestNode.start({ default: { ...rules.default, syncJournal: 60_000 } });
  let isBroken = false;
  node.disk.fault = (operation, file) => {
    if (operation === "sync" && file.endsWith(".log") && isBroken) throw systemError("EIO", file);
    isBroken ||= operation === "create" && file.endsWith(".log~");
  };
  await expect(leak(node, 200)).rejects.toMatchObject({ code: "disk" });
  const { log } = node.queue("q").reader;
  await node.stop();
  expect(log.rewrites).toBe(0);
  expect(node.disk.list("spool/q").filter((file) => file.endsWith("~"))).toEqual([]);
});

test("a kill at any step of a rewrite loses nothing", async () => {
  const reference = await TestNode.start(rules);
  const expected = (await leak(reference, 200)).map((got) => got.text);
  const total = reference.disk.operations;
  for (let stop = 20; stop < total; stop += 13) {
    const node = await TestNode.start(rules);
    let killed: ReturnType<typeof node.disk.afterKill> | null = null;
    node.disk.fault = () => {
      if (node.disk.operations === stop) killed = node.disk.afterKill();
    };
    await leak(node, 200);
    if (killed === null) continue;
    const next = await node.afterKill(killed);
    const left = await next.drain("q");
    // Of the items that were open at that moment each is there, in order; the last put may be there or not.
    const known = left.filter((text) => expected.includes(text));
    expect(known).toEqual(expected.slice(0, known.length));
    expect(left.length - known.length).toBeLessThanOrEqual(1);
    expect(next.disk.list("spool/q").filter((file) => file.endsWith(".log~"))).toEqual([]);
    await next.stop();
  }
});

test("a rewrite that fails leaves the old segment as it was", async () => {
  const node = await TestNode.start(rules);
  node.disk.fault = (operation, file) => {
    if (operation === "create" && file.endsWith("~")) throw systemError("ENOSPC", file);
  };
  const open = await leak(node, 200);
  expect(node.log.having("cannot rewrite a segment").length).toBeGreaterThan(0);
  const next = await node.afterKill();
  expect((await next.drain("q")).filter((text) => open.some((got) => got.text === text))).toEqual(
    open.map((got) => got.text),
  );
});

test.each(["dropped", "closed"])(
  "a rewrite that fails since its segment was %s is no trouble",
  async (what) => {
    const node = await TestNode.start({ default: { ...rules.default, maxJournalSizeBytes: 1_000_000 } });
    const open = await leak(node, 200);
    const { log } = node.queue("q").reader;
    log.settings = { ...log.settings, maxJournalSizeBytes: 100 };
    let failures = 0;
    let closed: Promise<void> = Promise.resolve();
    node.disk.fault = (operation, file) => {
      if (operation !== "create" || !file.endsWith("~") || failures++ > 0) return;
      if (what === "closed") closed = log.close();
      for (const got of what === "dropped" ? open : []) node.queue("q").confirm(got.id);
      if (log.isTurnOpen) node.turn.endNow();
      throw systemError("ENOENT", file);
    };
    node.put("q", "so that the sweep looks at the files");
    log.sweep(true);
    await settle();
    await closed;
    expect(failures).toBeGreaterThan(0);
    expect(node.log.having("cannot rewrite a segment")).toEqual([]);
  },
);

test("segments that die while one is rewritten are not rewritten over and over", async () => {
  const node = await TestNode.start({ default: { ...rules.default, maxJournalSizeBytes: 1_000_000 } });
  const open = await leak(node, 300);
  const { log } = node.queue("q").reader;
  log.settings = { ...log.settings, maxJournalSizeBytes: 100 };
  node.put("q", "so that the sweep looks at the files");
  log.sweep(true);
  for (const got of open) node.queue("q").confirm(got.id);
  await settle();
  expect(log.rewrites).toBeGreaterThan(0);
  expect(log.rewrites).toBeLessThanOrEqual(log.segments.length);
});
