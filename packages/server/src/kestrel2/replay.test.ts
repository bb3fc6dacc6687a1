import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { writeJournal } from "./journal-writer.ts";
import { packJournals } from "./pack.ts";
import type { Kestrel2Item } from "./record.ts";
import { replayJournal } from "./replay.ts";

let folder: string;
let fileLength = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kestrel2-replay-"));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(() => {
  fileLength = 0;
});

/** Records by hand, with nothing from the code that is tested. */
const i32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};
const i64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
};
const opcode = (value: number): Buffer => Buffer.of(value);
const block = (data: string, addTimeMs: number, expiryMs: number): Buffer =>
  Buffer.concat([i32(data.length + 16), i64(addTimeMs), i64(expiryMs), Buffer.from(data, "latin1")]);

const add = (data: string, expirySeconds = 0): Buffer =>
  Buffer.concat([opcode(0), i32(data.length + 4), i32(expirySeconds), Buffer.from(data, "latin1")]);
const remove = opcode(1);
const addx = (data: string, addTimeMs = 1, expiryMs = 0): Buffer =>
  Buffer.concat([opcode(2), block(data, addTimeMs, expiryMs)]);
const open = opcode(3);
const saveId = (id: number): Buffer => Buffer.concat([opcode(4), i32(id)]);
const abort = (id: number): Buffer => Buffer.concat([opcode(5), i32(id)]);
const confirm = (id: number): Buffer => Buffer.concat([opcode(6), i32(id)]);
const addWithId = (id: number, data: string, addTimeMs = 1, expiryMs = 0): Buffer =>
  Buffer.concat([opcode(7), i32(id), block(data, addTimeMs, expiryMs)]);
const proceed = (id: number, data: string, addTimeMs = 1, expiryMs = 0): Buffer =>
  Buffer.concat([opcode(8), i32(id), block(data, addTimeMs, expiryMs)]);
const openAs = (id: number): Buffer => Buffer.concat([opcode(9), i32(id)]);

async function file(...records: Buffer[]): Promise<string> {
  const path = join(folder, `journal-${fileLength++}`);
  await writeFile(path, Buffer.concat(records));
  return path;
}

async function itemsOf(paths: readonly string[], nowMs = 0): Promise<Kestrel2Item[]> {
  const items: Kestrel2Item[] = [];
  const replay = await replayJournal(paths, { nowMs });
  for await (const item of replay.items()) items.push(item);
  expect(items).toHaveLength(replay.length);
  expect(await replay.measure()).toBe(items.reduce((sum, { data }) => sum + data.length, 0));
  return items;
}

async function left(...records: Buffer[]): Promise<string> {
  return (await itemsOf([await file(...records)])).map(({ data }) => data.toString("latin1")).join(" ");
}

describe("each operation", () => {
  test("ADD, the oldest: its expiry is in seconds, its add time is now", async () => {
    expect(await itemsOf([await file(add("a"), add("b", 1_300_000_000))], 77)).toEqual([
      { data: Buffer.from("a"), addTimeMs: 77, expiryMs: 0 },
      { data: Buffer.from("b"), addTimeMs: 77, expiryMs: 1_300_000_000_000 },
    ]);
  });

  test("ADDX keeps add time and expiry", async () => {
    expect(await itemsOf([await file(addx("a", 1_400_000_000_000, 1_500_000_000_000), addx("", 5))])).toEqual(
      [
        { data: Buffer.from("a"), addTimeMs: 1_400_000_000_000, expiryMs: 1_500_000_000_000 },
        { data: Buffer.alloc(0), addTimeMs: 5, expiryMs: 0 },
      ],
    );
  });

  test("REMOVE drops the head", async () => {
    expect(await left(addx("a"), addx("b"), remove)).toBe("b");
  });

  test("REMOVE_TENTATIVE opens the head under the next free id", async () => {
    expect(await left(addx("a"), addx("b"), addx("c"), open, open, confirm(2))).toBe("a c");
    expect(await left(addx("a"), addx("b"), openAs(1), saveId(0), open, confirm(2))).toBe("a");
  });

  test("SAVE_XID sets the last used id", async () => {
    expect(await left(saveId(40), addx("a"), addx("b"), open, confirm(41))).toBe("b");
  });

  test("UNREMOVE puts an item back to the head", async () => {
    expect(await left(addx("a"), addx("b"), addx("c"), openAs(5), abort(5), remove)).toBe("b c");
  });

  test("CONFIRM_REMOVE ends an item", async () => {
    expect(await left(addx("a"), addx("b"), openAs(5), confirm(5))).toBe("b");
  });

  test("ADD_XID puts an item under an id, under which the next REMOVE_TENTATIVE opens it", async () => {
    expect(await left(saveId(9), addWithId(5, "a"), open, addx("b"), confirm(5))).toBe("b");
    expect(await left(saveId(9), addWithId(5, "a"), open, addx("b"), open, confirm(10))).toBe("a");
    expect(await left(addWithId(5, "a"))).toBe("a");
  });

  test("CONTINUE confirms and puts as one", async () => {
    expect(await left(addx("a"), addx("b"), openAs(5), proceed(5, "c", 7))).toBe("b c");
  });

  test("REMOVE_TENTATIVE_XID opens the head under this id", async () => {
    expect(await left(addx("a"), addx("b"), openAs(-3), openAs(8), confirm(8))).toBe("a");
  });
});

