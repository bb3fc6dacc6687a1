/** Three nodes in processes of their own and `kq`, as a user has them: a hundred thousand lines in and out. */

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type KqResult, type RunningKq, runKq, startKq } from "./cli/kq-process.ts";
import { KestrelNode } from "./harness/kestrel-node.ts";

const lineCount = 100_000;
/** More than `kq get` has open and unconfirmed at any time. */
const redeliveredMax = 100;
const numbers = Array.from({ length: lineCount }, (_, i) => i + 1);

/** What `kq put --json` says in the end; ranges of line numbers, from 1. */
interface PutReport {
  stored: number;
  unknown: [number, number][];
  notStored: [number, number][];
}

interface Run {
  code: number | null;
  lines: string[];
  errors: string;
}

let nodes: KestrelNode[];
let servers: string[];
/** Each test's own. */
let queue: string;
let queueCount = 0;

beforeAll(async () => {
  nodes = await Promise.all([0, 1, 2].map(() => KestrelNode.start({ isRestarted: true })));
  servers = nodes.map(({ address }) => address);
});

beforeEach(() => {
  queue = `work-${++queueCount}`;
});

afterAll(async () => {
  await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
});

test("`kq get --all` gives back exactly the lines that were put, each node's share in order", async () => {
  expect(await kq(["put", queue], linesOf(numbers))).toMatchObject({ code: 0, lines: [] });
  const shares = await Promise.all(nodes.map((node) => itemCount(node)));
  expect(shares.reduce((sum, share) => sum + share)).toBe(lineCount);
  for (const share of shares) expect(share).toBeGreaterThan(lineCount / 4);

  const { code, lines } = await kq(["get", queue, "--all", "--json"]);
  expect(code).toBe(0);
  const items = lines.map((line) => JSON.parse(line) as { node: string; data: string });
  expect(items.map(({ data }) => Number(data)).sort((a, b) => a - b)).toEqual(numbers);
  for (const node of nodes) {
    const share = items.filter((item) => item.node === node.address).map(({ data }) => Number(data));
    expect(share).toEqual(share.toSorted((a, b) => a - b));
  }
  expect(await kq(["get", queue])).toMatchObject({ code: 3, lines: [] });
});

test("a node killed and started again while lines are put, and again while they are read: nothing is lost", async () => {
  const victim = nodes[1]!;
  await using putting = startKq(["put", queue, "--json"], { servers });
  putting.child.stdin!.write(linesOf(numbers.slice(0, lineCount / 2)));
  await untilLength(victim, (length) => length >= 2000, putting);
  await victim.kill();
  putting.child.stdin!.write(linesOf(numbers.slice(lineCount / 2, (lineCount / 4) * 3)));
  await victim.start();
  putting.child.stdin!.end(linesOf(numbers.slice((lineCount / 4) * 3)));
  const put = await putting.ended;
  const report = JSON.parse(put.out) as PutReport;
  const doubtful = new Set([...expand(report.unknown), ...expand(report.notStored)]);
  expect(put.code).toBe(doubtful.size === 0 ? 0 : 1);
  expect(report.stored, put.err).toBeGreaterThan(lineCount * 0.9);
  expect(report.stored + doubtful.size).toBe(lineCount);

  const before = await itemCount(victim);
  await using getting = startKq(["get", queue, "--all"], { servers });
  await untilLength(victim, (length) => length <= before - 2000, getting);
  await victim.kill();
  getting.child.stdin!.end();
  const first = runOf(await getting.ended);
  expect(first.code, "a node that is gone is told").toBe(1);
  expect(first.errors).toContain(victim.address);
  await victim.start();
  const second = await kq(["get", queue, "--all"]);
  expect(second.code, second.errors).toBe(0);

  const items = [...first.lines, ...second.lines].map(Number);
  const seen = new Set(items);
  expect(numbers.filter((number) => !seen.has(number) && !doubtful.has(number))).toEqual([]);
  // Only what was not confirmed when the node went comes a second time.
  expect(items.length - seen.size).toBeLessThan(redeliveredMax);
});

test("under --strategy hash a queue lives on the node that `kq ring` names", async () => {
  const queues = ["work", "mail", "photos", "orders", "bills", "news"];
  const ring = await kq(["ring", ...queues]);
  expect(ring.lines, ring.errors).toHaveLength(queues.length);
  for (const line of ring.lines) {
    const [queue, home] = line.split("\t") as [string, string];
    expect(await kq(["put", queue, "--strategy", "hash", "a", "b", "c"])).toMatchObject({ code: 0 });
    for (const node of nodes) {
      await using client = await node.client();
      const length = (await client.stats()).get(`queue_${queue}_items`) ?? "0";
      expect(length, `${queue} on ${node.address}`).toBe(node.address === home ? "3" : "0");
    }
  }
});

test("a fourth node takes over about a quarter of the queues, and no others move", async () => {
  const names = Array.from({ length: 1000 }, (_, i) => `queue-${i}`);
  const three = await kq(["ring", ...names, "--servers", "a:22133,b:22133,c:22133"]);
  const four = await kq(["ring", ...names, "--servers", "a:22133,b:22133,c:22133,d:22133"]);
  expect(four.lines, four.errors).toHaveLength(names.length);
  const moved = four.lines.filter((line, i) => line !== three.lines[i]);
  expect(moved.length).toBeGreaterThan(150);
  expect(moved.length).toBeLessThan(350);
  for (const line of moved) expect(line).toMatch(/\td:22133$/);
});

async function kq(args: string[], input = ""): Promise<Run> {
  return runOf(await runKq(args, { servers, input }));
}

function runOf({ code, out, err }: KqResult): Run {
  return { code, lines: out === "" ? [] : out.replace(/\n$/, "").split("\n"), errors: err };
}

function linesOf(items: number[]): string {
  return `${items.join("\n")}\n`;
}

function expand(ranges: [number, number][]): number[] {
  return ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
}

async function itemCount(node: KestrelNode): Promise<number> {
  await using client = await node.client();
  return lengthIn(await client.stats());
}

/** Returns when the node's share is as wanted. Throws when the process that makes it so has ended before. */
async function untilLength(
  node: KestrelNode,
  isWanted: (length: number) => boolean,
  maker: RunningKq,
): Promise<void> {
  await using client = await node.client();
  while (!isWanted(lengthIn(await client.stats()))) {
    if (maker.child.exitCode !== null) {
      throw new Error(`kq ended too soon: ${JSON.stringify(await maker.ended)}`);
    }
  }
}

function lengthIn(stats: Map<string, string>): number {
  return Number(stats.get(`queue_${queue}_items`) ?? 0);
}
