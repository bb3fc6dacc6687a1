/**
 * Strangers who try to get in with spoilt words. Whatever comes, nobody is let in who has not said the password, the
 * server lives, keeps little, and serves the others. `KESTREL_FUZZ_RUNS` says how many conversations, `KESTREL_SEED`
 * repeats some.
 */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TextCodec } from "../protocol/text/text-codec.ts";
import { ThriftCodec } from "../protocol/thrift/thrift-codec.ts";
import { readSettings } from "../settings/schema.ts";
import { requestFrame, saslFrame } from "../testing/binary-frame.ts";
import { type TestClient, TestPort, type TestPortOptions } from "../testing/fake-connection.ts";
import { cutAt } from "../testing/pieces.ts";
import { makeUser } from "../testing/quick-passwords.ts";
import { call, frameOf, thrift, type Writer } from "../testing/thrift-library.ts";
import { parsePasswordHash, verifyPassword } from "./password.ts";

const options = {
  numRuns: Number(process.env.KESTREL_FUZZ_RUNS ?? 150),
  ...(process.env.KESTREL_SEED ? { seed: Number(process.env.KESTREL_SEED) } : {}),
};
const bodyBytesMax = 20_000;
const treasure = "the treasure";
const users = [await makeUser("shop", "open sesame", { put: ["*"], get: ["*"], admin: true })];

const { Type } = thrift.Thrift;
const strings = (name: string, ...values: string[]): Buffer =>
  frameOf(name, call, 1, (to: Writer) => {
    for (const [id, value] of values.entries()) {
      to.writeFieldBegin!("", Type.STRING, id + 1);
      to.writeString!(value);
    }
  });
const lines = (...texts: string[]): Buffer[] => texts.map((text) => Buffer.from(text));

interface Door {
  readonly makeCodec?: TestPortOptions["makeCodec"] & {};
  /** What strangers say, nearly. */
  readonly words: readonly Buffer[];
  /** What lets one in. */
  readonly key: Buffer;
  /** Asks for what is in the queue, and leaves it there. */
  readonly peek: Buffer;
}

const doors: Record<string, Door> = {
  "memcache, ASCII": {
    words: lines(
      "set x 0 0 13\r\nshop sesame x\r\n",
      "set x 0 0 16\r\nshop open seseme\r\n",
      "SET x 0 0 0\r\n\r\n",
      "set x 0 0 15 noreply\r\nshop open sesam\r\n",
      "version\r\n",
      "get q\r\n",
      "get q/open\r\n",
      "set q 0 0 1\r\na\r\n",
      "delete q\r\n",
      "flush_all\r\n",
      "shutdown\r\n",
    ),
    key: Buffer.from("set x 0 0 16\r\nshop open sesame\r\n"),
    peek: Buffer.from("get q/peek\r\n"),
  },
  "memcache, binary": {
    words: [
      saslFrame("shop", "open"),
      saslFrame("", ""),
      requestFrame({ opcode: 0x21, key: "PLAIN", value: "shop\0open sesame" }),
      requestFrame({ opcode: 0x20 }),
      requestFrame({ opcode: 0x0b }),
      requestFrame({ opcode: 0x00, key: "q" }),
      requestFrame({ opcode: 0x01, key: "q", extras: "00".repeat(8), value: "a" }),
      requestFrame({ opcode: 0x08 }),
    ],
    key: saslFrame("shop", "open sesame"),
    peek: requestFrame({ opcode: 0x00, key: "q/peek" }),
  },
  text: {
    makeCodec: (wire, host) => new TextCodec(wire, host),
    words: lines(
      "auth shop open\n",
      "auth shop open sesame \n",
      "auth  shop open sesame\n",
      "auth \n",
      "version\n",
      "get q\n",
      "put q:\na\n\n",
      "flush q\n",
      "shutdown\n",
    ),
    key: Buffer.from("auth shop open sesame\n"),
    peek: Buffer.from("peek q\n"),
  },
  thrift: {
    makeCodec: (wire, host) => new ThriftCodec(wire, host),
    words: [
      strings("authenticate", "shop", "open"),
      strings("authenticate", "open sesame", "shop"),
      strings("authenticate"),
      strings("get_version"),
      strings("peek", "q"),
      strings("flush_all_queues"),
      strings("delete_queue", "q"),
    ],
    key: strings("authenticate", "shop", "open sesame"),
    peek: strings("peek", "q"),
  },
};

