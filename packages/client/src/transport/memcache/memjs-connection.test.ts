// Each sharp edge of memjs against a server that misbehaves just so: nothing lost, doubled or left hanging.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { renderItem, renderMiss, renderReply } from "../../testing/binary-frames.ts";
import { type Script, ScriptedServer } from "../../testing/scripted-server.ts";
import { until } from "../../testing/until.ts";
import { isConnectedToItself } from "../self-connection.ts";
import { TransportError } from "../transport-error.ts";
import { type ConnectionOptions, MemjsConnection, type Reply } from "./memjs-connection.ts";

const GET = 0x00;
const SET = 0x01;

const opened: AsyncDisposable[] = [];
const connections: MemjsConnection[] = [];

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.destroy();
  for (const server of opened.splice(0)) await server[Symbol.asyncDispose]();
});

async function serve(script: Script): Promise<ScriptedServer> {
  const server = await ScriptedServer.start(script);
  opened.push(server);
  return server;
}

async function dial(
  server: ScriptedServer,
  options: Partial<ConnectionOptions> = {},
): Promise<MemjsConnection> {
  const connection = await MemjsConnection.connect({
    ...server.address,
    connectTimeoutMs: 5_000,
    replyBytesMax: 1_000_000,
    ...options,
  });
  connections.push(connection);
  return connection;
}

function get(connection: MemjsConnection, key: string, timeoutMs = 10_000): Promise<Reply> {
  return connection.request(GET, key, undefined, undefined, timeoutMs);
}

async function failure(promise: Promise<unknown>): Promise<TransportError> {
  const outcome = await promise.then(
    () => "it succeeded",
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(TransportError);
  return outcome as TransportError;
}

describe("a reply that comes too late", () => {
  test("is nobody's: the request may have happened, and later ones get their own replies", async () => {
    const late: (() => void)[] = [];
    const server = await serve((request, socket) => {
      if (request.connection === 1) late.push(() => socket.write(renderItem(request, "first")));
      else socket.write(renderItem(request, "second"));
    });
    const first = await dial(server);
    expect((await failure(get(first, "q", 50))).kind).toBe("no-answer");
    expect(first.isReady).toBe(false);

    const second = await dial(server);
    for (const send of late) send();
    expect((await get(second, "q")).value.toString()).toBe("second");
    expect(server.log).toEqual(["q@1", "q@2"]);
  });

  test("counts when it was there already, and only our event loop was late to look", async () => {
    const server = await serve((request, socket) => socket.write(renderItem(request, "in time")));
    const connection = await dial(server);
    await get(connection, "warm");
    // The server runs in this process too: let it answer first, then stall before the answer is read.
    const answered = new Promise<void>((resolve) => {
      server.follow((request, socket) => {
        socket.write(renderItem(request, "in time"));
        const until = performance.now() + 120;
        while (performance.now() < until);
        resolve();
      });
    });
    const reply = get(connection, "q", 60);
    await answered;
    expect((await reply).value.toString()).toBe("in time");
  });
});

test("half a reply and then a reset: settled at once, and no later value is made of the halves", async () => {
  const server = await serve((request, socket) => {
    if (request.connection > 1) {
      socket.write(renderItem(request, "whole"));
      return;
    }
    socket.write(renderItem(request, "x".repeat(200)).subarray(0, 60), () => socket.resetAndDestroy());
  });
  const first = await dial(server);
  expect((await failure(get(first, "q"))).kind).toBe("no-answer");
  const second = await dial(server);
  expect((await get(second, "q")).value.toString()).toBe("whole");
});

test("a clean end with requests in flight settles them all at once", async () => {
  const server = await serve((request, socket) => {
    if (request.key === "q2") socket.end();
  });
  const connection = await dial(server);
  const ended: unknown[] = [];
  connection.onEnd((error) => ended.push(error?.kind));
  const failures = await Promise.all([failure(get(connection, "q1")), failure(get(connection, "q2"))]);
  expect(failures.map(({ kind }) => kind)).toEqual(["no-answer", "no-answer"]);
  expect(ended).toEqual(["no-answer"]);
});

test("a clean end without requests is no failure, and later requests know that nothing was sent", async () => {
  const server = await serve(() => {});
  const connection = await dial(server);
  const end = new Promise((resolve) => connection.onEnd(resolve));
  for (const socket of server.sockets) socket.end();
  expect(await end).toBeUndefined();
  expect((await failure(get(connection, "q"))).kind).toBe("unreachable");
});

test("a refused connect is surely not sent", async () => {
  const server = await serve(() => {});
  const { port } = server;
  await server.stop();
  const attempt = MemjsConnection.connect({
    host: "127.0.0.1",
    port,
    connectTimeoutMs: 5_000,
    replyBytesMax: 1_000,
  });
  expect((await failure(attempt)).kind).toBe("unreachable");
});

test("a socket that connects to itself is nobody's node", async () => {
  // Nobody listens, and the local port is chosen to be the remote one.
  const { port } = await serve(() => {});
  await opened.pop()![Symbol.asyncDispose]();
  const socket = connect({ host: "127.0.0.1", port, localAddress: "127.0.0.1", localPort: port });
  await once(socket, "connect");
  expect(isConnectedToItself(socket)).toBe(true);
  socket.destroy();
  const server = await serve((request, reply) => reply.write(renderMiss(request)));
  const other = connect(server.address);
  await once(other, "connect");
  expect(isConnectedToItself(other)).toBe(false);
  other.destroy();
});

test("a connect that is too slow is surely not sent, and sends nothing when it succeeds after all", async () => {
  // A stopped process accepts nothing: once its backlog is full, the kernel lets connects wait.
  const child = spawn(process.execPath, [
    "-e",
    `let open = 0;
     const server = require("node:net").createServer((socket) => {
       open++;
       socket.on("error", () => {});
       socket.on("data", (data) => console.log("data " + data.length));
       socket.on("close", () => --open === 0 && console.log("all gone"));
     });
     server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => console.log(server.address().port));`,
  ]);
  let output = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text: string) => (output += text));
  try {
    await once(child.stdout, "data");
    const port = Number(output);
    child.kill("SIGSTOP");
    const fillers = Array.from({ length: 4 }, () => connect(port, "127.0.0.1").on("error", () => {}));
    await once(fillers[0]!, "connect");
    const options = { host: "127.0.0.1", port, connectTimeoutMs: 200, replyBytesMax: 1_000 };
    const attempts = await Promise.all(
      Array.from({ length: 3 }, async () => failure(MemjsConnection.connect(options))),
    );
    expect(attempts.map(({ kind }) => kind)).toEqual(["unreachable", "unreachable", "unreachable"]);
    expect(attempts[0]!.message).toContain("200 ms");
    child.kill("SIGCONT");
    for (const filler of fillers) filler.destroy();
    while (!output.includes("all gone")) await once(child.stdout, "data");
    expect(output).not.toContain("data");
  } finally {
    child.kill("SIGKILL");
  }
});

