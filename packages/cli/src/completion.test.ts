import { expect, it } from "vitest";
import { kq } from "./kq.ts";
import { FakeNode } from "./testing/fake-cluster.ts";
import { FakeSurroundings } from "./testing/fake-surroundings.ts";

async function candidates(...words: string[]): Promise<string[]> {
  const nodes = [new FakeNode("a:1"), new FakeNode("b:1")];
  for (const queue of ["work", "work+audit", "mail"]) nodes[0]!.stats.set(`queue_${queue}_items`, "1");
  const surroundings = new FakeSurroundings({ nodes });
  expect(await kq(["__complete", ...words], surroundings)).toBe(0);
  expect(surroundings.err).toBe("");
  return surroundings.out.split("\n").slice(0, -1);
}

it.each([
  [["pu"], ["put"]],
  [["st"], ["stale", "stats", "status"]],
  [["--v"], ["--version"]],
  [
    ["get", "w"],
    ["work", "work+audit"],
  ],
  [
    ["get", ""],
    ["work", "work+audit", "mail"],
  ],
  [["get", "--wait", "5s", "m"], ["mail"]],
  [
    ["move", "mail", "wo"],
    ["work", "work+audit"],
  ],
  [
    ["ring", "mail", "wo"],
    ["work", "work+audit"],
  ],
  [["get", "work", "--str"], ["--strategy"]],
  [
    ["get", "work", "--strategy", "r"],
    ["round-robin", "random"],
  ],
  [["get", "work", "--strategy", "hash", "--st"], []],
  [["queues", "--by-node", "ma"], ["mail"]],
  [
    ["ping", "--node", ""],
    ["a:1", "b:1"],
  ],
  [["ping", "--servers", "c:1", "--node", ""], ["c:1"]],
  [["drain", "b"], ["b:1"]],
  [["status", "a:1", "re"], ["readonly"]],
  [["completion", "z"], ["zsh"]],
  [["put", "work", "any"], []],
  [["load", "work", "fi"], []],
  [["load", "f"], ["flood"]],
  [
    ["load", "ma"],
    ["many-clients", "mail"],
  ],
  [["load", "flood", "--pref"], ["--prefill"]],
  [["load", "flood", "--queue", "m"], ["mail"]],
  [
    ["get", "work", "--tls"],
    ["--tls", "--tls-ca", "--tls-cert", "--tls-key", "--tls-name", "--tls-passphrase-file"],
  ],
  [["get", "--tls", "m"], ["mail"]],
  [["get", "--tls-name", "elsewhere", "m"], ["mail"]],
  [["get", "--tls-ca", "/no/such", "m"], []],
  [["nonsense", ""], []],
  [["get", "--servers", "no:such:thing", ""], []],
])("completes %j", async (words, expected) => {
  const got = await candidates(...words);
  expect(got.sort()).toEqual([...expected].sort());
});
