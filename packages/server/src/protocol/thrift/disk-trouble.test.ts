import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TestPort } from "../../testing/fake-connection.ts";
import { systemError } from "../../testing/fake-disk.ts";
import { FakeThrift, idsOf, textsOf } from "../../testing/thrift-library.ts";
import { ThriftCodec } from "./thrift-codec.ts";

let port: TestPort;
let one: FakeThrift;
let two: FakeThrift;

beforeEach(async () => {
  port = await TestPort.start({
    maxOpenTransactions: 10,
    rules: { queues: [["safe", { syncJournal: 0 }]] },
    makeCodec: (wire, host) => new ThriftCodec(wire, host),
  });
  one = new FakeThrift(port.connect());
  two = new FakeThrift(port.connect());
});

afterEach(() => port.node.stop());

function fill(): void {
  port.node.disk.fault = (operation) => {
    if (operation === "write") throw systemError("ENOSPC", "q");
  };
}

/** The journal looks for space again after a while. */
function makeRoom(): void {
  port.node.disk.fault = () => {};
  port.node.clock.advance(60_000);
}

const outOfSpace = { type: 6, message: expect.stringContaining("no space") };

describe("a full disk", () => {
  test("puts are answered with the reason, calls around them as ever", async () => {
    await one.ask((kestrel) => kestrel.put("q", ["old"]));
    fill();
    const version = one.kestrel.get_version();
    const put = one.kestrel.put("q", ["a", "b"]);
    const got = one.kestrel.get("q", 1);
    const failing = expect(put).rejects.toMatchObject(outOfSpace);
    await one.exchange();
    await failing;
    expect([await version, textsOf(await got)]).toEqual(["3.0.0", ["old"]]);
    await expect(one.ask((kestrel) => kestrel.put("q", ["c"]))).rejects.toMatchObject(outOfSpace);
    makeRoom();
    expect(await one.ask((kestrel) => kestrel.put("q", ["d"]))).toBe(1);
    expect(textsOf((await one.ask((kestrel) => kestrel.get("q", 5)))!)).toEqual(["d"]);
  });

  test.each([0, 1000])(
    "what was put and got in the same turn was never there; auto-abort %d",
    async (autoAbortMs) => {
      await one.ask((kestrel) => kestrel.put("q", ["old"]));
      const got = two.kestrel.get("q", 3, 1000, autoAbortMs);
      await two.exchange();
      fill();
      await expect(one.ask((kestrel) => kestrel.put("q", ["a", "b"]))).rejects.toMatchObject(outOfSpace);
      await two.hear();
      expect(textsOf(await got)).toEqual(["old"]);
      expect(port.node.queue("q").openLength).toBe(autoAbortMs === 0 ? 0 : 1);
      makeRoom();
      await one.ask((kestrel) => kestrel.put("q", ["c"]));
      const all = textsOf((await one.ask((kestrel) => kestrel.get("q", 5)))!);
      expect(all).toEqual(autoAbortMs === 0 ? ["c"] : ["old", "c"]);
    },
  );

  test("a client that goes gives back only what is there", async () => {
    await one.ask((kestrel) => kestrel.put("q", ["old"]));
    two.kestrel.get("q", 5, 1000);
    await two.exchange();
    fill();
    await one.ask((kestrel) => kestrel.put("q", ["a"])).catch(() => {});
    two.connection.drop();
    makeRoom();
    await one.ask((kestrel) => kestrel.put("q", ["b"]));
    expect(textsOf((await one.ask((kestrel) => kestrel.get("q", 5)))!)).toEqual(["old", "b"]);
  });

  test("confirms go on", async () => {
    await one.ask((kestrel) => kestrel.put("q", ["a", "b"]));
    const got = (await one.ask((kestrel) => kestrel.get("q", 2, 0, 1000)))!;
    fill();
    expect(await one.ask((kestrel) => kestrel.confirm("q", idsOf(got)))).toBe(2);
  });
});

describe("with syncJournal 0", () => {
  test("puts, gets and confirms are answered after the medium has them", async () => {
    expect(await one.ask((kestrel) => kestrel.put("safe", ["a", "b", "c"]))).toBe(3);
    expect(textsOf((await one.ask((kestrel) => kestrel.get("safe", 1)))!)).toEqual(["a"]);
    const got = (await one.ask((kestrel) => kestrel.get("safe", 5, 0, 1000)))!;
    expect(textsOf(got)).toEqual(["b", "c"]);
    expect(await two.ask((kestrel) => kestrel.confirm("safe", idsOf(got)))).toBe(2);
    const disk = port.node.disk.afterPowerLoss();
    const after = await port.node.afterKill(disk);
    expect(await after.drain("safe")).toEqual([]);
    await after.stop();
  });

  test("a failed sync refuses puts; what was handed out stays so", async () => {
    await one.ask((kestrel) => kestrel.put("safe", ["a"]));
    port.node.disk.fault = (operation) => {
      if (operation === "sync") throw systemError("EIO", "safe");
    };
    const got = one.kestrel.get("safe", 1);
    await one.exchange();
    await one.hear();
    expect(textsOf(await got)).toEqual(["a"]);
    await expect(one.ask((kestrel) => kestrel.put("safe", ["b"]))).rejects.toMatchObject({ type: 6 });
    port.node.disk.fault = () => {};
  });
});
