/** A node with a settings file, as an operator sees it: flags, reload, SIGHUP, status, --check-config. */
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { KestrelNode } from "./harness/kestrel-node.ts";
import { kestrelProgram } from "./harness/kestrel-program.ts";
import { TempFolder } from "./harness/temp-folder.ts";

const config = {
  queues: [
    { name: "small", maxItems: 1 },
    { name: "ring", maxItems: 2, discardOldWhenFull: true },
    { name: "later", maxAge: "200ms", expireToQueue: "now" },
    { name: "lent", openTransactionTimeout: "300ms" },
    { name: "orders", fanoutOnly: true },
    { name: "orders+audit" },
    { name: "passing", keepJournal: false },
  ],
  aliases: [{ name: "both", destinationQueues: ["left", "right"] }],
  default: { maxItemSize: "1KB" },
  maxOpenTransactions: 2,
  expirationTimerFrequency: "50ms",
  maxItemSize: "2KB",
  connectionLimitRefuseWrites: 100,
};

async function fileWith(folder: TempFolder, contents: unknown, name = "kestrel.json"): Promise<string> {
  const file = join(folder.path, name);
  await writeFile(file, typeof contents === "string" ? contents : JSON.stringify(contents));
  return file;
}

test("the rules of a JSON file hold", async () => {
  await using folder = await TempFolder.create();
  await using node = await KestrelNode.start({ flags: ["--config", await fileWith(folder, config)] });
  await using client = await node.client();

  expect(await client.put("small", "a")).toBe("STORED");
  expect(await client.put("small", "b")).toBe("NOT_STORED");
  expect(await client.put("big", Buffer.alloc(1025))).toBe("NOT_STORED");
  expect(await client.put("big", Buffer.alloc(2049))).toBe("SERVER_ERROR object too large for cache");
  for (const item of ["1", "2", "3"]) expect(await client.put("ring", item)).toBe("STORED");
  expect((await client.get("ring"))?.data.toString()).toBe("2");

  expect(await client.put("later", "woken")).toBe("STORED");
  expect((await client.get("now/t=20000"))?.data.toString()).toBe("woken");

  expect(await client.put("lent", "x")).toBe("STORED");
  expect((await client.get("lent/open"))?.data.toString()).toBe("x");
  await using other = await node.client();
  expect((await other.get("lent/t=20000"))?.data.toString()).toBe("x");

  expect(await client.put("orders", "all")).toBe("STORED");
  expect(await client.get("orders")).toBeNull();
  expect((await client.get("orders+audit"))?.data.toString()).toBe("all");

  expect(await client.put("both", "two")).toBe("STORED");
  expect(await client.get("both")).toBeNull();
  expect((await client.get("left"))?.data.toString()).toBe("two");
  expect((await client.get("right"))?.data.toString()).toBe("two");
  const stats = await client.stats();
  expect(stats.get("queue_both_put_items")).toBe("1");
  expect(stats.get("queue_both_children")).toBe("left,right");

  for (const item of ["a", "b", "c"]) expect(await client.put("many", item)).toBe("STORED");
  await client.get("many/open");
  await client.get("many/open");
  expect(await client.line("get many/open")).toBe("ERROR");
});

test("what is not to be kept is gone after a restart, the rest is there", async () => {
  await using folder = await TempFolder.create();
  await using node = await KestrelNode.start({ flags: ["--config", await fileWith(folder, config)] });
  {
    await using client = await node.client();
    expect(await client.put("passing", "a")).toBe("STORED");
    expect(await client.put("small", "a")).toBe("STORED");
  }
  await node.kill();
  await node.start();
  await using client = await node.client();
  expect(await client.get("passing")).toBeNull();
  expect((await client.get("small"))?.data.toString()).toBe("a");
});

test("reload, by command and by SIGHUP; a broken file changes nothing", async () => {
  await using folder = await TempFolder.create();
  const file = await fileWith(folder, config);
  await using node = await KestrelNode.start({ flags: ["--config", file] });
  await using client = await node.client();
  const maxItemsOfSmall = async (): Promise<string | undefined> => {
    const lines = await client.lines("dump_config");
    return lines.slice(lines.indexOf("queue 'small' {")).find((line) => line.includes("maxItems="));
  };
  expect(await maxItemsOfSmall()).toBe("  maxItems=1");

  await fileWith(folder, { ...config, maxOpenTransactions: 9, queues: [{ name: "small", maxItems: 2 }] });
  expect(await client.line("reload")).toBe("Reloaded config.");
  expect(await maxItemsOfSmall()).toBe("  maxItems=2");
  await expect
    .poll(() => node.log.find((line) => Array.isArray(line.settings)))
    .toMatchObject({
      settings: ["maxOpenTransactions"],
      msg: expect.stringContaining("restart"),
    });

  await fileWith(folder, '{ "queues": [');
  expect(await client.line("reload")).toMatch(/^SERVER_ERROR .*kestrel\.json: is no JSON/);
  expect(await maxItemsOfSmall()).toBe("  maxItems=2");

  await fileWith(folder, { queues: [{ name: "small", maxItems: 3 }] });
  process.kill(node.pid, "SIGHUP");
  await expect.poll(maxItemsOfSmall, { timeout: 20_000 }).toBe("  maxItems=3");

  await fileWith(folder, { queues: [{ name: "small", maxItems: "no" }] });
  process.kill(node.pid, "SIGHUP");
  const refusals = (): number => node.log.filter((line) => line.msg?.startsWith("cannot reload")).length;
  await expect.poll(refusals, { timeout: 20_000 }).toBe(2);
  expect(await maxItemsOfSmall()).toBe("  maxItems=3");
});

