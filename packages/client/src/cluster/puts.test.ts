// Puts that wait for a node to take them, through the client, while some nodes let it in and others don't.

import { afterEach, describe, expect, test } from "vitest";
import { ClusterFixture } from "../testing/cluster-fixture.ts";
import { until } from "../testing/until.ts";

const LONG_MS = 60_000;
const LOCKOUTS: [string, number][] = [
  ["want other credentials", 0x20],
  ["give no right to the queue", 0x08],
];
const toEnd: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

/** Two nodes: one that locks the client out, and one that takes no puts at present. */
async function start(lockout: number): Promise<ClusterFixture> {
  const fixture = await ClusterFixture.start(2, { strategy: "round-robin" });
  toEnd.push(fixture);
  const [locked, draining] = fixture.nodes;
  locked!.lockout = lockout;
  draining!.status = "read-only";
  return fixture;
}

describe.each(LOCKOUTS)("a put that waits, with nodes that %s", (_, lockout) => {
  test("goes on with the others, and is stored once one takes it", async () => {
    const { client, nodes } = await start(lockout);
    const waiting = client.put("q", "a", { wait: LONG_MS });
    const waitingMany = client.putMany("q", ["b", "c"], { wait: LONG_MS });
    const other = nodes[1]!;
    // A put, and one for each of the others, have been turned away by all.
    await until(() => other.log.length >= 3);
    other.status = "up";
    const stored = { stored: true, node: other.address };
    expect(await waiting).toEqual(stored);
    expect(await waitingMany).toEqual([stored, stored]);
    expect(other.items("q").toSorted()).toEqual(["a", "b", "c"]);
  });

  test("and is taken by none in time says that it wasn't let in", async () => {
    const { client } = await start(lockout);
    const error = await client.put("q", "a", { wait: 30 }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "unauthorized", message: expect.stringMatching(/: .*; .*: /) });
  });

  test("doesn't wait where no node lets it in", async () => {
    const { client, nodes } = await start(lockout);
    nodes[1]!.lockout = lockout;
    const error = await client.put("q", "a", { wait: LONG_MS }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "unauthorized" });
    const [outcome] = await client.putMany("q", ["b"], { wait: LONG_MS });
    expect(outcome).toMatchObject({ stored: false, error: { code: "unauthorized" } });
  });
});

test("a put that waits doesn't knock again and again where it isn't let in, and goes there once it is", async () => {
  const asked: string[] = [];
  const fixture = await ClusterFixture.start(2, {
    strategy: "round-robin",
    observe: ({ operation, node }) => {
      if (operation === "put") asked.push(node);
    },
  });
  toEnd.push(fixture);
  const [locked, draining] = fixture.nodes;
  locked!.lockout = 0x20;
  draining!.status = "read-only";
  const waiting = fixture.client.put("q", "a", { wait: LONG_MS });
  const timesAt = (node: string): number => asked.filter((each) => each === node).length;
  await until(() => timesAt(draining!.address) >= 4);
  expect(timesAt(locked!.address)).toBe(1);
  locked!.lockout = undefined;
  expect(await waiting).toEqual({ stored: true, node: locked!.address });
});
