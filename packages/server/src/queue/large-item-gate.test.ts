/** Those who wait until a large item may be handed out, and what ends that wait other than room for it. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Reply, Request } from "../session/request.ts";
import { Session } from "../session/session.ts";
import { TestPort } from "../testing/fake-connection.ts";
import type { LargeItemGate } from "./large-item-gate.ts";
import type { Queue } from "./queue.ts";

const large = "x".repeat(100_000);
let port: TestPort;
let gate: LargeItemGate;

beforeEach(async () => {
  port = await TestPort.start();
  gate = port.node.queues.largeItemGate;
  gate.isClosed = true;
});

afterEach(() => port.node.stop());

/** A client that waits at a queue. */
class Client {
  readonly address = "here";
  readonly isReady = true;
  isLeaving = false;
  readonly heard: string[] = [];
  readonly session: Session = new Session(port.host, this);

  constructor(request: Request) {
    this.session.execute(request);
    port.node.turn.endNow();
  }

  reply(reply: Reply): void {
    const shorten = (text: string): string => (text.length > 10 ? "large" : text);
    if (reply.kind === "item") {
      const { buffer, start, end } = reply.item;
      this.heard.push(shorten(buffer.toString("latin1", start, end)));
    } else if (reply.kind === "gathered") {
      this.heard.push(reply.items.map(({ data }) => shorten(data.toString())).join(" "));
    } else {
      this.heard.push(reply.kind);
    }
  }

  holdFor(): void {}
}

const get: Request = {
  kind: "get",
  queue: "q",
  isOpen: false,
  isClose: false,
  isAbort: false,
  isPeek: false,
  waitMs: 0,
};
const gather: Request = {
  kind: "gather",
  queue: "q",
  lengthMax: 10,
  bytesMax: 1_000_000,
  waitMs: 0,
  lendMs: 0,
  endsWithSession: false,
};

const queue = (): Queue => port.node.queue("q");

function open(): void {
  gate.isClosed = false;
  gate.resume();
  port.node.turn.endNow();
}

test.each<[string, Request, string]>([
  ["a get", get, "nothing"],
  ["a peek", { ...get, isPeek: true }, "nothing"],
  ["several", gather, ""],
  ["a look with statistics", { kind: "inspect", queue: "q" }, "inspected"],
])("%s: who may be gone gives up, and the item stays", (_, request, answer) => {
  port.node.put("q", large);
  const client = new Client(request);
  expect(client.heard).toEqual([]);
  expect(client.session.isPatient).toBe(true);
  client.session.stopWaiting();
  open();
  expect(client.heard).toEqual([answer]);
  expect([queue().length, queue().openLength]).toEqual([1, 0]);
});

test("who may read no more is told so at once", () => {
  port.node.put("q", large);
  const client = new Client(get);
  port.node.queues.dismissWaiters();
  expect(client.heard).toEqual(["nothing"]);
  expect(queue().waiterLength).toBe(0);
});

test("a flush leaves nothing to wait for", () => {
  port.node.put("q", large);
  const [client, patient] = [new Client(get), new Client({ ...get, waitMs: 1000 })];
  port.node.queues.flush("q");
  expect([client.heard, patient.heard]).toEqual([["nothing"], []]);
});

test("what lies behind a large item is served when that has expired", () => {
  port.node.put("q", large, port.node.clock.now() + 10);
  port.node.put("q", "small");
  const client = new Client(get);
  port.node.clock.advance(20);
  port.node.queues.flushExpired("q");
  expect(client.heard).toEqual(["small"]);
});

test("nothing comes later to who has gone while the disk was read", () => {
  port.node.put("q", large);
  const find = vi.spyOn(queue().reader, "find").mockReturnValueOnce("loading");
  const client = new Client(get);
  expect(find).toHaveBeenCalledOnce();
  expect(client.session.isPatient).toBe(false);
  client.isLeaving = true;
  queue().serve();
  expect(client.heard).toEqual(["nothing"]);
});

test("a queue that is gone is not served", () => {
  port.node.put("q", large);
  const client = new Client(get);
  const serve = vi.spyOn(queue(), "serve");
  port.node.queues.delete("q");
  expect(client.heard).toEqual(["nothing"]);
  open();
  expect(serve).not.toHaveBeenCalled();
});

test("who collects several keeps none of them back until there is room for the next", () => {
  const early = new Client({ ...gather, waitMs: 1000 });
  for (const text of ["a", "b", large]) {
    port.node.put("q", text);
  }
  expect(early.heard).toEqual(["a b"]);
  port.node.queues.flush("q");
  for (const text of ["c", large]) port.node.put("q", text);
  expect(new Client(gather).heard).toEqual(["c"]);
  const next = new Client(gather);
  expect(next.heard).toEqual([]);
  open();
  expect(next.heard).toEqual(["large"]);
});

test("two queues whose items expire into each other give each of those who wait one item", async () => {
  await port.node.stop();
  port = await TestPort.start({
    rules: {
      queues: [
        ["q", { expireToQueue: "r" }],
        ["r", { expireToQueue: "q", maxItems: 2 }],
      ],
    },
  });
  gate = port.node.queues.largeItemGate;
  gate.isClosed = true;
  const soon = port.node.clock.now() + 10;
  port.node.put("q", large, soon);
  for (const text of ["one", "two"]) port.node.put("r", text, soon);
  const clients = [new Client(get), new Client(get)];
  port.node.clock.advance(20);
  port.node.put("q", "small");
  expect(clients.map(({ heard }) => heard)).toEqual([["small"], ["one"]]);
  expect([queue().length, port.node.queue("r").length]).toEqual([1, 1]);
});
