/** Nodes that kq itself starts: in the foreground, and a cluster of them. */
import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { findFreePort } from "../harness/free-port.ts";
import { TempFolder } from "../harness/temp-folder.ts";
import { runKq, startKq } from "./kq-process.ts";

interface ClusterReady {
  ready: boolean;
  servers: string[];
  pids: number[];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("kq up", () => {
  it("runs nodes that keep their items over a restart, and stops them with Ctrl-C", async () => {
    await using folder = await TempFolder.create();
    const line = ["up", "-n", "2", "--port", "0", "--data", folder.path, "--json"];
    await using first = startKq(line);
    await first.outputHas("\n");
    first.child.stdin!.end();
    const ready = JSON.parse(first.read().out) as ClusterReady;
    expect([ready.ready, ready.servers.length, ready.pids.length]).toEqual([true, 2, 2]);
    expect((await runKq(["put", "work", "1", "2", "3", "4"], { servers: ready.servers })).code).toBe(0);
    first.child.kill("SIGINT");
    const end = await first.ended;
    expect([end.code, end.out.trim().split("\n").length]).toEqual([0, 1]);
    expect(ready.pids.filter(isAlive)).toEqual([]);

    await using second = startKq(line);
    await second.outputHas("\n");
    const { servers } = JSON.parse(second.read().out) as ClusterReady;
    const all = await runKq(["get", "work", "--all"], { servers });
    expect(all.out.trim().split("\n").sort()).toEqual(["1", "2", "3", "4"]);
    second.child.kill("SIGTERM");
    expect((await second.ended).code).toBe(0);
  });

  it("keeps one log, each line under its node's name", async () => {
    await using folder = await TempFolder.create();
    await using cluster = startKq(["up", "-n", "2", "--port", "0", "--data", folder.path]);
    await cluster.outputHas("\n");
    cluster.child.kill("SIGINT");
    const { code, out, err } = await cluster.ended;
    expect(code).toBe(0);
    expect(out).toMatch(/^127\.0\.0\.1:\d+,127\.0\.0\.1:\d+\n$/);
    expect(
      err
        .trimEnd()
        .split("\n")
        .filter((line) => !/^node-[12] \| /.test(line)),
    ).toEqual([]);
  });

  it("says so when a node falls, and goes on with the others", async () => {
    await using folder = await TempFolder.create();
    await using cluster = startKq(["up", "-n", "2", "--port", "0", "--data", folder.path, "--json"]);
    await cluster.outputHas("\n");
    const { pids, servers } = JSON.parse(cluster.read().out) as ClusterReady;
    process.kill(pids[0]!, "SIGKILL");
    await cluster.errorHas("kq up: node-1 has ended by itself (SIGKILL); the others go on");
    expect((await runKq(["ping"], { servers })).out).toMatch(new RegExp(`^${servers[1]}\t`));
    cluster.child.kill("SIGINT");
    expect((await cluster.ended).code).toBe(1);
  });

  it("stops what it has started when a port is taken", async () => {
    await using folder = await TempFolder.create();
    const port = await findFreePort();
    await using other = startKq([
      "up",
      "-n",
      "1",
      "--port",
      String(port),
      "--data",
      `${folder.path}/a`,
      "--json",
    ]);
    await other.outputHas("\n");
    await using late = startKq([
      "up",
      "-n",
      "2",
      "--port",
      String(port - 1),
      "--data",
      `${folder.path}/b`,
      "--json",
    ]);
    const { code, out, err } = await late.ended;
    expect([code, out]).toEqual([1, ""]);
    expect(err).toContain("kq up: node-2 did not start");
    other.child.kill("SIGINT");
    await other.ended;
  });
});

describe("kq up --config", () => {
  const rules = (maxItems: number) => JSON.stringify({ queuePath: "/nowhere", default: { maxItems } });

  it("gives every node the settings, on its own ports and folder, and reload reads them anew", async () => {
    await using folder = await TempFolder.create();
    const config = `${folder.path}/kestrel.json`;
    await writeFile(config, rules(2));
    const line = ["up", "-n", "2", "--port", "0", "--data", `${folder.path}/data`, "--json"];
    await using cluster = startKq([...line, "--config", config]);
    await cluster.outputHas("\n");
    const { servers } = JSON.parse(cluster.read().out) as ClusterReady;
    expect((await runKq(["put", "work", ..."12345"], { servers })).err).toContain("the queue is full");
    expect((await runKq(["get", "work", "--all"], { servers })).out.trim().split("\n")).toHaveLength(4);
    await writeFile(config, rules(3));
    expect((await runKq(["reload"], { servers })).code).toBe(0);
    expect((await runKq(["put", "work", ..."123456"], { servers })).code).toBe(0);
    cluster.child.kill("SIGINT");
    expect((await cluster.ended).code).toBe(0);
  });

  it("says what is wrong with them", async () => {
    await using folder = await TempFolder.create();
    const config = `${folder.path}/kestrel.json`;
    await writeFile(config, '{ "default": { "maxAeg": 1 } }');
    await using cluster = startKq(["up", "--port", "0", "--data", `${folder.path}/data`, "--config", config]);
    const { code, out, err } = await cluster.ended;
    expect([code, out]).toEqual([1, ""]);
    expect(err).toContain(`${config}: default.maxAeg: no such setting, did you mean maxAge?`);
    expect(err).toMatch(/kq up: node-\d did not start/);
  });
});

describe("kq serve", () => {
  it("is a node, given the flags of kestrel, and ends well with Ctrl-C", async () => {
    await using folder = await TempFolder.create();
    const flags = [
      "--memcache-port",
      "0",
      "--text-port",
      "off",
      "--thrift-port",
      "off",
      "--admin-port",
      "off",
    ];
    await using node = startKq(["serve", ...flags, "--queue-path", folder.path]);
    await node.outputHas("\n");
    const ready = JSON.parse(node.read().out) as { listeners: { memcache: { port: number } } };
    const servers = [`127.0.0.1:${ready.listeners.memcache.port}`];
    expect((await runKq(["put", "work", "x"], { servers })).code).toBe(0);
    expect(await runKq(["get", "work"], { servers })).toEqual({ code: 0, out: "x\n", err: "" });
    node.child.kill("SIGINT");
    expect((await node.ended).code).toBe(0);
  });

  it("hands on what kestrel says about a wrong flag", async () => {
    const { code, err } = await runKq(["serve", "--no-such-flag"]);
    expect(code).not.toBe(0);
    expect(err).toContain("no-such-flag");
  });
});