test("open items stand at the head in the end, in the order of their ids", async () => {
  const opens = [openAs(3), openAs(1), openAs(2)];
  expect(await left(addx("a"), addx("b"), addx("c"), addx("d"), ...opens)).toBe("b c a d");
});

test("an empty file, and no file at all", async () => {
  expect(await left()).toBe("");
  expect(await itemsOf([])).toEqual([]);
});

test("a journal goes on from file to file", async () => {
  const paths = [
    await file(addx("a"), openAs(1)),
    await file(),
    await file(addx("b"), addx("c")),
    await file(remove, confirm(1), addx("d")),
    await file(),
  ];
  expect((await itemsOf(paths)).map(({ data }) => String(data))).toEqual(["c", "d"]);
});

test("items larger and smaller than what is read at once", async () => {
  const texts = [1, 70_000, 3, 65_536, 65_515, 65_490, 200_000, 0, 65_511].map((size, i) =>
    String.fromCharCode(97 + i).repeat(size),
  );
  expect(await left(...texts.map((text) => addx(text)))).toBe(texts.join(" "));
});

describe("an item that is opened again by REMOVE_TENTATIVE after it was put back", () => {
  test("gets the next id, as the format says", async () => {
    expect(await left(addx("a"), addx("b"), open, abort(1), open, confirm(2))).toBe("b");
  });

  test("or keeps the id it had, where only that makes sense: so did the versions that wrote this", async () => {
    expect(await left(addx("a"), addx("b"), open, abort(1), open, confirm(1))).toBe("b");
    expect(await left(addx("a"), addx("b"), open, abort(1), open, open, confirm(1), confirm(2))).toBe("");
  });
});

describe("what is not as it should be", () => {
  test("a cut file keeps all before the cut, and says where it is", async () => {
    const path = await file(addx("a"), addx("bcd").subarray(0, 22));
    const replay = await replayJournal([path]);
    expect(replay.length).toBe(1);
    expect(replay.faults).toEqual([
      {
        path,
        offset: 22,
        kind: "cut",
        reason: "a record of 24 bytes, and the file ends after 22 of them",
        unreadBytes: 22,
      },
    ]);
  });

  test("an unknown opcode ends its file and is told; the next file goes on", async () => {
    const paths = [await file(addx("a"), opcode(127), addx("b")), await file(addx("c"))];
    const replay = await replayJournal(paths);
    expect(replay.length).toBe(2);
    expect(replay.faults).toEqual([
      { path: paths[0], offset: 22, kind: "damaged", reason: "127 is no opcode", unreadBytes: 23 },
    ]);
  });

  test("a confirm, an abort, a remove and an open of nothing are told and do nothing", async () => {
    const path = await file(remove, openAs(1), open, confirm(1), abort(2), proceed(3, "a"));
    const replay = await replayJournal([path]);
    expect(replay.length).toBe(1);
    expect(replay.faults.map(({ offset, kind, reason }) => `${offset} ${kind} ${reason}`)).toEqual([
      "0 odd the queue has no item to remove",
      "1 odd the queue has no item to open",
      "6 odd the queue has no item to open",
      "7 odd no item is open under 1",
      "12 odd no item is open under 2",
      "17 odd no item is open under 3",
    ]);
  });

  test("of two items open under one id none is lost", async () => {
    const path = await file(addx("a"), addx("b"), addx("c"), openAs(1), openAs(1), confirm(1));
    expect((await itemsOf([path])).map(({ data }) => String(data))).toEqual(["a", "c"]);
    expect((await replayJournal([path])).faults).toMatchObject([{ offset: 71, kind: "odd" }]);
  });

  test("a million faults are counted, and a thousand kept", async () => {
    const replay = await replayJournal([await file(Buffer.alloc(1_000_000, 1))]);
    expect(replay.faultLength).toBe(1_000_000);
    expect(replay.faults).toHaveLength(1000);
  });

  test("a file that is cut while its items are read", async () => {
    const path = await file(addx("a"), addx("b".repeat(100_000)));
    const replay = await replayJournal([path]);
    await truncate(path, 1000);
    const drain = async (): Promise<void> => {
      for await (const _ of replay.items());
    };
    await expect(drain()).rejects.toThrow("has changed while it was read");
  });

  test("a file that isn't there", async () => {
    await expect(replayJournal([join(folder, "none")])).rejects.toThrow("ENOENT");
  });
});

