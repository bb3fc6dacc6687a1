import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  importKestrel2,
  KestrelServer,
  type LogEntry,
  type LogReport,
  writeJournal,
} from "@kestrel-mq/server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { kq } from "../kq.ts";
import { FakeSurroundings } from "../testing/fake-surroundings.ts";

const silentLogger = { debug() {}, info() {}, warn() {}, error() {} };

let folder: string;
let spool: string;

/** A spool folder with the queues work (one, two, a byte that is no text) and mail (three). */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kq-test-"));
  spool = join(folder, "spool");
  const from = join(folder, "old");
  await mkdir(from);
  const items = { work: ["one", "two", Buffer.from([0xff])], mail: ["three"] };
  for (const [name, data] of Object.entries(items))
    await writeJournal(
      join(from, name),
      data.map((one) => ({ data: Buffer.from(one), addTimeMs: 1000, expiryMs: 0 })),
    );
  await importKestrel2({ from, to: spool, logger: silentLogger });
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function run(...line: string[]) {
  const surroundings = new FakeSurroundings();
  const code = await kq(line, surroundings);
  return { code, out: surroundings.out, err: surroundings.err };
}

async function spoil(change: (bytes: Buffer) => Buffer): Promise<string> {
  const [name] = (await readdir(join(spool, "work"))).filter((file) => file.endsWith(".log"));
  const path = join(spool, "work", name!);
  await writeFile(path, change(await readFile(path)));
  return path;
}

describe("kq journal dump", () => {
  it("tells a spool folder, a queue or a file, record by record", async () => {
    const whole = await run("journal", "dump", spool);
    expect([whole.code, whole.err]).toEqual([0, ""]);
    const lines = whole.out.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^mail\/0{15}1-0{7}1\.log {2}segment 1, from item 1, \d+ bytes, open$/);
    expect(lines).toContainEqual(
      expect.stringMatching(/^[0-9a-f]{8} {4}put 2, 3 bytes, added 1970-01-01T00:00:01\.000Z/),
    );
    const queue = await run("journal", "dump", join(spool, "work"));
    expect(whole.out).toContain(queue.out);
    const [file] = (await readdir(join(spool, "work"))).filter((name) => name.endsWith(".log"));
    expect(await run("journal", "dump", join(spool, "work", file!))).toEqual(queue);
  });

  it("has the data too, when they are asked for", async () => {
    const { out } = await run("journal", "dump", "--data", join(spool, "work"));
    expect(out).toContain(': "one"\n');
    expect(out).toContain(": base64 /w==\n");
  });

  it("is JSON for programs, an object a line", async () => {
    const { out } = await run("journal", "dump", "--json", "-d", join(spool, "work"));
    const entries = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as LogEntry);
    const puts = entries.flatMap((entry) => (entry.kind === "record" ? [entry.record] : []));
    expect(puts.filter(({ type }) => type === "put")).toMatchObject([
      { id: 1, data: "one" },
      { id: 2, data: "two" },
      { id: 3, base64: "/w==" },
    ]);
  });

  it("tells damage in its place, and fails", async () => {
    await spoil((bytes) => Buffer.concat([bytes, Buffer.from("half")]));
    const { code, out } = await run("journal", "dump", join(spool, "work"));
    expect([code, out.trimEnd().split("\n").at(-1)]).toEqual([
      1,
      expect.stringContaining("TORN: the last 4 bytes"),
    ]);
  });

  it("knows what is for old journals only", async () => {
    expect((await run("journal", "dump", "-Q", spool)).err).toContain("are for journals of Kestrel 2.x");
    expect((await run("journal", "dump", spool, join(folder, "old", "work"))).code).toBe(2);
    expect((await run("journal", "dump", "--json", join(folder, "old", "work"))).code).toBe(2);
    expect((await run("journal", "dump", join(folder, "old"))).err).toContain("name the files of one old");
  });
});

describe("kq journal verify", () => {
  it("tells what a start would keep, queue by queue", async () => {
    expect(await run("journal", "verify", spool)).toEqual({
      code: 0,
      out: "mail\t1\t5\t0\t0\nwork\t3\t7\t0\t0\n",
      err: "",
    });
    expect((await run("journal", "verify", join(spool, "work"))).out).toBe("work\t3\t7\t0\t0\n");
  });

  it("tells what would be lost, where, and fails; and changes nothing", async () => {
    const path = await spoil((bytes) => {
      const at = bytes.indexOf("two");
      bytes[at]! ^= 1;
      return Buffer.concat([bytes, Buffer.from("half")]);
    });
    const before = await readFile(path);
    const { code, out, err } = await run("journal", "verify", spool);
    expect(code).toBe(1);
    expect(out).toMatch(/^mail\t1\t5\t0\t0\nwork\t0\t0\t0\t1\n$/);
    expect(err).toMatch(
      new RegExp(
        `^kq journal verify: ${path} at \\d+: torn, its last \\d+ bytes do not check; items from 1 on may have been there\n$`,
      ),
    );
    expect(await readFile(path)).toEqual(before);
    expect(await readdir(join(spool, "work"))).toHaveLength(1);
    const reports = JSON.parse((await run("journal", "verify", "--json", spool)).out) as LogReport[];
    expect(reports[1]).toMatchObject({
      isSound: false,
      faultLength: 1,
      readers: [{ name: "work", items: 0 }],
    });
  });

  it("says with 3 that there is no queue", async () => {
    await rm(join(spool, "work"), { recursive: true });
    await rm(join(spool, "mail"), { recursive: true });
    expect(await run("journal", "verify", spool)).toEqual({ code: 3, out: "", err: "" });
    expect((await run("journal", "dump", spool)).code).toBe(3);
  });

  it("refuses a folder that a process is using, unless it is to look all the same", async () => {
    await using _server = await KestrelServer.start({ queuePath: spool, memcachePort: null, adminPort: 0 });
    for (const action of ["dump", "verify"]) {
      const refused = await run("journal", action, join(spool, "work"));
      expect([refused.code, refused.out]).toEqual([1, ""]);
      expect(refused.err).toContain(`a node is using ${spool} (process ${process.pid})`);
      const live = await run("journal", action, "--live", join(spool, "work"));
      expect([live.code, live.err]).toEqual([0, expect.stringContaining("may look torn")]);
    }
  });
});

describe("kq journal export", () => {
  it("says what damage has taken, and fails", async () => {
    await spoil((bytes) => {
      const at = bytes.indexOf("two");
      bytes[at]! ^= 1;
      return bytes;
    });
    const { code, out, err } = await run("journal", "export", spool, join(folder, "back"));
    expect([code, out.split("\n").length]).toEqual([1, 3]);
    expect(err).toMatch(/^kq journal export: the journal's tail is torn; cut: \{"file":/);
  });

  it("ends in good order when it is interrupted, as the import does", async () => {
    const surroundings = new FakeSurroundings();
    surroundings.interruption.abort();
    expect(await kq(["journal", "export", spool, join(folder, "back")], surroundings)).toBe(1);
    expect([surroundings.out, surroundings.err]).toEqual(["", "kq journal export: interrupted\n"]);
    expect(await readdir(join(folder, "back"))).toEqual([]);
    expect((await run("journal", "export", spool, join(folder, "back"))).code).toBe(0);
    const line = ["journal", "import", join(folder, "back"), join(folder, "new")];
    expect(await kq(line, surroundings)).toBe(1);
    expect(await readdir(join(folder, "new"))).toEqual([]);
    expect((await run(...line)).code).toBe(0);
  });
});
