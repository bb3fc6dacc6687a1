import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemcacheWire } from "./memcache-wire.ts";
import type { Wire } from "./wire.ts";

/** A node that reads its part: it answers each chunk that comes with the next of its answers. */
let server: Server;
let wire: Wire;
let answers: (string | null)[];
let asked: string;

beforeEach(async () => {
  asked = "";
  server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      asked += chunk;
      const answer = answers.shift();
      if (answer === null) socket.destroy();
      else if (answer !== undefined) socket.write(answer);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  wire = await MemcacheWire.connect({ host: "127.0.0.1", port, timeoutMs: 200 });
});
afterEach(() => {
  wire.destroy();
  server.close();
});

const texts = (items: { data: Buffer }[]) => items.map(({ data }) => String(data));

describe("a load test's connection", () => {
  it("puts, takes, opens, confirms and flushes", async () => {
    answers = [
      "STORED\r\nSTORED\r\n",
      "VALUE q 0 3\r\none\r\nEND\r\n",
      "END\r\n",
      "VALUE q 0 2\r\n\r\n\r\nEND\r\n",
      "END\r\n",
      "VALUE q 0 1\r\na\r\nEND\r\nVALUE q 0 1\r\nb\r\nEND\r\nEND\r\n",
      "END\r\n",
      "END\r\n",
    ];
    await wire.put("q", [Buffer.from("one"), Buffer.from("two")]);
    expect(String(await wire.take("q", 0))).toBe("one");
    expect(await wire.take("q", 50)).toBeNull();
    const opened = await wire.open("q", 50, 1);
    expect(texts(opened)).toEqual(["\r\n"]);
    await wire.confirm("q", opened);
    const monitored = await wire.open("q", 1000, 5);
    expect(texts(monitored)).toEqual(["a", "b"]);
    await wire.confirm("q", monitored);
    await wire.flush("q");
    expect(asked.split("\r\n")).toEqual([
      "set q 0 0 3",
      "one",
      "set q 0 0 3",
      "two",
      "get q",
      "get q/t=50",
      "get q/t=50/open",
      "get q/close",
      "monitor q 1 5",
      "confirm q 2",
      "flush q",
      "",
    ]);
  });

  it.each([
    ["a put that is refused", ["NOT_STORED\r\n"], "STORED was expected"],
    ["an item of another queue", ["VALUE p 0 1\r\na\r\nEND\r\n"], "an item of q was expected"],
    ["an answer that comes twice", ["END\r\nEND\r\n"], "more came than was asked for"],
    ["two items for one", ["VALUE q 0 1\r\na\r\nVALUE q 0 1\r\nb\r\nEND\r\n"], "more than 1 items came"],
    ["no answer", [], "no answer in time"],
    ["half an answer", ["VALUE q 0 9\r\na"], "no answer in time"],
    ["an end of the connection", [null], "the connection ended"],
  ])("fails at %s", async (what, given, message) => {
    answers = given;
    const request = what.includes("put")
      ? wire.put("q", [Buffer.from("x")])
      : wire.take("q", 0).then(() => wire.take("q", 0));
    await expect(request).rejects.toThrow(message);
    await expect(wire.take("q", 0)).rejects.toThrow(message);
  });
});
