/** Which queues there are, over families that live in memory only. What recovery finds is tested through nodes. */
import { expect, test } from "vitest";
import type { KestrelError } from "../errors.ts";
import { MemoryBudget } from "../journal/chunk-cache.ts";
import { Turn } from "../journal/turn.ts";
import { silentLogger } from "../logging.ts";
import { QueueRules } from "../settings/queue-rules.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { FakeDisk } from "../testing/fake-disk.ts";
import { LargeItemGate } from "./large-item-gate.ts";
import { QueueFamilies } from "./queue-families.ts";
import { QueueRegister } from "./queue-register.ts";

function makeRegister(): { register: QueueRegister; counters: { creates: number; deletes: number } } {
  const parts = { disk: new FakeDisk(), clock: new FakeClock(), turn: new Turn(), logger: silentLogger };
  const families = new QueueFamilies(parts, new QueueRules(), new MemoryBudget(1024 * 1024), null);
  const counters = { creates: 0, deletes: 0 };
  const { clock, logger } = parts;
  return {
    register: new QueueRegister({
      families,
      clock,
      logger,
      expireTo: () => null,
      gate: new LargeItemGate(),
      counters,
    }),
    counters,
  };
}

test("a queue is created once, by whoever names it first", () => {
  const { register, counters } = makeRegister();
  expect(register.find("work")).toBeUndefined();
  const work = register.ensure("work");
  expect(register.obtain("work")).toBe(work);
  expect(register.find("work")).toBe(work);
  expect([...register.names()]).toEqual(["work"]);
  expect(counters).toEqual({ creates: 1, deletes: 0 });
});

test("a queue and its fanouts share a log, whichever of them comes first", () => {
  const { register } = makeRegister();
  const fanout = register.ensure("work+audit");
  const work = register.obtain("work");
  expect(work.family).toBe(fanout.family);
  expect(work.family.parent).toBe(work);
  expect(work.family.fanouts).toEqual([fanout]);
  expect([...register.all()]).toEqual([fanout, work]);
});

test("a name that no queue may have creates nothing", () => {
  const { register, counters } = makeRegister();
  for (const create of [register.ensure, register.obtain]) {
    expect(() => create.call(register, "a/b")).toThrow(
      expect.objectContaining({ code: "bad-name" } satisfies Partial<KestrelError>),
    );
  }
  expect(register.length).toBe(0);
  expect(counters.creates).toBe(0);
});

test("the next queue of a removed one's name is another one, and who waited in it hears so", () => {
  const { register, counters } = makeRegister();
  const former = register.ensure("work");
  let misses = 0;
  former.get("take", 1_000_000_000_000_000, { receive: () => {}, miss: () => misses++ });
  register.remove("work");
  expect(misses).toBe(1);
  expect(register.find("work")).toBeUndefined();
  register.remove("work");
  expect(register.ensure("work")).not.toBe(former);
  expect(counters).toEqual({ creates: 2, deletes: 1 });
});

test("a hidden queue is found by nobody and counts as none", () => {
  const { register, counters } = makeRegister();
  const hidden = register.createHidden("work");
  expect(hidden.name).toBe("work");
  expect(register.find("work")).toBeUndefined();
  expect(register.ensure("work").family).not.toBe(hidden.family);
  expect(counters.creates).toBe(1);
});
