/**
 * Clients that were written for memcached, as they come. Those of Debian (python3-pylibmc, python3-pymemcache,
 * libmemcached-tools) are left out, and this is said, where they aren't installed.
 */

import { execFile, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import memjs from "memjs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KestrelNode } from "./harness/kestrel-node.ts";

/** Debian's own, which sees the packages of Debian. */
const python = "/usr/bin/python3";
const run = promisify(execFile);
let node: KestrelNode;

beforeAll(async () => {
  node = await KestrelNode.start();
});

afterAll(() => node?.[Symbol.asyncDispose]());

/** `test`, or `test.skip` with a word on the console when the command fails. */
function testIf(command: string, args: string[], missing: string): typeof test | typeof test.skip {
  if (spawnSync(command, args).status === 0) return test;
  console.warn(`left out: ${missing} is not installed`);
  return test.skip;
}

describe("memjs", () => {
  test("sets, gets, deletes, and reads reliably", async () => {
    const client = memjs.Client.create(node.address, { retries: 0 });
    try {
      expect(await client.set("memjs", "one", {})).toBe(true);
      expect(await client.set("memjs", "", {})).toBe(true);
      expect(await client.set("memjs", Buffer.from([0, 255, 13, 10]), {})).toBe(true);
      expect((await client.get("memjs/open")).value?.toString()).toBe("one");
      expect((await client.get("memjs/close")).value).toBeNull();
      expect((await client.get("memjs")).value).toEqual(Buffer.alloc(0));
      expect((await client.get("memjs")).value).toEqual(Buffer.from([0, 255, 13, 10]));
      expect((await client.get("memjs/t=10")).value).toBeNull();
      expect(await client.delete("memjs")).toBe(true);
    } finally {
      client.close();
    }
  });

  test("with a user name and a password, which nobody asks for", async () => {
    const client = memjs.Client.create(node.address, { retries: 0, username: "user", password: "secret" });
    try {
      expect(await client.set("memjs", "one", {})).toBe(true);
      expect((await client.get("memjs")).value?.toString()).toBe("one");
    } finally {
      client.close();
    }
  });
});

describe.each(["pylibmc", "pymemcache"])("%s", (library) => {
  testIf(
    python,
    ["-c", `import ${library}`],
    library,
  )("a session", async () => {
    const script = fileURLToPath(new URL(`stock/${library}-session.py`, import.meta.url));
    const { stdout } = await run(python, [script, node.host, String(node.port)], { timeout: 30_000 });
    expect(stdout).toBe("ok\n");
  });
});

/**
 * The probes that a queue can pass. The others read an item twice, want a connection to live on after a refusal,
 * or use what Kestrel's dialect doesn't have: add, replace, append, incr, cas.
 */
const probes = [
  "ascii version",
  "ascii quit",
  "ascii verbosity",
  "ascii set",
  "ascii set noreply",
  "ascii get",
  "ascii gets",
  "ascii mget",
  "ascii flush noreply",
  "ascii stat",
  "binary noop",
  "binary quit",
  "binary quitq",
  "binary version",
  "binary stat",
];

describe("memccapable", () => {
  const testIfInstalled = testIf("which", ["memccapable"], "libmemcached-tools");

  testIfInstalled.each(probes)("%s", async (probe) => {
    const { stdout } = await run("memccapable", [
      "-h",
      node.host,
      "-p",
      String(node.port),
      "-v",
      "-T",
      probe,
    ]);
    expect(stdout).toMatch(new RegExp(`^${probe}\\s+\\[pass\\]`, "m"));
  });

  testIfInstalled("the node outlives all probes", async () => {
    const args = ["-h", node.host, "-p", String(node.port), "-t", "2"];
    await run("memccapable", args, { timeout: 50_000 }).catch((error: Error) => error);
    await using client = await node.client();
    expect(await client.line("version")).toMatch(/^VERSION 3\./);
  });
});