/** Words with some bytes changed, left out, or put in. */
function spoilt(words: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const change = fc.tuple(
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.nat(255),
    fc.constantFrom("set", "drop", "add"),
  );
  const word = fc
    .tuple(fc.constantFrom(...words), fc.array(change, { maxLength: 3 }))
    .map(([bytes, changes]) => {
      let result = bytes;
      for (const [share, byte, how] of changes) {
        const at = Math.floor(share * result.length);
        const after = how === "add" ? at : at + 1;
        const middle = how === "drop" ? [] : [byte];
        result = Buffer.concat([result.subarray(0, at), Buffer.from(middle), result.subarray(after)]);
      }
      return result;
    });
  const noise = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
  const pieces = fc.oneof({ weight: 9, arbitrary: word }, { weight: 1, arbitrary: noise });
  return fc.array(pieces, { minLength: 1, maxLength: 8 }).map((parts) => Buffer.concat(parts));
}

const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 });

describe.each(Object.keys(doors))("%s", (name) => {
  const { makeCodec, words, key, peek } = doors[name]!;
  let port: TestPort;
  let bystander: TestClient;

  beforeAll(async () => {
    port = await TestPort.start({
      users,
      limits: { itemBytesMax: 1000, bodyBytesMax },
      ...(makeCodec === undefined ? {} : { makeCodec }),
    });
    port.node.put("q", treasure);
    bystander = port.connect();
    bystander.send(key);
    await expectTreasure();
  });
  afterAll(() => port.node.stop());

  /** Who is in is served; and nobody else has done anything. */
  async function expectTreasure(): Promise<void> {
    let heard = "";
    bystander.send(peek);
    for (const began = performance.now(); !heard.includes(treasure) && performance.now() - began < 10_000; ) {
      heard += await bystander.hear();
    }
    expect(heard).toContain(treasure);
    expect(port.asked).toEqual([]);
    expect(port.node.queues.names()).toEqual(["q"]);
    expect(port.node.queue("q").length).toBe(1);
  }

  test("spoilt words let nobody in", async () => {
    await fc.assert(
      fc.asyncProperty(spoilt(words), shares, async (bytes, places) => {
        const stranger = port.connect();
        let heard = "";
        for (const part of cutAt(bytes, places)) heard += await stranger.talk(part);
        for (let i = 0; i < 20; i++) {
          port.node.clock.advance(100);
          heard += await stranger.talk(i === 10 ? peek : "");
        }
        expect(heard).not.toContain(treasure);
        expect(port.host.bodyMemory.bytes).toBeLessThanOrEqual(8 * 1024);
        stranger.drop();
        await expectTreasure();
        expect(port.host.bodyMemory.bytes).toBe(0);
      }),
      options,
    );
  }, 600_000);
});

test("what may be the hash of a password, or not, is told at once or checked", async () => {
  const right = users[0]!.password!;
  /** Several texts mean the same bytes. */
  const meaningOf = (text: string): object => ({ ...parsePasswordHash(text), text: "" });
  const hash = fc
    .tuple(fc.nat(right.length), fc.constantFrom("", "$", "0", "1", "9", "A", "_", "=", "\n", "ü"), fc.nat(3))
    .map(([at, insert, drop]) => right.slice(0, at) + insert + right.slice(at + drop));
  await fc.assert(
    fc.asyncProperty(hash, async (text) => {
      const parsed = parsePasswordHash(text);
      const config = { users: [{ name: "shop", password: text }] };
      if (parsed === undefined) {
        expect(() => readSettings(config)).toThrow("users[0].password: expected what kestrel");
        return;
      }
      expect(readSettings(config).server.users).toMatchObject([{ password: text }]);
      // Expensive ones are somebody's own wish.
      if (parsed.cost * parsed.blockSize * parsed.parallelization > 4096) return;
      // One byte more may happen to be what scrypt goes on with.
      if (parsed.hash.length > parsePasswordHash(right)!.hash.length) return;
      const isRight = await verifyPassword(parsed, Buffer.from("open sesame"));
      expect(isRight).toBe(isDeepStrictEqual(meaningOf(text), meaningOf(right)));
    }),
    options,
  );
});
