import { expect, test } from "vitest";
import { FakeClock } from "../testing/fake-clock.ts";
import { TestPort } from "../testing/fake-connection.ts";
import { type BodyHolder, BodyMemory } from "./body-memory.ts";

class Holder implements BodyHolder {
  isGone = false;
  readonly #memory: BodyMemory;

  constructor(memory: BodyMemory) {
    this.#memory = memory;
  }

  giveUpBody(): void {
    this.isGone = true;
    this.#memory.release(this);
  }
}

test("never gives more than there is, and takes back what is released", () => {
  const memory = new BodyMemory(100, 1000, new FakeClock());
  const [a, b] = [new Holder(memory), new Holder(memory)];
  expect(memory.grow(a, 60)).toBe(true);
  expect(memory.grow(b, 60)).toBe(false);
  expect(memory.grow(b, 40)).toBe(true);
  expect(memory.grow(a, 61)).toBe(false);
  memory.release(b);
  expect(memory.grow(a, 100)).toBe(true);
  memory.release(a);
  memory.release(a);
  expect(memory.bytes).toBe(0);
});

test("who has stalled gives way, the one that has stalled for longest first", () => {
  const clock = new FakeClock();
  const memory = new BodyMemory(100, 1000, clock);
  const [a, b, c] = [new Holder(memory), new Holder(memory), new Holder(memory)];
  memory.grow(a, 40);
  clock.advance(500);
  memory.grow(b, 40);
  clock.advance(499);
  expect(memory.grow(c, 40)).toBe(false);
  clock.advance(1);
  expect(memory.grow(c, 40)).toBe(true);
  expect([a.isGone, b.isGone]).toEqual([true, false]);
  clock.advance(500);
  // A holder does not push out itself.
  expect(memory.grow(b, 61)).toBe(false);
  expect(memory.grow(b, 60)).toBe(true);
});

test("an item that finds no memory is swallowed and refused, and the connection lives", async () => {
  const port = await TestPort.start({ limits: { bodyBytesMax: 100_000 } });
  const [first, second] = [port.connect(), port.connect()];
  const data = "x".repeat(90_000);
  await first.talk(`set q 0 0 90000\r\n${data.slice(0, 80_000)}`);
  const head = Buffer.from("80010001080000000001387900000000000000000000000000000000000000007178", "hex");
  expect(await second.talk(Buffer.concat([head, Buffer.alloc(79_000)]))).toBe("");
  const answer = await second.talk(Buffer.alloc(0x13879 - 9 - 79_001));
  expect(Buffer.from(answer, "latin1").subarray(0, 8).toString("hex")).toBe("8101000000000082");
  expect(await first.talk(`${data.slice(80_000)}\r\nget q\r\n`)).toBe(
    `STORED\r\nVALUE q 0 90000\r\n${data}\r\nEND\r\n`,
  );
  const third = port.connect();
  await third.talk(`set q 0 0 90000\r\n${data.slice(0, 80_000)}`);
  expect(port.host.bodyMemory.bytes).toBe(90_000);
  expect(await first.talk(`set q 0 0 90000\r\n${data}`)).toBe("");
  expect(await first.talk("\r\nversion\r\n")).toBe(
    "SERVER_ERROR out of memory storing object\r\nVERSION 3.0.0\r\n",
  );
  third.drop();
  expect(port.host.bodyMemory.bytes).toBe(0);
  await port.node.stop();
});

test("a half-received item that has stalled is given up with its connection", async () => {
  const port = await TestPort.start({ limits: { bodyBytesMax: 100_000, bodyStallMs: 5000 } });
  const [stalled, other] = [port.connect(), port.connect()];
  await stalled.talk(`set q 0 0 90000\r\n${"x".repeat(80_000)}`);
  port.node.clock.advance(5000);
  const data = "y".repeat(90_000);
  await other.talk(`set q 0 0 90000\r\n${data.slice(0, 50_000)}`);
  expect(stalled.socket.destroyed).toBe(true);
  expect(await other.talk(`${data.slice(50_000)}\r\n`)).toBe("STORED\r\n");
  await port.node.stop();
});

test("memory grows with what has arrived, not with what was announced", async () => {
  const port = await TestPort.start();
  const client = port.connect();
  await client.talk(`set q 0 0 60000000\r\n${"x".repeat(100)}`);
  expect(port.host.bodyMemory.bytes).toBeLessThan(20_000);
  await client.talk("x".repeat(100_000));
  expect(port.host.bodyMemory.bytes).toBeLessThan(500_000);
  client.drop();
  await port.node.stop();
});
