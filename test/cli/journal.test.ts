/** The journals of a real node, in use, killed and damaged, as an operator looks at them. */
import { readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { runKq } from "./kq-process.ts";

async function segmentOf(spool: string, queue: string): Promise<string> {
  const names = (await readdir(join(spool, queue))).filter((name) => name.endsWith(".log")).sort();
  return join(spool, queue, names.at(-1)!);
}

it("tells what is in them while the node runs, when it was killed, and when something is lost", async () => {
  await using node = await KestrelNode.start();
  const { spool } = node;
  {
    await using client = await node.client();
    for (let number = 0; number < 50; number++) await client.put("work", Buffer.from(`item ${number}`));
    await client.put("work+audit", Buffer.from("for the audit"));
    for (let number = 0; number < 10; number++) await client.get("work");
  }
  const inUse = await runKq(["journal", "verify", spool]);
  expect([inUse.code, inUse.out]).toEqual([1, ""]);
  expect(inUse.err).toContain(
    `(process ${node.pid}): stop it, copy the folder, or look all the same with --live`,
  );
  const live = await runKq(["journal", "verify", "--live", spool]);
  expect([live.code, live.out]).toEqual([0, "work\t40\t280\t0\t0\nwork+audit\t1\t13\t0\t0\n"]);

  await node.kill();
  const killed = await runKq(["journal", "verify", spool]);
  expect(killed).toEqual({ ...live, err: "" });
  const dump = await runKq(["journal", "dump", "--json", "--data", join(spool, "work")]);
  expect([dump.code, dump.err]).toEqual([0, ""]);
  const entries = dump.out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { kind: string; record?: { type: string; data?: string } });
  const puts = entries.flatMap(({ record }) => (record?.type === "put" ? [record.data] : []));
  expect(puts).toHaveLength(51);
  expect(puts.at(-1)).toBe("for the audit");

  const file = await segmentOf(spool, "work");
  const bytes = await readFile(file);
  bytes[bytes.indexOf("item 30")]! ^= 1;
  await writeFile(file, bytes);
  await truncate(file, bytes.length - 5);
  const damaged = await runKq(["journal", "verify", spool]);
  expect(damaged.code).toBe(1);
  const rows = damaged.out
    .trimEnd()
    .split("\n")
    .map((line) => line.split("\t"));
  expect(rows[0]).toEqual(["work", "40", expect.any(String), "1", "2"]);
  expect(damaged.err).toMatch(
    /damaged, 47 bytes do not check\n.*torn, its last \d+ bytes do not check; items from 52 on may have been there\n$/,
  );

  // And that is what the node finds: the last get was in the torn end.
  await node.start();
  await using client = await node.client();
  const items: string[] = [];
  for (let item = await client.get("work"); item !== null; item = await client.get("work"))
    items.push(item.data.toString());
  const expected = Array.from({ length: 50 }, (_, number) => `item ${number}`).slice(9);
  expect(items).toEqual(expected.filter((item) => item !== "item 30"));
});
