import { describe, expect, it } from "vitest";
import { nameOf } from "./command.ts";
import { commands } from "./commands.ts";
import { kq } from "./kq.ts";
import { FakeNode } from "./testing/fake-cluster.ts";
import { FakeSurroundings } from "./testing/fake-surroundings.ts";

async function run(line: string[], surroundings: FakeSurroundings = new FakeSurroundings()) {
  const code = await kq(line, surroundings);
  return { code, out: surroundings.out, err: surroundings.err };
}

describe("help", () => {
  it("lists the commands", async () => {
    const { code, out, err } = await run(["--help"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const { usage } of commands.filter((command) => !nameOf(command).includes(" "))) {
      expect(out).toContain(`kq ${usage}`);
    }
  });

  it("of a command lists those whose names begin with it", async () => {
    const { out } = await run(["load", "--help"]);
    for (const test of ["put-many", "many-clients", "flood", "packing", "leaky-reader"]) {
      expect(out).toContain(`kq load ${test}`);
    }
  });

  it.each(commands.map(nameOf))("of %s has examples", async (name) => {
    const { code, out, err } = await run([...name.split(" "), "-h"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain(`kq ${name}`);
    expect(out).toMatch(/Examples:\n/);
  });

  it("tells the version", async () => {
    expect(await run(["--version"])).toEqual({ code: 0, out: "3.0.0\n", err: "" });
  });
});

describe("wrong usage is told in one line and ends with 2", () => {
  it.each([
    [[], "kq: name a command"],
    [["pit", "work"], "kq: Did you mean put?"],
    [["put"], "kq put: an argument is missing"],
    [["get", "work", "--cuont", "3"], "kq get: Unknown argument: cuont"],
    [["get", "work", "--count", "x"], 'kq get: "x" is no number'],
    [["get", "work", "--count"], "kq get: Not enough arguments following: count"],
    [["get", "work", "--wait", "soon"], 'kq get: "soon" is no duration'],
    [["get", "work", "--count", "1", "--count", "2"], "kq get: --count is given more than once"],
    [["get", "work", "--", "-x"], "kq get: too many arguments after --: -x"],
    [["get", "work", "more"], "kq get: Unknown argument: more"],
    [["get", "work", "--strategy", "best"], "kq get: Invalid values: Argument: strategy"],
    [["get", "work", "--servers", "a:b"], 'kq get: "a:b" in --servers is no server'],
    [["get", "work", "--all", "--count", "3"], "kq get: --count excludes --all"],
    [["put", "work", "--whole", "x"], "kq put: --whole reads standard input"],
    [["put", "work", "x", "--expires", "0s"], "kq put: an item that expires at once"],
    [["flush", "work"], "kq flush: Drop all items of work on 1 node? There is no terminal"],
  ])("%j", async (line, message) => {
    const { code, out, err } = await run(line, new FakeSurroundings({ nodes: [new FakeNode("a:1")] }));
    expect(err).toContain(message);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
    expect({ code, out }).toEqual({ code: 2, out: "" });
  });
});