test("what is appended after the replay is not seen", async () => {
  const path = await file(addx("a"));
  const replay = await replayJournal([path]);
  await appendFile(path, addx("b"));
  const items = [];
  for await (const item of replay.items()) items.push(item);
  expect(items).toHaveLength(1);
});

/** What a queue does, as plainly as can be said; writes down each step as a record. */
class Model {
  readonly records: Buffer[] = [];
  readonly queue: { text: string; id: number }[] = [];
  readonly open = new Map<number, string>();
  lastId = 0;
  /** What would be left after each record. */
  readonly states: string[][] = [[]];

  step(choice: number, pick: number, text: string): void {
    const openIds = [...this.open.keys()];
    const openId = openIds[pick % Math.max(openIds.length, 1)];
    const freeId = [1, 2, 3, 10, -4, 2_000_000_000].find((id) => !this.open.has(id))!;
    switch (choice) {
      case 0:
        this.queue.push({ text, id: 0 });
        this.#wrote(add(text));
        break;
      case 1:
      case 2:
        this.queue.push({ text, id: 0 });
        this.#wrote(addx(text));
        break;
      case 3: {
        // Under an id that is nobody's, as Kestrel does.
        const id = 1000 + this.records.length;
        this.queue.push({ text, id });
        this.#wrote(addWithId(id, text));
        break;
      }
      case 4:
        if (this.queue.length === 0) return;
        this.queue.shift();
        this.#wrote(remove);
        break;
      case 5: {
        const head = this.queue.shift();
        if (head === undefined) return;
        let id = head.id;
        if (id === 0) {
          do this.lastId++;
          while (this.open.has(this.lastId) || this.lastId === 0);
          id = this.lastId;
        }
        this.open.set(id, head.text);
        this.#wrote(open);
        break;
      }
      case 6: {
        const head = this.queue.shift();
        if (head === undefined) return;
        this.open.set(freeId, head.text);
        this.lastId = freeId;
        this.#wrote(openAs(freeId));
        break;
      }
      case 7:
        if (openId === undefined) return;
        this.queue.unshift({ text: this.open.get(openId)!, id: 0 });
        this.open.delete(openId);
        this.#wrote(abort(openId));
        break;
      case 8:
        if (openId === undefined) return;
        this.open.delete(openId);
        this.#wrote(confirm(openId));
        break;
      case 9:
        if (openId === undefined) return;
        this.open.delete(openId);
        this.queue.push({ text, id: 0 });
        this.#wrote(proceed(openId, text));
        break;
      default:
        this.lastId = pick;
        this.#wrote(saveId(pick));
    }
  }

  #wrote(record: Buffer): void {
    this.records.push(record);
    const open = [...this.open].sort(([a], [b]) => a - b).map(([, text]) => text);
    this.states.push([...open, ...this.queue.map(({ text }) => text)]);
  }
}

const steps = fc.array(fc.tuple(fc.nat(10), fc.nat(20), fc.string({ maxLength: 6, unit: "binary-ascii" })), {
  minLength: 1,
  maxLength: 60,
});

