/** Reads that were open for longer than their queue allows: whoever had them has them no more. */
import { expect, test } from "vitest";
import { TestPort } from "../testing/fake-connection.ts";
import type { GatherRequest, Reply, Request } from "./request.ts";
import { Session } from "./session.ts";

const rules = { queues: [["q", { openTransactionTimeoutMs: 10_000 }]] } as const;
const gather: GatherRequest = {
  kind: "gather",
  queue: "q",
  lengthMax: 2,
  bytesMax: 1000,
  waitMs: 0,
  lendMs: 600_000,
  endsWithSession: false,
};

class Client {
  readonly session: Session;
  readonly replies: Reply[] = [];
  readonly address = "here";
  readonly isReady = true;

  constructor(port: TestPort) {
    this.session = new Session(port.host, this);
  }

  ask(request: Request): Reply | undefined {
    this.session.execute(request);
    return this.replies.pop();
  }

  reply(reply: Reply): void {
    this.replies.push({ ...reply });
  }

  holdFor(): void {}
}

/** The id of the first one that was lent. */
function lentId(reply: Reply | undefined): number {
  expect(reply).toMatchObject({ kind: "gathered", items: [{ data: Buffer.from("a") }, {}] });
  return reply?.kind === "gathered" ? reply.firstId : Number.NaN;
}

test("lent reads go back before their own time, and their ids close nothing of the next reader", async () => {
  const port = await TestPort.start({ rules, maxOpenTransactions: 2 });
  const { node } = port;
  for (const text of ["a", "b", "c"]) node.put("q", text);
  const first = new Client(port);
  const second = new Client(port);
  const firstId = lentId(first.ask(gather));
  // There is room for no more.
  expect(first.ask(gather)).toMatchObject({ kind: "gathered", items: [] });
  node.clock.advance(11_000);
  const secondId = lentId(second.ask(gather));
  expect(secondId).toBeGreaterThan(firstId + 1);
  expect(first.ask({ kind: "confirm-lent", ids: [firstId] })).toMatchObject({ value: 0 });
  expect(first.ask({ kind: "abort-lent", ids: [firstId + 1] })).toMatchObject({ value: 0 });
  expect(node.queue("q").openLength).toBe(2);
  // There is room for two again.
  expect(first.ask(gather)).toMatchObject({ kind: "gathered", items: [{ data: Buffer.from("c") }] });
  expect(first.ask({ kind: "confirm-lent", ids: [secondId, secondId + 1] })).toMatchObject({ value: 2 });
  await node.stop();
});

test("a call that collects for longer than that, and is first in the line again, has the item once", async () => {
  const port = await TestPort.start({ rules, maxOpenTransactions: 2 });
  const { node } = port;
  node.put("q", "a");
  const first = new Client(port);
  expect(first.ask({ ...gather, waitMs: 20_000 })).toBeUndefined();
  node.clock.advance(11_000);
  node.turn.endNow();
  expect(node.queue("q").counters.canceledTransactions).toBe(1);
  expect(node.queue("q").openLength).toBe(1);
  node.clock.advance(8_000);
  expect(first.replies).toEqual([]);
  node.clock.advance(1_000);
  expect(first.replies).toMatchObject([{ kind: "gathered", items: [{ data: Buffer.from("a") }] }]);
  await node.stop();
});
