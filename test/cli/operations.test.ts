/** The operator's commands of the real program, on three real nodes. */
import { appendFile, readFile, stat, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { TempFolder } from "../harness/temp-folder.ts";
import { type KqResult, runKq, startKq } from "./kq-process.ts";

const lines = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => String(first + index));
const text = (items: readonly string[]) => items.map((item) => `${item}\n`).join("");
const ascending = (items: readonly string[]) => [...items].sort((a, b) => Number(a) - Number(b));

let nodes: KestrelNode[];
let servers: string[];
let folder: TempFolder;
let queueCount = 0;

beforeAll(async () => {
  folder = await TempFolder.create();
  nodes = await Promise.all([1, 2, 3].map(() => KestrelNode.start({ isRestarted: true })));
  servers = nodes.map(({ address }) => address);
});
afterAll(async () => {
  await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
  await folder[Symbol.asyncDispose]();
});

const fresh = () => `q${++queueCount}`;
const kq = (...args: string[]): Promise<KqResult> => runKq(args, { servers });
const fill = async (queue: string, items: readonly string[]) => {
  expect((await runKq(["put", queue], { servers, input: text(items) })).code).toBe(0);
};
const drain = async (queue: string): Promise<string[]> => {
  const { out } = await kq("get", queue, "--all");
  return out === "" ? [] : out.trimEnd().split("\n");
};

describe("kq move", () => {
  it("moves all, each item on its node and in order", async () => {
    const [from, to] = [fresh(), fresh()];
    await fill(from, lines(1, 300));
    expect(await kq("move", from, to, "--json")).toEqual({ code: 0, out: '{"moved":300}\n', err: "" });
    const share = (await runKq(["get", to, "--all"], { servers: [servers[0]!] })).out.trimEnd().split("\n");
    expect(share).toHaveLength(100);
    expect(share).toEqual(ascending(share));
    expect(ascending([...share, ...(await drain(to))])).toEqual(lines(1, 300));
    expect(await kq("move", from, to)).toEqual({ code: 3, out: "", err: "" });
  });

  it("moves no more than it is told", async () => {
    const [from, to] = [fresh(), fresh()];
    await fill(from, lines(1, 9));
    expect((await kq("move", from, to, "--count", "4")).code).toBe(0);
    expect([(await drain(to)).length, (await drain(from)).length]).toEqual([4, 5]);
  });

  it("loses nothing when it is killed", async () => {
    const [from, to] = [fresh(), fresh()];
    await fill(from, lines(1, 6000));
    await using move = startKq(["move", from, to], { servers });
    while ((await kq("peek", to)).code !== 0);
    move.child.kill("SIGKILL");
    await move.ended;
    const there = [...(await drain(from)), ...(await drain(to))];
    expect(ascending([...new Set(there)])).toEqual(lines(1, 6000));
    // At most one item of each node was under way.
    expect(there.length - 6000).toBeLessThanOrEqual(3);
  });
});

describe("kq dump and kq load", () => {
  it("take a queue into a file and put it back", async () => {
    const [queue, file] = [fresh(), `${folder.path}/whole.jsonl`];
    await fill(queue, lines(1, 500));
    await runKq(["put", queue, "--whole"], { servers, input: Buffer.from([0, 255, 10]) });
    expect(await kq("dump", queue, file)).toEqual({ code: 0, out: "", err: "" });
    expect((await readFile(file, "utf8")).split("\n")).toHaveLength(502);
    expect((await kq("get", queue)).code).toBe(3);
    expect(await kq("load", queue, file, "--json")).toMatchObject({ code: 0 });
    expect((await kq("get", queue, "--all", "--json")).out.split("\n")).toHaveLength(502);
    expect(await kq("dump", queue, file)).toEqual({ code: 3, out: "", err: "" });
  });

  it("go through pipes", async () => {
    const [from, to] = [fresh(), fresh()];
    await fill(from, lines(1, 50));
    const { out } = await kq("dump", from);
    expect((await runKq(["load", to], { servers, input: out })).code).toBe(0);
    expect(ascending(await drain(to))).toEqual(lines(1, 50));
  });

  it("lose nothing when the dump is killed, and go on when it is run again", async () => {
    const [queue, file] = [fresh(), `${folder.path}/killed.jsonl`];
    await fill(queue, lines(1, 6000));
    await using dump = startKq(["dump", queue, file], { servers });
    while (
      !(await stat(file).then(
        ({ size }) => size > 0,
        () => false,
      ))
    )
      await new Promise(setImmediate);
    dump.child.kill("SIGKILL");
    await dump.ended;
    await appendFile(file, '{"data":"torn');
    expect((await kq("dump", queue, file)).code).toBe(0);
    const dumped = (await readFile(file, "utf8"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).data as string);
    expect(ascending([...new Set(dumped)])).toEqual(lines(1, 6000));
  });

  it("go on with a load where the last one ended", async () => {
    const [queue, file] = [fresh(), `${folder.path}/resumed.jsonl`];
    const all = lines(1, 200).map((data) => JSON.stringify({ data }));
    await writeFile(file, `${all.slice(0, 100).join("\n")}\nno item\n${all.slice(100).join("\n")}\n`);
    const first = await kq("load", queue, file);
    expect(first.code).toBe(1);
    expect(first.err).toContain("line 101 is no item of kq dump");
    await writeFile(file, `${all.join("\n")}\n`);
    const second = await kq("load", queue, file);
    expect([second.code, second.err]).toEqual([
      0,
      "kq load: going on after item 100, where the last load ended\n",
    ]);
    expect(ascending(await drain(queue))).toEqual(lines(1, 200));
    await expect(stat(`${file}.loaded`)).rejects.toThrow("ENOENT");
  });
});

