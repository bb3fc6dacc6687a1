/** How attempts to connect fail, with servers that are none. What happens with a real one is in the repository's test/. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { loadZookeeper } from "./load-zookeeper.ts";

const never: AbortSignal = new AbortController().signal;
const sockets = new Set<Socket>();
let server: Server | undefined;

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  if (server?.listening) await close();
});

async function close(): Promise<void> {
  const closed = once(server!, "close");
  server!.close();
  await closed;
}

/** Gives the port of a server that does this with who connects. */
async function listen(answer: (socket: Socket) => void): Promise<number> {
  server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    answer(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function connect(port: number, sessionTimeoutMs = 30_000, signal = never): Promise<unknown> {
  const open = await loadZookeeper({ sessionTimeoutMs, credentials: null });
  return open({ host: "127.0.0.1", port }, signal);
}

test("nobody listens: unreachable", async () => {
  const port = await listen(() => {});
  await close();
  await expect(connect(port)).rejects.toMatchObject({ name: "ZookeeperError", code: "unreachable" });
});

test("a server that says nothing is unreachable once a session would have expired", async () => {
  const port = await listen(() => {});
  const error = { code: "unreachable", message: "no answer within 50 ms" };
  await expect(connect(port, 50)).rejects.toMatchObject(error);
});

test("a server that hangs up without an answer has dropped the connection", async () => {
  const port = await listen((socket) => socket.once("data", () => socket.end()));
  await expect(connect(port)).rejects.toMatchObject({ code: "dropped" });
});

test("an answer that makes no sense ends the connection", async () => {
  const port = await listen((socket) => socket.write(Buffer.from([0, 0, 0, 4, 1, 2, 3, 4])));
  const error = { code: "lost", message: expect.stringContaining("makes no sense") };
  await expect(connect(port)).rejects.toMatchObject(error);
});

test("an answer that has no end does too", async () => {
  const endless = Buffer.alloc(9 * 1024 * 1024, 0x7f);
  const port = await listen((socket) => socket.write(endless));
  const error = { code: "lost", message: expect.stringContaining("more than 8388608 bytes") };
  await expect(connect(port)).rejects.toMatchObject(error);
});

test("who gives up needn't wait", async () => {
  const giveUp = new AbortController();
  const port = await listen(() => giveUp.abort());
  await expect(connect(port, 30_000, giveUp.signal)).rejects.toMatchObject({ message: "given up" });
});
