import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { NodeDisk } from "../disk.ts";
import type { ServerStatus } from "../settings/server-settings.ts";
import { CollectedLog } from "../testing/collected-log.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { FakeDisk, systemError } from "../testing/fake-disk.ts";
import { NodeStatus, parseStatus, renderStatus } from "./node-status.ts";
import { StatusFile } from "./status-file.ts";

const file = "spool/.kestrel-status";

class Bench {
  readonly clock: FakeClock = new FakeClock();
  readonly log: CollectedLog = new CollectedLog();
  readonly disk: FakeDisk;
  readonly status: NodeStatus;
  readonly heard: string[] = [];

  constructor(gracePeriodMs = 0, disk: FakeDisk = new FakeDisk(), defaultStatus: ServerStatus = "up") {
    this.disk = disk;
    this.status = new NodeStatus({
      file: new StatusFile(file, disk),
      defaultStatus,
      gracePeriodMs,
      clock: this.clock,
      logger: this.log,
    });
    this.status.onChange(({ announced, enforced }) => this.heard.push(`${announced} ${enforced}`));
  }

  get shown(): [ServerStatus, ServerStatus] {
    return [this.status.announced, this.status.enforced];
  }
}

test.each([
  ["up", true, true],
  ["write-avoid", true, true],
  ["read-only", true, false],
  ["quiescent", false, false],
] as const)("%s: reads %s, writes %s", (name, takesReads, takesWrites) => {
  const { status } = new Bench();
  status.announce(name);
  expect(status).toMatchObject({ announced: name, enforced: name, takesReads, takesWrites });
});

test("is kept over a restart, and the default is for nodes without a file", () => {
  expect(new Bench(0, new FakeDisk(), "read-only").shown).toEqual(["read-only", "read-only"]);
  const { status, disk } = new Bench();
  status.announce("quiescent");
  expect(new Bench(0, disk, "read-only").status.enforced).toBe("quiescent");
  status.announce("up");
  expect(new Bench(0, disk, "read-only").status.enforced).toBe("up");
});

test("a file that tells nothing is logged, and the default holds", () => {
  const disk = new FakeDisk();
  disk.setBytes(file, Buffer.from("asleep\n"));
  const broken = new Bench(0, disk, "read-only");
  expect(broken.status.enforced).toBe("read-only");
  expect(broken.log.having("no status in the status file")).toMatchObject([{ fields: { text: "asleep" } }]);
  disk.fault = () => {
    throw systemError("EIO", file);
  };
  const unread = new Bench(0, disk, "read-only");
  expect(unread.status.enforced).toBe("read-only");
  expect(unread.log.having("cannot read the status file")).toHaveLength(1);
});

test("a status that can't be kept is not taken on", () => {
  const { status, disk, heard } = new Bench();
  disk.fault = () => {
    throw systemError("ENOSPC", file);
  };
  expect(() => status.announce("read-only")).toThrow("cannot be kept");
  expect(status).toMatchObject({ announced: "up", enforced: "up", takesWrites: true });
  expect(heard).toEqual([]);
});

test("a stricter status holds after the grace period, a looser one at once", () => {
  const bench = new Bench(1000);
  bench.status.announce("read-only");
  expect(bench.shown).toEqual(["read-only", "up"]);
  bench.clock.advance(999);
  expect(bench.status.takesWrites).toBe(true);
  bench.clock.advance(1);
  expect(bench.shown).toEqual(["read-only", "read-only"]);
  bench.status.announce("up");
  expect(bench.shown).toEqual(["up", "up"]);
  bench.clock.advance(5000);
  expect(bench.shown).toEqual(["up", "up"]);
  expect(bench.heard).toEqual(["read-only up", "read-only read-only", "up up"]);
});

test("a client that asked for the status within the grace period is never surprised", () => {
  const bench = new Bench(1000);
  bench.status.announce("quiescent");
  bench.clock.advance(500);
  bench.status.announce("read-only");
  expect(bench.shown).toEqual(["read-only", "up"]);
  bench.clock.advance(500);
  expect(bench.shown).toEqual(["read-only", "read-only"]);
  bench.status.announce("up");
  bench.clock.advance(10);
  bench.status.announce("quiescent");
  bench.clock.advance(999);
  expect(bench.shown).toEqual(["quiescent", "up"]);
  bench.clock.advance(1);
  expect(bench.shown).toEqual(["quiescent", "quiescent"]);
});

