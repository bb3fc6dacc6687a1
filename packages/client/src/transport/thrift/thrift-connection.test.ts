// One connection against a server that misbehaves in every way it can.

import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { ScriptedThrift, type ThriftScript } from "../../testing/scripted-thrift.ts";
import {
  renderException,
  renderInt32,
  renderItems,
  renderText,
  renderUnknown,
  renderVoid,
} from "../../testing/thrift-frames.ts";
import { TransportError, type TransportErrorKind } from "../transport-error.ts";
import { closeCall, getCall, peekCall, putCall, queueCall, versionCall } from "./calls.ts";
import { RefusedCall } from "./refused-call.ts";
import { ThriftConnection, type ThriftConnectionOptions } from "./thrift-connection.ts";

const toEnd: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function serve(script: ThriftScript): Promise<ScriptedThrift> {
  const server = await ScriptedThrift.start(script);
  toEnd.push(server);
  return server;
}

async function dial(port: number, options: Partial<ThriftConnectionOptions> = {}): Promise<ThriftConnection> {
  const connection = await ThriftConnection.connect({
    ...{ host: "127.0.0.1", port, connectTimeoutMs: 5_000, answerBytesMax: 1_000_000 },
    ...options,
  });
  toEnd.push({ [Symbol.asyncDispose]: async () => connection.destroy() });
  return connection;
}