describe("a cluster with one node down", () => {
  it("is shown, node by node, with the rest", async () => {
    const queue = fresh();
    await fill(queue, lines(1, 9));
    expect((await kq("version")).out).toBe(servers.map((server) => `${server}\t3.0.0\n`).join(""));
    await nodes[1]!.stop();
    for (const command of [["ping"], ["version"], ["stats", queue], ["queues"], ["flush", queue, "--yes"]]) {
      const { code, err } = await kq(...command);
      expect([command[0], code]).toEqual([command[0], 1]);
      expect(err).toContain(`kq ${command[0]}: ${servers[1]}: connection refused`);
    }
    await nodes[1]!.start();
    expect((await kq("queues", "--by-node", queue)).out).toMatch(new RegExp(`^${servers[1]}\t3\t`, "m"));
    expect(await drain(queue)).toHaveLength(3);
  });

  it("stops nodes in good order", async () => {
    const result = await runKq(["shutdown", "--yes", "--node", servers[2]!], { servers });
    expect(result).toEqual({ code: 0, out: `${servers[2]}\tstopped\n`, err: "" });
    expect(await nodes[2]!.ended()).toEqual({ code: 0, signal: null });
    await nodes[2]!.start();
  });
});

describe("kq status and kq drain", () => {
  it("take a node out of use, wait until it is empty, and take it back", async () => {
    const [queue, node] = [fresh(), servers[0]!];
    // A node is drained when nothing is left in any of its queues.
    await Promise.all(nodes.map(deleteAll));
    await fill(queue, lines(1, 9));
    await using draining = startKq(["drain", node, "--json"], { servers });
    await using client = await nodes[0]!.client();
    while ((await client.line("status")) !== "READONLY");
    expect((await kq("status", node)).out).toBe(`${node}\tREADONLY\n`);
    await fill(queue, lines(10, 15));
    expect(await runKq(["put", queue, "x"], { servers: [node] })).toMatchObject({
      code: 1,
      err: expect.stringContaining("`kq status` shows which nodes take what"),
    });
    expect((await drain(queue)).length).toBe(15);
    expect(await draining.ended).toMatchObject({ code: 0, err: "" });
    expect(JSON.parse(draining.read().out)).toMatchObject({ node, drained: true });
    expect((await kq("status", node, "up")).out).toBe(`${node}\tUP\n`);
  });
});

describe("kq tail", () => {
  it("shows what is put, takes nothing, and leaves no trace", async () => {
    const queue = fresh();
    await fill(queue, ["before"]);
    await using tail = startKq(["tail", queue], { servers });
    while ((await tailedNodes(queue)) < 3);
    await fill(queue, lines(1, 3));
    for (const line of lines(1, 3)) await tail.outputHas(`${line}\n`);
    tail.child.kill("SIGINT");
    const { code, out, err } = await tail.ended;
    expect([code, out.trim().split("\n").sort(), err]).toEqual([0, lines(1, 3), ""]);
    expect(await tailedNodes(queue)).toBe(0);
    expect((await drain(queue)).sort()).toEqual(["1", "2", "3", "before"]);
  });
});

/** How many nodes have a fanout that a tail of the queue reads. */
async function tailedNodes(queue: string): Promise<number> {
  const names = await Promise.all(nodes.map(queuesOf));
  return names.filter((ofNode) => ofNode.some((name) => name.startsWith(`${queue}+kq-tail-`))).length;
}

async function queuesOf(node: KestrelNode): Promise<string[]> {
  await using client = await node.client();
  const stats = await client.stats();
  return [...stats.keys()].flatMap((name) => /^queue_(.*)_items$/.exec(name)?.[1] ?? []);
}

async function deleteAll(node: KestrelNode): Promise<void> {
  await using client = await node.client();
  for (const queue of await queuesOf(node)) expect(await client.line(`delete ${queue}`)).toBe("DELETED");
}