function modelOf(steps: readonly (readonly [number, number, string])[]): Model {
  const model = new Model();
  for (const [choice, pick, text] of steps) model.step(choice, pick, text);
  return model;
}

async function textsOf(paths: readonly string[]): Promise<string[]> {
  return (await itemsOf(paths)).map(({ data }) => data.toString("latin1"));
}

test("any history leaves what the model says, over any number of files", async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.array(fc.nat(60), { maxLength: 3 }), async (steps, splits) => {
      const { records, states } = modelOf(steps);
      const bounds = [0, ...splits.filter((at) => at < records.length).sort((a, b) => a - b), records.length];
      const paths = await Promise.all(
        bounds.slice(1).map((bound, i) => file(...records.slice(bounds[i], bound))),
      );
      expect(await textsOf(paths)).toEqual(states.at(-1));
      expect((await replayJournal(paths)).faults).toEqual([]);
    }),
  );
});

test("cut at any byte, a journal means what it meant up to there", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      const { records, states } = modelOf(steps);
      const whole = Buffer.concat(records);
      const path = await file(whole);
      const ends = new Map([[0, 0]]);
      let end = 0;
      for (const [i, record] of records.entries()) ends.set((end += record.length), i + 1);
      let complete = records.length;
      for (let size = whole.length; size >= 0; size--) {
        await truncate(path, size);
        const isWhole = ends.has(size);
        complete = ends.get(size) ?? Math.min(complete, [...ends].findLast(([end]) => end < size)![1]);
        expect(await textsOf([path])).toEqual(states[complete]);
        const faults = (await replayJournal([path])).faults.map(({ kind }) => kind);
        expect(faults).toEqual(isWhole ? [] : ["cut"]);
      }
    }),
    { numRuns: 5 },
  );
});

test("a packed file means the same, also for the files that follow it", async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(60), async (steps, at) => {
      const { records, states } = modelOf(steps);
      const older = [await file(...records.slice(0, at / 2)), await file(...records.slice(at / 2, at))];
      const newer = await file(...records.slice(at));
      const packed = join(folder, "packed");
      await packJournals(older, packed, { replace: true, nowMs: 0 });
      expect(await textsOf([packed])).toEqual(await textsOf(older));
      expect(await textsOf([packed, newer])).toEqual(states.at(-1));
    }),
  );
});

test("what is exported is imported again: data, add time and expiry", async () => {
  const item = fc.record({
    data: fc.uint8Array({ maxLength: 300 }).map((data) => Buffer.from(data)),
    addTimeMs: fc.maxSafeNat(),
    expiryMs: fc.maxSafeNat(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(item), async (items) => {
      const path = join(folder, "exported");
      const { length, size } = await writeJournal(path, items, { replace: true });
      expect(length).toBe(items.length);
      expect((await readFile(path)).length).toBe(size);
      expect(await itemsOf([path])).toEqual(items);
    }),
  );
});

describe("writing", () => {
  const item = (text: string): Kestrel2Item => ({ data: Buffer.from(text), addTimeMs: 1, expiryMs: 0 });

  test("an export is made of ADDX and nothing else", async () => {
    const path = join(folder, "plain");
    await writeJournal(path, [item("a"), item("b".repeat(300_000)), item("")]);
    const expected = Buffer.concat([addx("a"), addx("b".repeat(300_000)), addx("")]);
    expect((await readFile(path)).equals(expected)).toBe(true);
  });

  test("a file that is there is left alone unless told otherwise", async () => {
    const path = await file(addx("old"));
    await expect(writeJournal(path, [item("new")])).rejects.toThrow("is there already");
    expect(await textsOf([path])).toEqual(["old"]);
    await writeJournal(path, [item("new")], { replace: true });
    expect(await textsOf([path])).toEqual(["new"]);
  });

  test("a journal may be packed into itself", async () => {
    const path = await file(addx("a"), addx("b"), remove);
    await packJournals([path], path, { replace: true });
    expect(await readFile(path)).toEqual(addx("b"));
  });

  test("when the items give out in the middle, nothing is left behind", async () => {
    async function* failing(): AsyncGenerator<Kestrel2Item> {
      yield item("a");
      throw new Error("no more");
    }
    const before = await readdir(folder);
    await expect(writeJournal(join(folder, "failed"), failing())).rejects.toThrow("no more");
    expect(await readdir(folder)).toEqual(before);
  });
});
