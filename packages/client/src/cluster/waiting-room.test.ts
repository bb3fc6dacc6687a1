// A waiting room over a node whose every move is the test's.

import { getEventListeners, setMaxListeners } from "node:events";
import { expect, test } from "vitest";
import { until } from "../testing/until.ts";
import type { OpenRead } from "../transport/transport.ts";
import { TransportError } from "../transport/transport-error.ts";
import type { ClusterNode } from "./node.ts";
import { ReadCursor } from "./read-cursor.ts";
import { WaitingRoom } from "./waiting-room.ts";

function roomAt(node: ClusterNode): WaitingRoom {
  return new WaitingRoom({
    queue: "q",
    places: () => [node],
    waitsAt: () => true,
    missed: () => {},
    lockedOut: () => {},
    onEmpty: () => {},
  });
}

test("a room that closes turns away thousands without calling off what each of them asks, and keeps no item", async () => {
  const asked: { signal: AbortSignal; answer(read: OpenRead | null): void }[] = [];
  const openRead = (_queue: string, _waitMs: number, signal: AbortSignal): Promise<OpenRead | null> =>
    new Promise((answer) => asked.push({ signal, answer }));
  const node = { id: "a", isFit: () => true, openRead } as unknown as ClusterNode;
  const room = roomAt(node);
  const leaving = new AbortController();
  setMaxListeners(0, leaving.signal);
  const { signal } = leaving;
  const gone = Array.from({ length: 5_000 }, () =>
    room.take(new ReadCursor(), performance.now() + 60_000, { signal }).catch(({ kind }) => kind),
  );
  await until(() => asked.length === gone.length);
  room.close(new TransportError("closed", "closed"));
  expect(new Set(await Promise.all(gone))).toEqual(new Set(["closed"]));
  expect(asked.filter((each) => each.signal.aborted)).toEqual([]);
  expect(getEventListeners(signal, "abort")).toEqual([]);
  const returned = new Promise<void>((resolve) => {
    asked[0]!.answer({ abort: async () => resolve() } as unknown as OpenRead);
  });
  await returned;
  for (const { answer } of asked) answer(null);
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toHaveLength(gone.length);
});

test("a node is asked for nothing while an item that nobody came for is on its way back to it", async () => {
  const reads: ((read: OpenRead | null) => void)[] = [];
  const openRead = (): Promise<OpenRead | null> => new Promise((resolve) => reads.push(resolve));
  const node = { id: "a", isFit: () => true, openRead } as unknown as ClusterNode;
  let putBack: (() => void) | undefined;
  const first: OpenRead = {
    data: Buffer.from("first"),
    flags: 0,
    isLost: false,
    confirm: () => Promise.resolve(),
    confirmAndOpen: () => Promise.resolve(null),
    abort: () => new Promise((resolve) => (putBack = resolve)),
  };
  const room = roomAt(node);
  const leaving = new AbortController();
  const gone = room
    .take(new ReadCursor(), performance.now() + 60_000, { signal: leaving.signal })
    .catch(({ kind }) => kind);
  await until(() => reads.length === 1);
  reads[0]!(null);
  await until(() => reads.length === 2);
  leaving.abort();
  expect(await gone).toBe("aborted");
  reads[1]!(first);
  await until(() => putBack !== undefined);

  const next = room.take(new ReadCursor(), performance.now() + 60_000);
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(reads).toHaveLength(2);
  putBack!();
  await until(() => reads.length === 3);
  reads[2]!(first);
  expect((await next).found!.read).toBe(first);
});