async function failure(promise: Promise<unknown>): Promise<TransportError> {
  const outcome = await promise.then(
    (value) => `resolved with ${value}`,
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(TransportError);
  return outcome as TransportError;
}

const take = { queue: "q", lengthMax: 3, waitMs: 0, autoAbortMs: 1_000 };
const LONG_MS = 60_000;

test("calls are written as Kestrel's IDL has them", async () => {
  const server = await serve((call, socket) => {
    if (call.name === "get") socket.write(renderItems(call, []));
    else if (call.name === "peek") socket.write(renderUnknown(call));
    else if (call.name === "flush_queue") socket.write(renderVoid(call));
    else socket.write(renderInt32(call, 1));
  });
  const connection = await dial(server.port);
  const data = [Buffer.from("a"), Buffer.from("Grüße")];
  await Promise.all([
    connection.call(putCall({ queue: "q", items: data, expirationMs: 0, flags: 0 }), LONG_MS),
    connection.call(putCall({ queue: "ü", items: data, expirationMs: -1, flags: 0xffff_ffff }), LONG_MS),
    connection.call(getCall({ ...take, waitMs: 5 }), LONG_MS),
    connection.call(closeCall("confirm", "q", [1n, 2n ** 60n]), LONG_MS),
    connection.call(queueCall("flush_queue", "q"), LONG_MS),
  ]);
  expect(server.calls.map(({ name, args }) => [name, ...args])).toEqual([
    ["put", [1, "q"], [2, ["a", "Grüße"]], [3, 0]],
    ["put", [1, "ü"], [2, ["a", "Grüße"]], [3, -1], [5, -1]],
    ["get", [1, "q"], [2, 3], [3, 5], [4, 1_000], [5, true]],
    ["confirm", [1, "q"], [2, [1n, 2n ** 60n]]],
    ["flush_queue", [1, "q"]],
  ]);
  expect(server.calls.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
});

test("answers come out whole however they are cut", async () => {
  const large = "x".repeat(200_000);
  const server = await serve((call, socket) => {
    const answer = renderItems(call, [
      { data: large, id: 2n ** 60n, flags: 0xffff_fffe },
      { data: "", id: 2n },
    ]);
    for (let at = 0; at < answer.length; at += 9_973) socket.write(answer.subarray(at, at + 9_973));
  });
  const connection = await dial(server.port);
  const items = await connection.call(getCall(take), LONG_MS);
  expect(items.map(({ data, id, flags }) => [data.toString(), id, flags])).toEqual([
    [large, 2n ** 60n, 0xffff_fffe],
    ["", 2n, 0],
  ]);
});

describe("an exception", () => {
  const cases: [string, number, string | undefined, TransportErrorKind][] = [
    ["of a status", 6, "unavailable", "unavailable"],
    ["of a name", 6, "bad-name", "invalid"],
    ["for who has no right", 6, "forbidden", "forbidden"],
    ["of a disk", 6, "disk", "failed"],
    ["in words only", 6, undefined, "failed"],
    ["of a method that is not known", 1, undefined, "invalid"],
    ["of the protocol", 7, undefined, "invalid"],
  ];
  test.each(cases)("%s did not happen, and the connection lives", async (_name, type, code, kind) => {
    const server = await serve((call, socket) => {
      if (call.name === "get_version") socket.write(renderText(call, "3.0.0"));
      else socket.write(renderException(call, type, "no", code));
    });
    const connection = await dial(server.port);
    const error = await failure(connection.call(queueCall("delete_queue", "q"), LONG_MS));
    expect(error).toBeInstanceOf(RefusedCall);
    expect([error.kind, error.mayHaveHappened]).toEqual([kind, false]);
    expect(await connection.call(versionCall(), LONG_MS)).toBe("3.0.0");
  });
});

describe("what is no answer ends the connection, and what was sent may have happened", () => {
  const wrong: [string, ThriftScript][] = [
    ["another sequence number", (call, socket) => socket.write(renderInt32({ ...call, sequence: 77 }, 1))],
    ["another method's", (call, socket) => socket.write(renderInt32({ ...call, name: "peek" }, 1))],
    ["of another type", (call, socket) => socket.write(renderText(call, "1"))],
    ["without a result", (call, socket) => socket.write(renderVoid(call))],
    ["larger than may be", (_call, socket) => socket.write(Buffer.from("7fffffff80010002", "hex"))],
    ["text", (_call, socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n")],
    [
      "an old header",
      (_call, socket) => socket.write(Buffer.from("000000100000000370757402000000010800", "hex")),
    ],
    [
      "a size beyond its end",
      (call, socket) => {
        const answer = renderText(call, "abc");
        answer.writeInt32BE(1_000, answer.length - 8);
        socket.write(answer);
      },
    ],
    ["cut short by the end", (call, socket) => socket.end(renderInt32(call, 1).subarray(0, 9))],
    [
      "cut short by a reset",
      (call, socket) => socket.write(renderInt32(call, 1).subarray(0, 9), () => socket.resetAndDestroy()),
    ],
    ["nothing but the end", (_call, socket) => socket.end()],
  ];
  test.each(wrong)("%s", async (_name, script) => {
    const server = await serve(script);
    const connection = await dial(server.port);
    const calls = [1, 2].map(() =>
      failure(connection.call(putCall({ queue: "q", items: [], expirationMs: 0, flags: 0 }), LONG_MS)),
    );
    for (const error of await Promise.all(calls)) {
      expect([error.kind, error.mayHaveHappened]).toEqual(["no-answer", true]);
    }
    expect(connection.isReady).toBe(false);
    expect((await failure(connection.call(versionCall(), LONG_MS))).kind).toBe("unreachable");
  });

  test("more items than were asked for", async () => {
    const items = [1n, 2n, 3n, 4n].map((id) => ({ data: "x", id }));
    const server = await serve((call, socket) => socket.write(renderItems(call, items)));
    const connection = await dial(server.port);
    expect((await failure(connection.call(getCall(take), LONG_MS))).kind).toBe("no-answer");
  });

  test("one that nobody has asked for, but good ones before it count", async () => {
    const server = await serve((call, socket) => {
      socket.write(Buffer.concat([renderText(call, "good"), renderText(call, "twice")]));
    });
    const connection = await dial(server.port);
    const ended = new Promise((resolve) => connection.onEnd(resolve));
    expect(await connection.call(versionCall(), LONG_MS)).toBe("good");
    expect(await ended).toBeUndefined();
  });
});

test("an answer that doesn't come in time ends the connection; what comes late is nobody's", async () => {
  const server = await serve((call, socket) => {
    if (call.connection === 1) setTimeout(() => socket.write(renderText(call, "late")), 150);
    else socket.write(renderText(call, "in time"));
  });
  const connection = await dial(server.port);
  expect((await failure(connection.call(versionCall(), 50))).kind).toBe("no-answer");
  expect(await (await dial(server.port)).call(versionCall(), LONG_MS)).toBe("in time");
});

test("after our end what was sent is still answered", async () => {
  const server = await serve((call, socket) => socket.write(renderText(call, "still")));
  const connection = await dial(server.port);
  const answer = connection.call(versionCall(), LONG_MS);
  connection.end();
  expect(connection.isReady).toBe(false);
  expect(await answer).toBe("still");
});

describe("who one is", () => {
  const credentials = { username: "shop", password: "open sesame" };

  test("is said before anything else", async () => {
    const server = await serve((call, socket) =>
      socket.write(call.name === "authenticate" ? renderVoid(call) : renderText(call, "let in")),
    );
    const connection = await dial(server.port, { credentials });
    expect(await connection.call(versionCall(), LONG_MS)).toBe("let in");
    expect(server.calls[0]).toMatchObject({
      name: "authenticate",
      args: new Map([
        [1, "shop"],
        [2, "open sesame"],
      ]),
    });
  });

  test("and refused, there is no connection", async () => {
    const server = await serve((call, socket) =>
      socket.write(renderException(call, 6, "authentication failure", "unauthenticated")),
    );
    expect((await failure(dial(server.port, { credentials }))).kind).toBe("unauthorized");
  });

  test("is nothing to a node that doesn't know the call", async () => {
    const server = await serve((call, socket) =>
      socket.write(
        call.name === "authenticate"
          ? renderException(call, 1, "Invalid method name")
          : renderText(call, "x"),
      ),
    );
    expect(await (await dial(server.port, { credentials })).call(versionCall(), LONG_MS)).toBe("x");
  });
});

test("nobody there, or nobody who answers: surely not sent", async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  const error = await failure(dial(port));
  expect([error.kind, error.mayHaveHappened]).toEqual(["unreachable", false]);
  const silent = await serve(() => {});
  const credentials = { username: "a", password: "b" };
  expect((await failure(dial(silent.port, { credentials, connectTimeoutMs: 50 }))).kind).toBe("unreachable");
});

test("a field that nobody knows is passed by", async () => {
  const server = await serve((call, socket) => socket.write(renderUnknown(call)));
  const connection = await dial(server.port);
  expect(await connection.call(closeCall("abort", "q", [1n]), LONG_MS)).toBe(1);
  expect((await failure(connection.call(peekCall("q"), LONG_MS))).kind).toBe("no-answer");
});
