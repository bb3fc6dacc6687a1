import { expect, test } from "vitest";
import { Inbox } from "./inbox.ts";

function makeInbox(heldBytesMax: number): { inbox: Inbox; calls: string[]; heldText: () => string | null } {
  const calls: string[] = [];
  const note = (call: string): (() => never) => {
    return () => calls.push(call) as never;
  };
  const inbox = new Inbox({ pause: note("pause"), resume: note("resume") }, heldBytesMax);
  const heldText = (): string | null => {
    const { held } = inbox;
    return held === null ? null : held.bytes.toString("latin1", held.start, held.end);
  };
  return { inbox, calls, heldText };
}

test("keeps a copy of what was not read, until it is", () => {
  const { inbox, calls, heldText } = makeInbox(100);
  const arrived = Buffer.from("read|unread");
  inbox.keep(arrived, 5, 11);
  arrived.fill("-");
  expect(heldText()).toBe("unread");
  const { held } = inbox;
  held!.append(Buffer.from(", more"), 6);
  inbox.keep(held!.bytes, held!.start + 2, held!.end);
  expect(heldText()).toBe("read, more");
  inbox.keep(held!.bytes, held!.end, held!.end);
  expect(heldText()).toBeNull();
  expect(calls).toEqual([]);
});

test("pauses the socket once while too much is held, and lets it go on once", () => {
  const { inbox, calls } = makeInbox(4);
  inbox.keep(Buffer.from("1234"), 0, 4);
  expect(calls).toEqual([]);
  const held = inbox.held!;
  held.append(Buffer.from("5"), 1);
  inbox.keep(held.bytes, held.start, held.end);
  inbox.keep(held.bytes, held.start, held.end);
  expect(calls).toEqual(["pause"]);
  inbox.keep(held.bytes, held.start + 1, held.end);
  inbox.keep(held.bytes, held.end, held.end);
  expect(calls).toEqual(["pause", "resume"]);
});

test("what is dropped is gone, and the socket stays paused until it is told to go on", () => {
  const { inbox, calls, heldText } = makeInbox(1);
  inbox.keep(Buffer.from("12"), 0, 2);
  inbox.drop();
  expect(heldText()).toBeNull();
  expect(calls).toEqual(["pause"]);
  inbox.resume();
  inbox.resume();
  expect(calls).toEqual(["pause", "resume"]);
});
