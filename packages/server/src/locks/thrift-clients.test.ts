/** Generated thrift clients say who they are. Debian's python3-thrift is left out, and this is said, without it. */
import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KestrelServer } from "../server.ts";
import { makeUser } from "../testing/quick-passwords.ts";
import { GeneratedKestrel, type ThriftKestrel, textsOf, thrift } from "../testing/thrift-library.ts";

const python = "/usr/bin/python3";
const hasPython = spawnSync(python, ["-c", "import thrift"]).status === 0;
if (!hasPython) console.warn("left out: python3-thrift is not installed");

let server: KestrelServer;
let port: number;

beforeAll(async () => {
  const users = [await makeUser("shop", "sésame", { put: ["orders"], get: ["orders"] })];
  server = await KestrelServer.start({ queuePath: null, memcachePort: null, thriftPort: 0, users });
  ({ port } = server.listeners.thrift!);
});
afterAll(() => server?.stop());

test("npm's thrift", async () => {
  const options = { transport: thrift.TFramedTransport, protocol: thrift.TBinaryProtocol };
  const connection = thrift.createConnection("127.0.0.1", port, options);
  const kestrel = thrift.createClient(GeneratedKestrel, connection) as ThriftKestrel;
  await once(connection, "connect");
  await expect(kestrel.put("orders", ["x"])).rejects.toMatchObject({ message: "not authenticated" });
  await expect(kestrel.authenticate("shop", "guess")).rejects.toMatchObject({
    message: "authentication failure",
  });
  await kestrel.authenticate("shop", "sésame");
  expect(await kestrel.put("orders", ["x"])).toBe(1);
  await expect(kestrel.peek("secrets")).rejects.toMatchObject({ message: "not allowed to read secrets" });
  expect(textsOf(await kestrel.get("orders", 1))).toEqual(["x"]);
  const closed = once(connection.connection, "close");
  connection.end();
  await closed;
});

test.runIf(hasPython)("python3-thrift", async () => {
  const script = fileURLToPath(new URL("thrift-session.py", import.meta.url));
  const code = fileURLToPath(new URL("../protocol/thrift/gen/python", import.meta.url));
  const { stdout } = await promisify(execFile)(python, [script, code, "127.0.0.1", String(port)], {
    timeout: 30_000,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
  });
  expect(stdout).toBe("ok\n");
});