test("the same status again changes nothing, and doesn't begin the grace period anew", () => {
  const bench = new Bench(1000);
  bench.status.announce("read-only");
  bench.clock.advance(900);
  bench.status.announce("read-only");
  bench.clock.advance(100);
  expect(bench.status.enforced).toBe("read-only");
  expect(bench.heard).toHaveLength(2);
});

test("who has had enough hears nothing more; nobody does after a stop", () => {
  const bench = new Bench(1000);
  const heard: ServerStatus[] = [];
  const forget = bench.status.onChange(({ announced }) => heard.push(announced));
  bench.status.announce("read-only");
  forget();
  bench.status.announce("up");
  expect(heard).toEqual(["read-only"]);
  bench.status.announce("quiescent");
  bench.status.stop();
  bench.clock.advance(5000);
  expect(bench.heard).toHaveLength(3);
});

test("a stricter status waits for those who send clients here, and then for the grace period", async () => {
  for (const gracePeriodMs of [0, 1000]) {
    const bench = new Bench(gracePeriodMs);
    const asked: ServerStatus[] = [];
    let leave = (): void => {};
    bench.status.leaveFirst(({ announced }) => {
      asked.push(announced);
      return new Promise((resolve) => {
        leave = resolve;
      });
    });
    bench.status.announce("read-only");
    bench.clock.advance(10_000);
    expect(bench.shown).toEqual(["read-only", "up"]);
    leave();
    await Promise.resolve();
    if (gracePeriodMs > 0) {
      bench.clock.advance(gracePeriodMs - 1);
      expect(bench.shown).toEqual(["read-only", "up"]);
      bench.clock.advance(1);
    }
    expect(bench.shown).toEqual(["read-only", "read-only"]);
    // A looser one doesn't ask.
    bench.status.announce("up");
    expect(bench.status.takesWrites).toBe(true);
    expect(asked).toEqual(["read-only"]);
  }
});

test("a stricter status holds at once when nobody sends clients here", () => {
  const { status } = new Bench();
  status.leaveFirst(() => undefined);
  status.announce("quiescent");
  expect(status).toMatchObject({ enforced: "quiescent", takesReads: false });
});

test("a stop in between leaves the status as it is", async () => {
  const bench = new Bench();
  let leave = (): void => {};
  bench.status.leaveFirst(
    () =>
      new Promise((resolve) => {
        leave = resolve;
      }),
  );
  bench.status.announce("quiescent");
  bench.status.stop();
  leave();
  await Promise.resolve();
  expect(bench.shown).toEqual(["quiescent", "up"]);
});

test("words for it, as settings and as Kestrel write them", () => {
  expect(["Up", "WRITEAVOID", "ReadOnly", "read-only", "quiescent"].map(parseStatus)).toEqual([
    "up",
    "write-avoid",
    "read-only",
    "read-only",
    "quiescent",
  ]);
  expect(["", "down", "ready"].map(parseStatus)).toEqual([undefined, undefined, undefined]);
  expect((["up", "write-avoid", "read-only", "quiescent"] as const).map(renderStatus)).toEqual([
    "UP",
    "WRITEAVOID",
    "READONLY",
    "QUIESCENT",
  ]);
});

test("on a real disk: folders are made, the file is replaced, nothing else is left", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "kestrel-status-"));
  try {
    const real = new StatusFile(path.join(folder, "a/b/status"), new NodeDisk());
    expect(real.load()).toBeUndefined();
    real.keep("read-only");
    real.keep("quiescent");
    expect(real.load()).toBe("quiescent");
    expect(await readdir(path.join(folder, "a/b"))).toEqual(["status"]);
    expect(await readFile(real.path, "utf8")).toBe("quiescent\n");
    await writeFile(path.join(folder, "file"), "");
    expect(() => new StatusFile(path.join(folder, "file/status"), new NodeDisk()).keep("up")).toThrow();
  } finally {
    await rm(folder, { recursive: true });
  }
});
