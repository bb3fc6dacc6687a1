/** kq and nodes that have users: who says who it is may do what it has rights to, and all others are told what to do. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { hashPassword } from "@kestrel-mq/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { TempFolder } from "../harness/temp-folder.ts";
import { type KqResult, kqProgram, runKq, startKq } from "./kq-process.ts";

let folder: TempFolder;
let node: KestrelNode;
let thrift: string;

beforeAll(async () => {
  folder = await TempFolder.create();
  const users = [
    {
      name: "operator",
      password: await hashPassword(Buffer.from("correct horse")),
      put: ["*"],
      get: ["*"],
      admin: true,
    },
    { name: "shop", password: await hashPassword(Buffer.from("sesame")), put: ["orders"], get: ["orders+*"] },
  ];
  await writeFile(`${folder.path}/kestrel.json`, JSON.stringify({ users }));
  await writeFile(`${folder.path}/password`, "correct horse\n");
  const flags = ["--config", `${folder.path}/kestrel.json`, "--thrift-port", "0"];
  node = await KestrelNode.start({ flags });
  thrift = `127.0.0.1:${node.portOf("thrift")}`;
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

const as = (user: string, password: string) => ({ KESTREL_USER: user, KESTREL_PASSWORD: password });
const operator = as("operator", "correct horse");
const kq = (line: string, env: Record<string, string> = {}): Promise<KqResult> =>
  runKq(line.split(" "), { servers: [node.address], env, input: "" });

it("does everything for who says who it is", async () => {
  const flags = `--user operator --password-file ${folder.path}/password`;
  expect(await kq(`put work one two three ${flags}`)).toEqual({ code: 0, out: "", err: "" });
  const file = `${folder.path}/work.jsonl`;
  const lines = [
    ["get work", "one\n"],
    ["peek work", "two\n"],
    ["queues --by-node work --json", /"items":2/],
    ["stats work", /total\titems\t2/],
    ["move work other --count 1", ""],
    [`dump work ${file}`, ""],
    [`load work ${file}`, ""],
    ["status", /UP/],
    ["config show", /maxItems/],
    ["stale 2 --every 1ms", /^other\t1\t1\nwork\t1\t/],
    ["reload", /Reloaded config/],
    ["ping", /./],
    ["version", /3\./],
    ["flush work --yes", ""],
    ["delete other --yes", ""],
    [`status ${node.address} up`, /UP/],
  ] as const;
  for (const [line, out] of lines) {
    const result = await kq(line, operator);
    expect(result, line).toMatchObject({ code: 0, err: "" });
    expect(result.out, line).toMatch(out);
  }
});

it("runs load tests over both protocols", async () => {
  for (const [line, server] of [
    ["load flood -n 50", node.address],
    ["load leaky-reader -n 20 -d 0.5 --timeout 4s --thrift", thrift],
  ] as const) {
    const result = await runKq(line.split(" "), { servers: [server], env: operator });
    expect(result, line).toMatchObject({ code: 0, err: "" });
  }
});

describe("who may not is told in one line what to do", () => {
  const asked = [
    "put work x",
    "get work",
    "peek work",
    "queues",
    "stats",
    "flush work --yes",
    "delete work --yes",
    "move work other",
    "dump work",
    "status",
    "reload",
    "shutdown --yes",
    "stale 2 --every 1ms",
    "config show",
    "tail work",
    "top --rounds 1 --every 1ms",
    "get work --follow",
    "load flood -n 5",
  ];

  it.each(asked)("kq %s, without a user", async (line) => {
    const { code, err } = await kq(line);
    expect(code).toBe(1);
    expect(err).toMatch(
      /The node has users: say who you are with --user and --password-file, or KESTREL_USER/,
    );
  });

  it.each(["put work x", "get work", "queues", "load flood -n 5"])(
    "kq %s, with another password",
    async (line) => {
      const { code, err } = await kq(line, as("operator", "guess"));
      expect(code).toBe(1);
      expect(err).toMatch(/User or password is wrong: see --user and --password-file/);
      expect(err).not.toContain("guess");
    },
  );

  it("over thrift", async () => {
    for (const [env, words] of [
      [{}, "The node has users"],
      [as("operator", "guess"), "User or password is wrong"],
      [as("shop", "sesame"), "The user has no right to that"],
    ] as const) {
      const { code, err } = await runKq(["load", "flood", "-n", "5", "--thrift"], { servers: [thrift], env });
      expect([code, err]).toEqual([1, expect.stringContaining(words)]);
    }
  });

  it.each([
    "put work x",
    "get orders",
    "flush orders --yes",
    "shutdown --yes",
    "load flood -n 5",
    "tail orders",
  ])("kq %s, without the right to", async (line) => {
    const { code, err } = await kq(line, as("shop", "sesame"));
    expect(code).toBe(1);
    expect(err).toMatch(/not allowed.* The user has no right to that: the node's settings say who has/);
  });

  it("and may do the rest", async () => {
    expect(await kq("put orders x", as("shop", "sesame"))).toEqual({ code: 0, out: "", err: "" });
    expect((await kq("queues --by-node orders", as("shop", "sesame"))).out).toContain("\t1\t");
  });
});

it("talks to a node without users as ever, and leaves the password nowhere", async () => {
  await using open = await KestrelNode.start({ flags: ["--thrift-port", "0"] });
  const onOpen = (line: string, server = open.address) =>
    runKq(line.split(" "), { servers: [server], env: operator });
  expect((await onOpen("put work x")).code).toBe(0);
  expect((await onOpen("flush work --yes")).code).toBe(0);
  expect((await onOpen("load flood -n 20")).code).toBe(0);
  expect((await onOpen("load flood -n 20 --thrift", `127.0.0.1:${open.portOf("thrift")}`)).code).toBe(0);
  const { out } = await onOpen("queues");
  expect(out.replaceAll(/\t.*/g, "")).toBe("spam\nwork\n");
});

it("keeps the password out of its arguments, also those of the process that cleans up after a tail", async () => {
  await using tail = startKq(["tail", "work"], { servers: [node.address], env: operator });
  const isTailed = async () => (await kq("queues", operator)).out.includes("work+kq-tail-");
  await expect.poll(isTailed, { timeout: 20_000 }).toBe(true);
  const shell = spawn("ps", ["-ww", "-eo", "args"]);
  let listed = "";
  shell.stdout.on("data", (chunk) => (listed += chunk));
  await once(shell, "close");
  expect(listed).toContain(`${kqProgram} tail work`);
  expect(listed).not.toContain("correct horse");
  tail.child.kill("SIGKILL");
  await tail.ended;
  await expect.poll(isTailed, { timeout: 20_000 }).toBe(false);
});
