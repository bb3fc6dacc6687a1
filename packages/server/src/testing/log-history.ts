/**
 * Histories of a queue and its fanouts, of random operations, that leave small logs of many segments: what tests of
 * recovery start from.
 */
import fc from "fast-check";
import type { QueueSettings } from "../settings/settings.ts";
import type { FakeDisk } from "./fake-disk.ts";
import { TestNode } from "./node.ts";

/** Rules under which little data makes many segments, and dead ones are rewritten. */
export const smallSegments: { readonly default: Partial<QueueSettings> } = {
  default: {
    defaultJournalSizeBytes: 600,
    maxJournalSizeBytes: 1500,
    minJournalCompactDelayMs: 0,
    maxMemorySizeBytes: 1000,
  },
};

const queueNames = ["q", "q+x", "q+y"] as const;
type QueueName = (typeof queueNames)[number];

async function settle(): Promise<void> {
  for (let round = 0; round < 60; round++) await Promise.resolve();
}

export type Step =
  | { do: "put"; queue: QueueName; size: number; isSameTurn: boolean }
  | { do: "take" | "open" | "flush" | "delete" | "sweep" | "sync"; queue: QueueName };

const anyQueue = fc.constantFrom<QueueName>("q", "q", "q", "q+x", "q+y");
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("put" as const),
      queue: anyQueue,
      size: fc.oneof({ weight: 8, arbitrary: fc.nat(90) }, { weight: 1, arbitrary: fc.nat(900) }),
      isSameTurn: fc.boolean(),
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constantFrom("take" as const, "take" as const, "open" as const),
      queue: anyQueue,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "flush" as const,
        "delete" as const,
        "sweep" as const,
        "sync" as const,
        "sync" as const,
      ),
      queue: anyQueue,
    }),
  },
);

/** Long enough for a dozen segments. */
export const anySteps: fc.Arbitrary<Step[]> = fc.array(anyStep, {
  minLength: 20,
  maxLength: 250,
  size: "max",
});

export interface Remains {
  disk: FakeDisk;
  /** The same after a power loss. */
  lossy: FakeDisk;
  /** Ids that each queue has not finished. */
  live: ReadonlyMap<string, ReadonlySet<number>>;
  /** All below this id have been synced. */
  syncedNextId: number;
}

/** What is left of a node that has done these steps and was killed. */
export async function runHistory(
  steps: readonly Step[],
  syncJournal: "never" | number = "never",
): Promise<Remains> {
  const node = await TestNode.start({ default: { ...smallSegments.default, syncJournal } });
  node.queues.obtain("q");
  node.turn.endNow();
  let counter = 0;
  let syncedNextId = 0;
  for (const step of steps) {
    if (step.do === "put") {
      const data = Buffer.from(`${counter++}`.padEnd(step.size, "."));
      node.queues.put(step.queue, data, 0, data.length, 0, 0);
      if (!step.isSameTurn) node.turn.endNow();
    } else if (step.do === "take" || step.do === "open") {
      await node.get(step.queue, step.do);
    } else if (step.do === "flush") {
      node.queues.flush(step.queue);
      node.turn.endNow();
    } else if (step.do === "delete") {
      if (step.queue !== "q") node.queues.delete(step.queue);
      node.turn.endNow();
    } else {
      node.turn.endNow();
      // Sweeps come with the clock, and so does the sync.
      node.clock.advance(1000);
      await settle();
      if (typeof syncJournal === "number") syncedNextId = node.queue("q").reader.log.nextId;
    }
    await settle();
  }
  node.turn.endNow();
  await settle();
  const live = new Map<string, Set<number>>();
  for (const queue of node.queues.all()) {
    const { done, log } = queue.reader;
    const ids = done.gaps(0, log.nextId).flatMap(([from, to]) => [...range(from, to)]);
    live.set(queue.name, new Set(ids));
  }
  return { disk: node.disk.afterKill(), lossy: node.disk.afterPowerLoss(), live, syncedNextId };
}

/** Every id of a half-open range. */
export function* range(from: number, to: number): Generator<number> {
  for (let id = from; id < to; id++) yield id;
}