test("the status is kept over a restart and a kill", async () => {
  await using folder = await TempFolder.create();
  const statusFile = join(folder.path, "state/status");
  const file = await fileWith(folder, { statusFile, defaultStatus: "write-avoid" });
  await using node = await KestrelNode.start({ flags: ["--config", file] });
  {
    await using client = await node.client();
    expect(await client.line("status")).toBe("WRITEAVOID");
    expect(await client.line("status ReadOnly")).toBe("END");
    expect(await client.put("q", "a")).toBe("SERVER_ERROR");
  }
  await node.kill();
  await node.start();
  {
    await using client = await node.client();
    expect(await client.line("status")).toBe("READONLY");
    expect(await client.line("status UP")).toBe("END");
    expect(await client.put("q", "a")).toBe("STORED");
  }
  await node.stop();
  expect(await readFile(statusFile, "utf8")).toBe("up\n");
});

interface Run {
  code: number | null;
  stdout: string[];
  stderr: string[];
}

/** Runs the program to its end. */
function run(...args: string[]): Promise<Run> {
  const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [kestrelProgram, ...args], (_, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout: linesOf(stdout), stderr: linesOf(stderr) });
    });
  });
}

describe("--check-config", () => {
  test("a good file: ok, and what it comes to", async () => {
    await using folder = await TempFolder.create();
    const { code, stdout, stderr } = await run("--check-config", await fileWith(folder, config));
    expect({ code, stderr }).toEqual({ code: 0, stderr: [] });
    expect(stdout[0]).toBe("ok");
    expect(stdout).toContain("listens on 127.0.0.1: memcache 22133, text 2222, thrift 2229, admin 2223");
    expect(stdout).toContain("7 queues: small, ring, later, lent, orders, orders+audit, passing");
    expect(stdout).toContain("alias both: left, right");
  });

  test("an ES module, too", async () => {
    await using folder = await TempFolder.create();
    const file = await fileWith(folder, "export default { default: { maxItems: 40 + 2 } };", "kestrel.mjs");
    expect(await run("--check-config", file)).toMatchObject({ code: 0, stderr: [] });
  });

  test("journals of Kestrel 2.x where the node's own will be: what they are, and what to do", async () => {
    await using folder = await TempFolder.create();
    const queuePath = join(folder.path, "spool");
    await mkdir(queuePath);
    await writeFile(join(queuePath, "work"), Buffer.from([2, 19, 0, 0, 0]));
    const { code, stderr } = await run("--check-config", await fileWith(folder, { queuePath }));
    expect(code).toBe(0);
    expect(stderr).toEqual([expect.stringMatching(/Kestrel 2\.x \(work\).*kq journal import/)]);
  });

  test("a bad one: every problem on a line of its own; a node doesn't start with it either", async () => {
    await using folder = await TempFolder.create();
    const bad = { queues: [{ name: "a", maxItems: "many" }], colour: 1, aliases: [{ name: "b" }] };
    const file = await fileWith(folder, bad);
    const problems = [
      `${file}: queues[0].maxItems: expected a whole number of items, got "many"`,
      `${file}: aliases[0].destinationQueues: missing`,
      `${file}: colour: no such setting`,
    ];
    for (const flag of ["--check-config", "--config"]) {
      const { code, stdout, stderr } = await run(flag, file);
      expect(stderr.toSorted()).toEqual(problems.toSorted());
      expect({ code, stdout }).toEqual({ code: 2, stdout: [] });
    }
  });

  test("no file", async () => {
    const { code, stderr } = await run("--check-config", "nowhere.json");
    expect(code).toBe(2);
    expect(stderr).toEqual([expect.stringContaining("ENOENT")]);
  });
});

test("SIGHUP while a node starts doesn't end it: it reloads once it is ready", async () => {
  await using folder = await TempFolder.create();
  const file = join(folder.path, "kestrel.json");
  // Whoever opens this for reading waits for us, and we for them.
  await promisify(execFile)("mkfifo", [file]);
  await using node = await KestrelNode.prepare({ flags: ["--config", file] });
  const started = node.start();
  const ended = started.then(
    () => node.ended(),
    () => {},
  );
  try {
    await tell({}, () => process.kill(node.pid, "SIGHUP"));
    await started;
    await tell({ queues: [{ name: "small", maxItems: 1 }] });
    await using client = await node.client();
    await expect.poll(() => client.put("small", "a"), { timeout: 20_000 }).toBe("NOT_STORED");
  } finally {
    // Lets go of an `open` that waits for a node that is gone.
    const reader = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    await reader.close();
  }

  /** Waits until the node reads the file, and gives it this. */
  async function tell(contents: unknown, meanwhile: () => void = () => {}): Promise<void> {
    const isGone = ended.then(() => {
      throw new Error(`the node has ended\n${node.logText()}`);
    });
    const pipe = await Promise.race([open(file, "w"), isGone]);
    meanwhile();
    await pipe.writeFile(JSON.stringify(contents));
    await pipe.close();
  }
});

test("ports and the folder come from the file, and flags are stronger", async () => {
  await using folder = await TempFolder.create();
  const file = await fileWith(folder, {
    queuePath: join(folder.path, "unused"),
    memcacheListenPort: "off",
    textListenPort: 0,
    logLevel: "silent",
  });
  // The harness gives flags for all of these.
  await using node = await KestrelNode.start({ flags: ["--config", file, "--text-port", "0"] });
  await using client = await node.client();
  expect(await client.put("q", "a")).toBe("STORED");
  await node.stop();
  expect(node.log.map(({ msg }) => msg)).toContain("stopped");
  await expect(readFile(join(folder.path, "unused"))).rejects.toThrow("ENOENT");
});
