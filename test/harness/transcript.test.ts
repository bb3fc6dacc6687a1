import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { paces, parseTranscript, replay } from "./transcript.ts";
import { WireSession } from "./wire-session.ts";

let server: Server | undefined;

afterEach(() => {
  server?.close();
  server = undefined;
});

/** A server that sends back what it gets, and closes the connection after a `!`. */
async function echo(): Promise<() => Promise<WireSession>> {
  server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      const end = chunk.indexOf("!");
      if (end < 0) socket.write(chunk);
      else socket.end(chunk.subarray(0, end));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return () => WireSession.connect(port);
}

describe.each(paces)("a transcript %s", (pace) => {
  test("passes when exactly these bytes come back", async () => {
    const steps = parseTranscript(String.raw`
      # both connections echo
      > hello \x00\[ab*3]
      < hello \0ababab
      b> other 123
      b< other \d
      > anything 5
      < any\*
      c> x
      c< x
      c hang up
      >| no\send
      <| no end
      b> bye!
      b<| bye
      b closed
    `);
    await replay(steps, pace, await echo());
  });

  test.each([
    ["a different byte", "> abc\n< abd", /line 2 .* expected "abd/],
    ["too few bytes", "> abc!\n< abc", /line 2 .* closed after "abc"/],
    ["digits that are none", "> x1\n<| x\\d1", /line 2/],
    ["bytes before the end", "> abc!\nclosed", /line 2 .* unexpected bytes "abc"/],
    ["a frame that is none", "> abcdefghijklmnopqrstuvwxyz\n<< get", /line 2 .* magic is different/],
  ])("fails on %s", async (_name, text, message) => {
    await expect(replay(parseTranscript(text), pace, await echo())).rejects.toThrow(message);
  });
});

test("a line of no known form is refused", () => {
  expect(() => parseTranscript("> a\nnonsense")).toThrow("line 2");
  expect(() => parseTranscript("> \\q")).toThrow("unknown escape");
});
