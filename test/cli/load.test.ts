/** Load tests of the real program: green on one node and on three, red when a proxy spoils the answers. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { TempFolder } from "../harness/temp-folder.ts";
import { damages, doubles, type Fault, FaultyProxy, loses, swallows, swaps } from "./faulty-proxy.ts";
import { runKq, startKq } from "./kq-process.ts";

interface Report {
  put: number;
  got: number;
  puts: { requests: number; p50: number; p9999: number; max: number };
  faults: Record<string, number>;
  failure: string | null;
}

const faultless = { lost: 0, doubled: 0, outOfOrder: 0, damaged: 0, foreign: 0 };

let nodes: KestrelNode[];
let servers: string[];
beforeAll(async () => {
  nodes = await Promise.all([1, 2, 3].map(() => KestrelNode.start({ speaksThrift: true })));
  servers = nodes.map(({ address }) => address);
});
afterAll(async () => {
  await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
});

async function load(
  line: string,
  to: readonly string[],
): Promise<{ code: number | null; report: Report; err: string }> {
  const { code, out, err } = await runKq(["load", ...line.split(" "), "--json"], { servers: to });
  return { code, report: JSON.parse(out), err };
}

describe.each([1, 3])("kq load on %i nodes", (count) => {
  it.each([
    ["put-many -c 10 -n 1000 -q a", 1000, 0],
    ["put-many -c 9 -n 900 -b 100 -r 7 -Q 3 -g -q b", 900, 900],
    ["many-clients -s 1 -n 50 -c 20 -q c", 50, 50],
    ["many-clients -s 1 -n 50 -c 20 -k 20 -q d", 50, 50],
    ["flood -n 2000 -q e", 2000, 2000],
    ["flood -n 1000 -P 500 -R 3 -C 4 -r 10 -B -k 2 -q f", 1502, 1502],
    ["packing -n 500 -c 2 -t 0 -q g", 1500, 1500],
    ["leaky-reader -n 300 -d 0.1 -t 2 -q h", 300, 300],
  ])("%s", async (line, put, got) => {
    const { code, report, err } = await load(line, servers.slice(0, count));
    expect([err, code]).toEqual(["", 0]);
    expect(report).toMatchObject({ put, got, faults: faultless, failure: null });
    expect(report.puts.p50).toBeLessThanOrEqual(report.puts.p9999);
    expect(report.puts.p9999).toBeLessThanOrEqual(report.puts.max);
  });
});

describe("kq load over thrift", () => {
  it.each([
    ["put-many -c 5 -n 500 -r 5 -g -q a", 500],
    ["many-clients -s 1 -n 30 -c 10 -k 20 -q b", 30],
    ["flood -n 500 -R 2 -C 2 -r 10 -B -q c", 500],
    ["flood -n 300 -q d", 300],
    ["packing -n 200 -c 1 -t 0 -q e", 400],
    ["leaky-reader -n 100 -d 0.05 -q f", 100],
  ])("%s", async (line, length) => {
    await using folder = await TempFolder.create();
    const flags = ["--memcache-port", "0", "--thrift-port", "0", "--text-port", "off", "--admin-port", "off"];
    await using node = startKq(["serve", ...flags, "--queue-path", folder.path]);
    await node.outputHas("\n");
    const { port } = JSON.parse(node.read().out).listeners.thrift as { port: number };
    const { code, report, err } = await load(`${line} --thrift --timeout 4s`, [`127.0.0.1:${port}`]);
    expect([err, code]).toEqual(["", 0]);
    expect(report).toMatchObject({ put: length, got: length, faults: faultless, failure: null });
  });
});

describe("kq load finds", () => {
  const through = async (fault: Fault) => {
    await using proxy = await FaultyProxy.start(nodes[0]!.port, fault);
    return await load("flood -n 200 --timeout 1s", [proxy.address]);
  };

  it.each([
    ["a lost item", loses, { lost: 1 }],
    ["a doubled item, and the one in whose place it came", doubles(), { doubled: 1, lost: 1 }],
    ["two items in the wrong order", swaps(), { outOfOrder: 1, lost: 1 }],
    ["a damaged item", damages, { damaged: 1 }],
  ])("%s", async (_, fault, faults) => {
    const { code, report, err } = await through(fault);
    expect(code).toBe(1);
    expect(report.faults).toEqual({ ...faultless, ...faults });
    expect(err.trimEnd().split("\n")).toHaveLength(Object.keys(faults).length);
  });

  // None forgets an item, which would then come again unspoilt.
  const plain = ["put-many -n 200 -c 4 -g", "many-clients -n 40 -s 1 -c 4", "packing -n 60 -c 2 -t 0"];
  const reliable = ["many-clients -n 40 -s 1 -c 4 -x", "flood -n 200 -r 5 -B", "leaky-reader -n 60 -d 0"];
  const planted: readonly (readonly [string, () => Fault])[] = [
    ["loses", () => loses],
    ["doubles", doubles],
    ["swaps", swaps],
    ["damages", () => damages],
  ];
  // Over thrift an open read whose answer is lost comes again in its time: that is no fault.
  const tests = [
    ["memcache", [...plain, ...reliable]],
    ["thrift", plain],
  ] as const;
  // So may the item of a monitor that is told of nothing: it is still open, and none of those confirmed.
  const isMended = (test: string, verb: string) => test.includes("-B") && verb === "loses";
  const all = tests.flatMap(([protocol, lines]) =>
    lines.flatMap((test) =>
      planted
        .filter(([verb]) => !isMended(test, verb))
        .map(([verb, fault]) => [protocol, test, verb, fault] as const),
    ),
  );

  it.each(all)("over %s, with %s, that a proxy %s", async (protocol, test, _, fault) => {
    const node = nodes[0]!;
    const port = protocol === "thrift" ? node.portOf("thrift") : node.port;
    await using proxy = await FaultyProxy.start(port, fault(), protocol);
    const line = `${test} --timeout 500ms${protocol === "thrift" ? " --thrift" : ""}`;
    const { code, report } = await load(line, [proxy.address]);
    const found = Object.values(report.faults).reduce((sum, count) => sum + count, 0);
    expect([code, found > 0 || report.failure !== null], JSON.stringify(report)).toEqual([1, true]);
  });

  it("an answer that never comes", async () => {
    const { code, report } = await through(swallows);
    expect([code, report.failure]).toEqual([1, expect.stringContaining("no answer in time")]);
  });

  it("items that it did not put", async () => {
    await runKq(["put", "strange", "x"], { servers: [servers[0]!] });
    const { code, report } = await load("flood -n 10 -F -q strange", [servers[0]!]);
    expect([code, report.faults]).toEqual([1, { ...faultless, foreign: 1 }]);
  });
});

it("kq load ends at once with Ctrl-C", async () => {
  await using kq = startKq(["load", "many-clients", "-n", "100000", "-q", "i"], { servers });
  while ((await runKq(["queues", "--by-node", "i"], { servers })).code !== 0);
  kq.child.kill("SIGINT");
  expect(await kq.ended).toEqual({ code: 1, out: "", err: "kq load many-clients: interrupted\n" });
});