test("after a failure, a new connection made in the same turn works", async () => {
  const server = await serve((request, socket) => {
    if (request.connection === 1) socket.resetAndDestroy();
    else socket.write(renderItem(request, "fine"));
  });
  const first = await dial(server);
  const value = await get(first, "q").catch(async () => {
    const second = await dial(server);
    return get(second, "q");
  });
  expect(value.value.toString()).toBe("fine");
});

test("the late close of an old connection doesn't touch the new one", async () => {
  const server = await serve((request, socket) => {
    // The first connection is never answered, and its socket lingers on the server's side.
    if (request.connection === 2) socket.write(renderItem(request, "open item"));
  });
  const old = await dial(server);
  const pending = failure(get(old, "q"));
  await until(() => server.requests.length === 1);
  old.destroy();
  const next = await dial(server);
  await get(next, "q/open");
  expect((await pending).kind).toBe("no-answer");
  for (const socket of server.sockets) if (socket.readableEnded) socket.destroy();
  await get(next, "q/close");
  expect(server.log).toEqual(["q@1", "q/open@2", "q/close@2"]);
});

test("destroy settles what is in flight", async () => {
  const server = await serve(() => {});
  const connection = await dial(server);
  const pending = failure(get(connection, "q"));
  connection.destroy();
  expect((await pending).kind).toBe("no-answer");
});

test("numbers of requests wrap before they become negative", async () => {
  const server = await serve((request, socket) => socket.write(renderItem(request, request.key)));
  const connection = await dial(server, { sequence: 0x7fff_fffd });
  for (const key of ["a", "b", "c", "d"]) {
    expect((await get(connection, key)).value.toString()).toBe(key);
  }
  expect(server.requests.map(({ opaque }) => opaque)).toEqual([0x7fff_fffe, 0x7fff_ffff, 1, 2]);
});

test("every status comes back as it is, known to memjs or not, and nothing is written to the console", async () => {
  const log = vi.spyOn(console, "log");
  const server = await serve((request, socket) => {
    socket.write(renderReply(request.opcode, request.opaque, { status: Number(request.key), value: "why" }));
  });
  const connection = await dial(server);
  for (const status of [0x01, 0x03, 0x04, 0x05, 0x08, 0x81, 0x82, 0x84, 0x85, 0x86, 0x1234]) {
    const reply = await connection.request(SET, String(status), Buffer.alloc(8), Buffer.from("data"), 10_000);
    expect(reply.status).toBe(status);
    expect(reply.value.toString()).toBe("why");
  }
  expect(log).not.toHaveBeenCalled();
  log.mockRestore();
});

