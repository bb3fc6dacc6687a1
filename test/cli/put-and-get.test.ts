/** Sessions of the real program with real nodes: input, output, exit code. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { kqProgram, runKq, startKq } from "./kq-process.ts";

const lines = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => String(first + index));
const text = (items: readonly string[]) => items.map((item) => `${item}\n`).join("");

describe("three nodes", () => {
  let nodes: KestrelNode[];
  let servers: string[];
  let queue: string;
  let queueCount = 0;

  beforeAll(async () => {
    nodes = await Promise.all([1, 2, 3].map(() => KestrelNode.start({ isRestarted: true })));
    servers = nodes.map(({ address }) => address);
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
  });
  const items = async (name: string): Promise<number> => {
    const { out } = await runKq(["queues", "--by-node", name, "--json"], { servers });
    return (JSON.parse(out) as { items: number }[]).reduce((sum, row) => sum + row.items, 0);
  };
  const fresh = () => {
    queue = `q${++queueCount}`;
    return queue;
  };

  it("put and get one item, and say with 3 that there is no other", async () => {
    fresh();
    expect(await runKq(["put", queue, "hello"], { servers })).toEqual({ code: 0, out: "", err: "" });
    expect(await runKq(["peek", queue], { servers })).toEqual({ code: 0, out: "hello\n", err: "" });
    expect(await runKq(["get", queue], { servers })).toEqual({ code: 0, out: "hello\n", err: "" });
    expect(await runKq(["get", queue], { servers })).toEqual({ code: 3, out: "", err: "" });
  });

  it("keep every byte", async () => {
    fresh();
    const input = Buffer.from(Array.from({ length: 1024 }, (_, index) => index % 256));
    await runKq(["put", queue, "--whole"], { servers, input });
    const { out } = await runKq(["get", queue, "--json"], { servers });
    expect(Buffer.from(JSON.parse(out).base64, "base64")).toEqual(input);
  });

  it("lose nothing when the reader of a pipe goes away", async () => {
    fresh();
    const filler = "x".repeat(1000);
    const input = lines(1, 2000).map((line) => `${line}-${filler}`);
    await runKq(["put", queue], { servers, input: text(input) });
    await using kq = startKq(["get", queue, "--all"], { servers });
    await kq.outputHas("\n");
    kq.child.stdout!.destroy();
    expect((await kq.ended).code).toBe(0);
    const rest = await runKq(["get", queue, "--all"], { servers });
    const got = rest.out.trimEnd().split("\n");
    // Some were in the pipe when its reader went away; all that was not written is still there, and in order.
    expect(got.length).toBeGreaterThan(500);
    expect(got.length).toBeLessThan(2000);
    expect(new Set(got).size).toBe(got.length);
    expect(got.every((line) => input.includes(line))).toBe(true);
  });

  it("follow until Ctrl-C, which is no failure", async () => {
    fresh();
    await using kq = startKq(["get", queue, "--follow"], { servers });
    await runKq(["put", queue, "first"], { servers });
    await kq.outputHas("first\n");
    await runKq(["put", queue, "second"], { servers });
    await kq.outputHas("second\n");
    kq.child.kill("SIGINT");
    expect(await kq.ended).toEqual({ code: 0, out: "first\nsecond\n", err: "" });
    expect((await runKq(["get", queue], { servers })).code).toBe(3);
  });

  it("wait for an item", async () => {
    fresh();
    await using kq = startKq(["get", queue, "--wait", "30s"], { servers });
    await runKq(["put", queue, "late"], { servers });
    expect(await kq.ended).toEqual({ code: 0, out: "late\n", err: "" });
  });

  it("put what was read when it is interrupted, and say how far it came", async () => {
    fresh();
    await using kq = startKq(["put", queue, "--json"], { servers });
    kq.child.stdin!.write(text(lines(1, 3)));
    while ((await items(queue)) < 3);
    kq.child.kill("SIGINT");
    const { code, out, err } = await kq.ended;
    expect([code, JSON.parse(out)]).toEqual([
      1,
      { stored: 3, unknown: [], tooLarge: [], notStored: [], stopReason: "interrupted" },
    ]);
    expect(err).toBe("kq put: stopped after item 3: interrupted\n");
  });

  it("are all asked when one is down, which is told", async () => {
    fresh();
    await runKq(["put", queue], { servers, input: text(lines(1, 30)) });
    await nodes[2]!.stop();
    const all = await runKq(["get", queue, "--all"], { servers });
    expect(all.code).toBe(1);
    expect(all.out.trimEnd().split("\n")).toHaveLength(20);
    expect(all.err).toContain(servers[2]);
    expect(all.err).toContain("connection refused");
    const one = await runKq(["get", queue], { servers });
    expect([one.code, one.out]).toEqual([1, ""]);
    await nodes[2]!.start();
    const rest = await runKq(["get", queue, "--all"], { servers });
    expect([rest.code, rest.out.trimEnd().split("\n").length]).toEqual([0, 10]);
  });

  it("work in a shell's pipes", async () => {
    fresh();
    const kq = `${process.execPath} ${kqProgram}`;
    const script = `seq 1 500 | ${kq} put ${queue} && ${kq} get ${queue} --count 3 | wc -l && ${kq} get ${queue} --all | head -2 | wc -l`;
    const shell = spawn("bash", ["-o", "pipefail", "-c", script], {
      env: { PATH: process.env.PATH, KESTREL_SERVERS: servers.join(",") },
    });
    let out = "";
    shell.stdout.on("data", (data) => (out += data));
    const [code] = await once(shell, "close");
    expect([code, out.split(/\s+/).filter(Boolean)]).toEqual([0, ["3", "2"]]);
  });
});

describe("what fails says what to do, in one line", () => {
  it("no node there", async () => {
    const { code, out, err } = await runKq(["get", "work"], { servers: ["127.0.0.1:1"] });
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(/^kq get: .*127\.0\.0\.1:1: connection refused\. Is it running\? .*\n$/);
  });

  it("no such host", async () => {
    const { code, err } = await runKq(["put", "work", "x"], { servers: ["no.such.host.invalid"] });
    expect(code).toBe(1);
    expect(err).toMatch(/unknown host\. There is no such host: check the names in --servers/);
  });

  it("an impossible queue", async () => {
    const { code, err } = await runKq(["put", "a/b", "x"], { servers: ["127.0.0.1:1"] });
    expect(code).toBe(2);
    expect(err).toContain("a/b");
  });
});
