/** kq killed at moments of chance, and run again until it is done: nothing is lost, and no more doubled than documented. */
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Random } from "../crash/random.ts";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { TempFolder } from "../harness/temp-folder.ts";
import { runKq, startKq } from "./kq-process.ts";

const random = Random.announced("KESTREL_SEED");
const rounds = Number(process.env.KESTREL_KILL_ROUNDS ?? 2);
const killsMax = 6;
const roundMsMax = 60_000;
const items = Array.from({ length: 4000 }, (_, index) => String(index + 1));
const input = items.map((item) => `${item}\n`).join("");

let folder: TempFolder;
let nodes: KestrelNode[];
let servers: string[];

beforeAll(async () => {
  folder = await TempFolder.create();
  nodes = await Promise.all([1, 2, 3].map(() => KestrelNode.start()));
  servers = nodes.map(({ address }) => address);
});
afterAll(async () => {
  await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
  await folder[Symbol.asyncDispose]();
});

/** Runs a command again and again, each time killed after a while, at last to its end. Gives how often it was killed. */
async function killAndRepeat(args: readonly string[]): Promise<number> {
  for (let kills = 0; kills < killsMax; ) {
    await using kq = startKq(args, { servers });
    // From before it has connected to after it is done.
    const late = setTimeout(random.whole(150, 1200)).then(() => null);
    const result = await Promise.race([kq.ended, late]);
    if (result !== null) return kills;
    kq.child.kill("SIGKILL");
    if ((await kq.ended).code === null) kills++;
  }
  // The last run may have had nothing left to do.
  expect([0, 3]).toContain((await runKq(args, { servers })).code);
  return killsMax;
}

async function all(...queues: string[]): Promise<string[]> {
  const outs = await Promise.all(queues.map((queue) => runKq(["get", queue, "--all"], { servers })));
  return outs.flatMap(({ out }) => out.split("\n").slice(0, -1));
}

const distinct = (found: readonly string[]) =>
  [...new Set(found)].sort((one, other) => Number(one) - Number(other));

it.each(Array.from({ length: rounds }, (_, round) => round + 1))(
  "round %i",
  async (round) => {
    const [from, to] = [`from${round}`, `to${round}`];
    await runKq(["put", from], { servers, input });
    const moveKills = await killAndRepeat(["move", from, to]);
    expect(await all(from)).toEqual([]);

    const file = `${folder.path}/${round}.jsonl`;
    const dumpKills = await killAndRepeat(["dump", to, file]);
    const dumped = (await readFile(file, "utf8")).trimEnd().split("\n");
    const data = dumped.map((line) => (JSON.parse(line) as { data: string }).data);
    expect(distinct(data)).toEqual(items);
    // At each kill one item of each node may be in both places.
    expect(data.length - items.length).toBeLessThanOrEqual((moveKills + dumpKills) * servers.length);

    await writeFile(file, items.map((item) => `${JSON.stringify({ data: item })}\n`).join(""));
    await killAndRepeat(["load", from, file]);
    expect(distinct(await all(from))).toEqual(items);
  },
  roundMsMax * 3,
);
