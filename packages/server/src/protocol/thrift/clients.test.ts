/** Clients as others have them, over real sockets. Debian's python3-thrift is left out, and this is said, without it. */
import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KestrelServer } from "../../server.ts";
import {
  GeneratedKestrel,
  idsOf,
  type ThriftKestrel,
  textsOf,
  thrift,
} from "../../testing/thrift-library.ts";

const host = "127.0.0.1";
/** Debian's own, which sees the packages of Debian. */
const python = "/usr/bin/python3";
let server: KestrelServer;
let port: number;

beforeAll(async () => {
  server = await KestrelServer.start({
    queuePath: null,
    memcachePort: null,
    thriftPort: 0,
    maxOpenTransactions: 100,
  });
  ({ port } = server.listeners.thrift!);
});

afterAll(() => server?.stop());

interface Client extends AsyncDisposable {
  readonly kestrel: ThriftKestrel;
}

async function connect(): Promise<Client> {
  const options = { transport: thrift.TFramedTransport, protocol: thrift.TBinaryProtocol };
  const connection = thrift.createConnection(host, port, options);
  const kestrel = thrift.createClient(GeneratedKestrel, connection) as ThriftKestrel;
  await once(connection, "connect");
  return {
    kestrel,
    async [Symbol.asyncDispose]() {
      const closed = once(connection.connection, "close");
      connection.end();
      await closed;
    },
  };
}

describe("npm's thrift", () => {
  test("binary items, confirmed from another connection", async () => {
    await using one = await connect();
    await using two = await connect();
    const items = [
      Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
      Buffer.alloc(0),
      Buffer.alloc(1_000_000, "large"),
    ];
    expect(await one.kestrel.put("npm", items, 0)).toBe(3);
    const got = await one.kestrel.get("npm", 10, 0, 60_000);
    for (const [i, { data }] of got.entries()) expect(data.equals(items[i]!)).toBe(true);
    expect(got).toHaveLength(3);
    expect(await two.kestrel.confirm("npm", idsOf(got))).toBe(3);
    expect(await two.kestrel.get("npm", 10, 0, 0)).toEqual([]);
  });

  test("an item goes back when its time is over, although its client is gone", async () => {
    await using two = await connect();
    {
      await using one = await connect();
      await one.kestrel.put("left", ["item"], 0);
      expect(await one.kestrel.get("left", 1, 0, 50)).toHaveLength(1);
    }
    expect(textsOf(await two.kestrel.get("left", 1, 20_000, 0))).toEqual(["item"]);
  });

  test("a hundred calls at once are answered in order, also behind one that waits", async () => {
    await using one = await connect();
    await using two = await connect();
    const order: number[] = [];
    const note = (number: number) => (): void => void order.push(number);
    const calls = [one.kestrel.get("slow", 1, 20_000, 0).then(note(0))];
    for (let i = 1; i <= 100; i++) calls.push(one.kestrel.put("fast", [String(i)], 0).then(note(i)));
    await two.kestrel.put("slow", ["go"], 0);
    await Promise.all(calls);
    expect(order).toEqual(Array.from({ length: 101 }, (_, i) => i));
    const all = await two.kestrel.get("fast", 200, 0, 0);
    expect(textsOf(all)).toEqual(Array.from({ length: 100 }, (_, i) => String(i + 1)));
  });

  test("errors come as exceptions, and the connection lives", async () => {
    await using one = await connect();
    await expect(one.kestrel.put("a/b", ["x"], 0)).rejects.toMatchObject({ type: 6 });
    await expect(one.kestrel.peek("")).rejects.toMatchObject({ name: "TApplicationException" });
    expect(await one.kestrel.get_version()).toBe("3.0.0");
  });
});

describe("python3-thrift", () => {
  const isInstalled = spawnSync(python, ["-c", "import thrift"]).status === 0;
  if (!isInstalled) console.warn("left out: python3-thrift is not installed");

  test.skipIf(!isInstalled).each(["strict", "old", "accelerated"])("%s headers", async (protocol) => {
    const script = fileURLToPath(new URL("python-session.py", import.meta.url));
    const code = fileURLToPath(new URL("gen/python", import.meta.url));
    const { stdout } = await promisify(execFile)(python, [script, code, host, String(port), protocol], {
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
      timeout: 50_000,
    });
    expect(stdout).toBe("ok\n");
  });
});