test("the status that wants authentication ends the connection and says so", async () => {
  const server = await serve((request, socket) => {
    socket.write(renderReply(request.opcode, request.opaque, { status: 0x20, value: "Auth failure." }));
  });
  const connection = await dial(server);
  expect((await failure(get(connection, "q"))).kind).toBe("unauthorized");
});

describe("credentials", () => {
  const authenticate: Script = (request, socket) => {
    if (request.opcode === 0x20) socket.write(renderReply(0x20, request.opaque, { value: "PLAIN" }));
    else if (request.opcode === 0x21) {
      const isRight = request.value.toString() === "\0kestrel\0secret";
      socket.write(renderReply(0x21, request.opaque, { status: isRight ? 0 : 0x20, value: "Authenticated" }));
    } else socket.write(renderItem(request, "let in"));
  };

  test("are shown before anything else is sent", async () => {
    const server = await serve(authenticate);
    const connection = await dial(server, { credentials: { username: "kestrel", password: "secret" } });
    expect((await get(connection, "q")).value.toString()).toBe("let in");
    expect(server.requests.map(({ opcode }) => opcode)).toEqual([0x20, 0x21, 0x00]);
  });

  test("that are wrong make no connection", async () => {
    const server = await serve(authenticate);
    const attempt = dial(server, { credentials: { username: "kestrel", password: "guess" } });
    expect((await failure(attempt)).kind).toBe("unauthorized");
  });

  test("nobody asked for are not taken from the environment", async () => {
    vi.stubEnv("MEMCACHIER_USERNAME", "somebody");
    vi.stubEnv("MEMCACHIER_PASSWORD", "else");
    const server = await serve((request, socket) => socket.write(renderMiss(request)));
    await get(await dial(server), "q");
    expect(server.requests.map(({ opcode }) => opcode)).toEqual([GET]);
    vi.unstubAllEnvs();
  });
});

describe("bytes that are no replies", () => {
  const nonsense: [string, (reply: Buffer) => void][] = [
    ["a wrong magic byte", (reply) => reply.writeUInt8(0x80, 0)],
    ["a body shorter than its key", (reply) => reply.writeUInt16BE(500, 2)],
    ["a body larger than allowed", (reply) => reply.writeUInt32BE(1_000_001, 8)],
    ["text", (reply) => reply.write("CLIENT_ERROR and more text\r\n")],
  ];
  test.each(nonsense)("%s: settled at once", async (_name, spoil) => {
    const server = await serve((request, socket) => {
      const reply = renderItem(request, "abc");
      spoil(reply);
      socket.write(reply);
    });
    const connection = await dial(server);
    expect((await failure(get(connection, "q"))).kind).toBe("no-answer");
    expect(connection.isReady).toBe(false);
  });

  test("behind a good reply: the good one counts", async () => {
    const server = await serve((request, socket) => {
      if (request.key === "first") return;
      socket.write(Buffer.concat([renderItem(server.requests[0]!, "good"), Buffer.alloc(24, 0x55)]));
    });
    const connection = await dial(server);
    const first = get(connection, "first");
    const second = failure(get(connection, "second"));
    expect((await first).value.toString()).toBe("good");
    expect((await second).kind).toBe("no-answer");
  });
});

test("replies come out whole however they are cut, and in order", async () => {
  const large = "x".repeat(300_000);
  const server = await serve((request, socket) => {
    const reply = renderItem(request, request.key === "large" ? large : request.key, 7);
    const step = request.key === "large" ? 50_000 : 5;
    for (let offset = 0; offset < reply.length; offset += step)
      socket.write(reply.subarray(offset, offset + step));
  });
  const connection = await dial(server);
  const replies = await Promise.all(["a", "large", "b", "", "c"].map((key) => get(connection, key)));
  expect(replies.map(({ value }) => value.toString())).toEqual(["a", large, "b", "", "c"]);
  expect(replies[0]!.extras.readUInt32BE()).toBe(7);
});

test("a reply that trickles in for longer than the time-out is waited for", async () => {
  const server = await serve(async (request, socket) => {
    const reply = renderItem(request, "x".repeat(10));
    for (const byte of reply) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  const connection = await dial(server);
  expect((await get(connection, "q", 200)).value.toString()).toBe("x".repeat(10));
});

test("an abort while connecting makes no connection", async () => {
  const server = createServer(() => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const controller = new AbortController();
  const attempt = MemjsConnection.connect(
    { host: "127.0.0.1", port, connectTimeoutMs: 5_000, replyBytesMax: 1_000 },
    controller.signal,
  );
  controller.abort();
  expect((await failure(attempt)).kind).toBe("aborted");
  server.close();
});
