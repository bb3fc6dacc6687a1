import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeJournal } from "@kestrel-mq/server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { kq } from "../kq.ts";
import { FakeSurroundings } from "../testing/fake-surroundings.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kq-test-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function run(...line: string[]) {
  const surroundings = new FakeSurroundings();
  const code = await kq(line, surroundings);
  return { code, out: surroundings.out, err: surroundings.err };
}

/** A journal as a Kestrel 2.x leaves it. */
async function journal(name: string, ...items: string[]): Promise<string> {
  const path = join(folder, "old", name);
  await writeJournal(
    path,
    (async function* () {
      for (const item of items) yield { data: Buffer.from(item), addTimeMs: 1000, expiryMs: 0 };
    })(),
  );
  return path;
}

describe("kq journal", () => {
  beforeEach(async () => {
    const { mkdir } = await import("node:fs/promises");
    await mkdir(join(folder, "old"));
  });

  it("imports a folder of Kestrel 2.x, and writes it back the same", async () => {
    await journal("work", "one", "two");
    await journal("mail", "three");
    const [old, spool, back] = ["old", "spool", "back"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    expect(await run("journal", "import", old, spool)).toEqual({
      code: 0,
      out: "mail\t1\t5\t0\nwork\t2\t6\t0\n",
      err: "",
    });
    expect((await run("journal", "import", old, spool)).err).toContain(
      "has queues of that name already: mail, work",
    );
    const exported = await run("journal", "export", spool, back, "work");
    expect([exported.code, exported.out]).toEqual([
      0,
      expect.stringMatching(/^work\t2\t\d+\t.*\/back\/work\n$/),
    ]);
    expect((await run("journal", "dump", "-Q", join(back, "work"))).out).toBe("one\ntwo\n");
  });

  it("tells a journal record by record, in short, with data, or its items alone", async () => {
    const path = await journal("work", "one", "two");
    const whole = await run("journal", "dump", path);
    expect([whole.code, whole.out.split("\n")]).toEqual([
      0,
      [expect.stringMatching(/^00000000 {2}ADD 3/), expect.stringContaining("ADD 3"), ""],
    ]);
    expect((await run("journal", "dump", "-d", path)).out).toContain('    "one"\n');
    expect((await run("journal", "dump", "-q", path)).out).toMatch(
      /^journal size\t\d+\nrecords\t2\nitems left\t2\nfaults\t0\n$/,
    );
    expect((await run("journal", "dump", "-A", path)).out).toBe("one\ntwo\n");
    expect((await run("journal", "dump", "-q", "-d", path)).code).toBe(2);
  });

  it("finds what is wrong with a journal", async () => {
    const path = await journal("work", "one", "two");
    expect(await run("journal", "verify", join(folder, "old"))).toEqual({
      code: 0,
      out: "work\t2\t2\t0\n",
      err: "",
    });
    await truncate(path, (await readFile(path)).length - 1);
    const cut = await run("journal", "verify", path);
    expect([cut.code, cut.out]).toEqual([1, `${path}\t1\t1\t1\n`]);
    expect(cut.err).toMatch(/^kq journal verify: .*work at \d+: cut, /);
  });

  it("packs files into one", async () => {
    const files = [await journal("work.1", "one"), await journal("work", "two")];
    const packed = join(folder, "packed");
    expect((await run("journal", "pack", "-f", packed, ...files)).code).toBe(0);
    expect((await run("journal", "dump", "-Q", packed)).out).toBe("one\ntwo\n");
  });

  it("says what it can do", async () => {
    expect((await run("journal")).code).toBe(2);
    expect((await run("journal", "inport")).err).toContain("import");
    expect((await run("journal", "--help")).out).toContain("kq journal verify <paths..>");
    expect((await run("journal", "verify", "/nowhere/at/all")).err).toContain("ENOENT");
  });
});

describe("kq config", () => {
  it("prints an example that is right", async () => {
    const { code, out } = await run("config", "example");
    const path = join(folder, "kestrel.json");
    await writeFile(path, out);
    expect(code).toBe(0);
    expect(await run("config", "check", path)).toEqual({ code: 0, out: "", err: "" });
    const shown = JSON.parse((await run("config", "show", path)).out);
    expect(shown.server.maxOpenTransactions).toBe(100);
    expect(shown.queues["orders+audit"]).toMatchObject({ syncJournal: 0, maxAgeMs: 7 * 86_400_000 });
  });

  it("doesn't show the password for ZooKeeper", async () => {
    const path = join(folder, "zookeeper.json");
    const credentials = { username: "kestrel", password: "secret" };
    await writeFile(path, JSON.stringify({ zookeeper: { host: "zoo", pathPrefix: "/k", credentials } }));
    const { out } = await run("config", "show", path);
    expect(out).not.toContain("secret");
    expect(JSON.parse(out).server.zookeeper).toMatchObject({
      servers: [{ host: "zoo", port: 2181 }],
      credentials: { username: "kestrel" },
    });
  });

  it("tells everything that is wrong with a file", async () => {
    const path = join(folder, "bad.json");
    await writeFile(path, '{"queuePath": 7, "default": {"maxItems": "many"}}');
    const { code, err } = await run("config", "check", path);
    expect(code).toBe(1);
    expect(err.trimEnd().split("\n")).toEqual([
      expect.stringContaining("queuePath"),
      expect.stringContaining("maxItems"),
    ]);
  });
});
