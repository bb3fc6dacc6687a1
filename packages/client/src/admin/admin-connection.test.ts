// The ASCII admin client against a node that answers well, badly, in pieces, late or not at all.

import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { KestrelClientError } from "../errors.ts";
import { FakeKestrel } from "../testing/fake-kestrel.ts";
import { until } from "../testing/until.ts";
import { AdminConnection, type AdminConnectionOptions } from "./admin-connection.ts";

const toEnd: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

interface LineServer {
  readonly address: { readonly host: string; readonly port: number };
  readonly lines: string[];
  readonly sockets: Socket[];
}

/** Answers each line as the test says. */
async function serveLines(answer: (line: string, socket: Socket) => void): Promise<LineServer> {
  const lines: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    let text = "";
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      const parts = (text + chunk.toString()).split("\r\n");
      text = parts.pop()!;
      for (const line of parts) {
        lines.push(line);
        answer(line, socket);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  toEnd.push({
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  });
  return { address: { host: "127.0.0.1", port: (server.address() as AddressInfo).port }, lines, sockets };
}

function createAdmin(node: LineServer, options: AdminConnectionOptions = {}): AdminConnection {
  const admin = new AdminConnection(node.address, options);
  toEnd.push(admin);
  return admin;
}

async function failure(promise: Promise<unknown>): Promise<KestrelClientError> {
  const outcome = await promise.then(
    (value) => `resolved with ${JSON.stringify(value)}`,
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(KestrelClientError);
  return outcome as KestrelClientError;
}

const ANSWERS: Record<string, string> = {
  stats: "STAT a 1\r\nSTAT b two words\r\nEND\r\n",
  "flush q": "END\r\n",
  version: "VERSION 3.0.0\r\n",
  dump_config: "queue 'q' {\r\n  maxItems=5\r\n}\r\nEND\r\n",
};

test("lists end with END, lines with themselves, however the bytes are cut", async () => {
  const node = await serveLines((line, socket) => {
    for (const byte of Buffer.from(ANSWERS[line]!)) socket.write(Buffer.from([byte]));
  });
  const admin = createAdmin(node);
  expect(await admin.lines("stats")).toEqual(["STAT a 1", "STAT b two words"]);
  expect(await admin.lines("flush q")).toEqual([]);
  expect(await admin.line("version")).toBe("VERSION 3.0.0");
  expect(await admin.lines("dump_config")).toEqual(["queue 'q' {", "  maxItems=5", "}"]);
  expect(node.sockets).toHaveLength(1);
});

test("commands that are asked for at once go one after the other", async () => {
  const node = await serveLines((line, socket) => socket.write(`${line.toUpperCase()}\r\n`));
  const admin = createAdmin(node);
  const commands = Array.from({ length: 50 }, (_, index) => `command ${index}`);
  expect(await Promise.all(commands.map((command) => admin.line(command)))).toEqual(
    commands.map((command) => command.toUpperCase()),
  );
});

test("refusals are errors, and the next command has a connection of its own", async () => {
  const node = await serveLines((line, socket) => {
    if (line === "bad") socket.end("CLIENT_ERROR\r\n");
    else if (line === "later") socket.end("SERVER_ERROR read-only\r\n");
    else socket.write("END\r\n");
  });
  const admin = createAdmin(node);
  const outcomes = await Promise.all([
    failure(admin.lines("bad")),
    failure(admin.line("later")),
    admin.lines("ok"),
  ]);
  expect(outcomes.map((outcome) => (Array.isArray(outcome) ? "ok" : outcome.code))).toEqual([
    "bad-request",
    "unavailable",
    "ok",
  ]);
  expect(node.lines).toEqual(["bad", "later", "ok"]);
});

test("a command that ends the connection gives what came before", async () => {
  const admin = createAdmin(await serveLines((_line, socket) => socket.end("going\r\n")));
  expect(await admin.rest("shutdown")).toEqual(["going"]);
  const silent = createAdmin(await serveLines((_line, socket) => socket.end()));
  expect(await silent.rest("shutdown")).toEqual([]);
  const unwilling = createAdmin(await serveLines((_line, socket) => socket.end("ERROR\r\n")));
  expect((await failure(unwilling.rest("shutdown"))).code).toBe("bad-request");
});

test("no answer in time, half an answer, too long an answer: each is said, and the next command works", async () => {
  const node = await serveLines((line, socket) => {
    if (line === "half") socket.write("STAT a 1\r\n", () => socket.resetAndDestroy());
    if (line === "long") socket.write("x".repeat(2_000));
    if (line === "fine") socket.write("END\r\n");
  });
  const admin = createAdmin(node, { timeoutMs: 100, answerBytesMax: 1_000 });
  for (const command of ["silence", "half", "long"]) {
    expect((await failure(admin.lines(command))).code).toBe("unknown");
  }
  expect(await admin.lines("fine")).toEqual([]);
});

test("a node that isn't there: nothing was sent", async () => {
  const fake = await FakeKestrel.start();
  await fake.stop();
  const admin = new AdminConnection(fake.address);
  toEnd.push(admin);
  const errors = await Promise.all([failure(admin.lines("a")), failure(admin.lines("b"))]);
  expect(errors.map(({ code }) => code)).toEqual(["node-down", "node-down"]);
  expect(errors[0]!.node).toBe(fake.address);
});

test("more than one line is no command", async () => {
  const node = await serveLines(() => {});
  const admin = createAdmin(node);
  expect((await failure(admin.line("stats\r\nflush_all"))).code).toBe("bad-request");
  expect(node.lines).toEqual([]);
});

test("an unused connection ends, and is made again when needed", async () => {
  const node = await serveLines((_line, socket) => socket.write("END\r\n"));
  const admin = createAdmin(node, { idleMs: 20 });
  await admin.lines("one");
  await until(() => node.sockets[0]!.destroyed);
  await admin.lines("two");
  expect(node.sockets).toHaveLength(2);
});

test("close settles what waits", async () => {
  const node = await serveLines(() => {});
  const admin = createAdmin(node);
  const waiting = [failure(admin.lines("a")), failure(admin.lines("b"))];
  await until(() => node.lines.length === 1);
  admin.close();
  expect((await Promise.all(waiting)).map(({ code }) => code)).toEqual(["unknown", "closed"]);
  expect((await failure(admin.lines("c"))).code).toBe("closed");
});

/** A node with one user; without any, it refuses what a queue can't be named. */
function serveUsers(word: string | undefined): Promise<LineServer> {
  const known = new Set<Socket>();
  let isPassword = false;
  return serveLines((line, socket) => {
    const answer = (text: string) => socket.write(`${text}\r\n`);
    if (isPassword) {
      isPassword = false;
      if (word === undefined) answer('CLIENT_ERROR "~" is no name of a queue');
      else if (line === word) known.add(socket);
      if (word !== undefined) answer(line === word ? "STORED" : "CLIENT_ERROR authentication failure");
    } else if (line.startsWith("set ")) {
      isPassword = true;
    } else if (word !== undefined && !known.has(socket)) {
      socket.end("CLIENT_ERROR unauthenticated\r\n");
    } else {
      answer(line === "flush_all" ? "CLIENT_ERROR not allowed: flush" : "END");
    }
  });
}

const credentials = { username: "shop", password: "öpen sesame" };

test("with credentials it says who it is once a connection, before anything else", async () => {
  const node = await serveUsers("shop öpen sesame");
  const admin = createAdmin(node, { credentials });
  expect(await Promise.all([admin.lines("stats"), admin.lines("flush q")])).toEqual([[], []]);
  expect(node.lines).toEqual(["set ~ 0 0 17", "shop öpen sesame", "stats", "flush q"]);
  expect(await failure(admin.line("flush_all"))).toMatchObject({ code: "unauthorized" });
  expect(await admin.lines("stats")).toEqual([]);
});

test("a node without users is asked without, and no queue gets the password", async () => {
  const node = await serveUsers(undefined);
  const admin = createAdmin(node, { credentials, idleMs: 20 });
  expect(await admin.lines("stats")).toEqual([]);
  await until(() => node.sockets.every((socket) => socket.destroyed));
  expect(await admin.lines("stats")).toEqual([]);
  expect(node.lines).toEqual(["set ~ 0 0 17", "shop öpen sesame", "stats", "stats"]);
});

test.each([
  [
    "another password",
    { username: "shop", password: "guess" },
    /authentication failure to user and password$/,
  ],
  ["none", undefined, /CLIENT_ERROR unauthenticated to "stats"$/],
])("with %s it is told so, and all that wait are", async (_, wrong, message) => {
  const node = await serveUsers("shop öpen sesame");
  const admin = createAdmin(node, wrong === undefined ? {} : { credentials: wrong });
  const errors = await Promise.all([failure(admin.lines("stats")), failure(admin.lines("stats"))]);
  for (const error of errors) {
    expect(error.code).toBe("unauthorized");
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain("guess");
  }
});

test("a node that falls silent or ends while it is told who asks: nothing was sent", async () => {
  for (const end of [(_socket: Socket) => {}, (socket: Socket) => socket.destroy()]) {
    const node = await serveLines((_line, socket) => void end(socket));
    const admin = createAdmin(node, { credentials, timeoutMs: 100 });
    expect((await failure(admin.lines("stats"))).code).toBe("node-down");
    admin.close();
  }
});

test("commands behind one that is not answered don't wait as long, one after the other", async () => {
  const node = await serveLines(() => {});
  const admin = createAdmin(node, { timeoutMs: 200 });
  const codes = await Promise.all(
    ["stats", "stats", "version"].map((command) => failure(admin.lines(command)).then(({ code }) => code)),
  );
  expect(codes).toEqual(["unknown", "node-down", "node-down"]);
  expect(node.lines).toEqual(["stats"]);
});
