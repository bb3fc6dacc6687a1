import { expect, test } from "vitest";
import { QueueRules, renderSettings } from "./queue-rules.ts";
import { defaultQueueSettings } from "./settings.ts";

test("without a file every queue has Kestrel's defaults", () => {
  expect(new QueueRules().settingsFor("anything")).toEqual(defaultQueueSettings);
});

test("default, queue, fanout: each takes over what the next one leaves open", () => {
  const rules = new QueueRules({
    default: { maxItems: 10, syncJournal: 100 },
    queues: [
      ["orders", { maxItems: 20, maxAgeMs: 5000 }],
      ["orders+audit", { maxAgeMs: null }],
    ],
  });
  expect(rules.settingsFor("other")).toMatchObject({ maxItems: 10, syncJournal: 100, maxAgeMs: null });
  expect(rules.settingsFor("orders")).toMatchObject({ maxItems: 20, syncJournal: 100, maxAgeMs: 5000 });
  expect(rules.settingsFor("orders+audit")).toMatchObject({ maxItems: 20, maxAgeMs: null });
  expect(rules.settingsFor("orders+mail")).toMatchObject({ maxItems: 20, maxAgeMs: 5000 });
  expect(rules.settingsFor("other+mail")).toMatchObject({ maxItems: 10, maxAgeMs: null });
});

test("a fanout is kept in its parent's journal, in its parent's manner", () => {
  const rules = new QueueRules({
    queues: [
      ["orders", { syncJournal: 100, keepJournal: false }],
      ["orders+audit", { syncJournal: 0, keepJournal: true, maxMemorySizeBytes: 1, maxItems: 5 }],
    ],
  });
  const { maxMemorySizeBytes } = defaultQueueSettings;
  expect(rules.settingsFor("orders+audit")).toMatchObject({
    syncJournal: 100,
    keepJournal: false,
    maxMemorySizeBytes,
    maxItems: 5,
  });
});

test("a fanout that the file names is not deleted because its parent may be", () => {
  const rules = new QueueRules({
    queues: [
      ["orders", { maxQueueAgeMs: 100 }],
      ["orders+audit", {}],
      ["orders+brief", { maxQueueAgeMs: 50 }],
    ],
  });
  const ages = ["orders+audit", "orders+brief", "orders+new"].map(
    (name) => rules.settingsFor(name).maxQueueAgeMs,
  );
  expect(ages).toEqual([null, 50, 100]);
});

test("a fanout keeps items also when its parent doesn't", () => {
  const rules = new QueueRules({
    queues: [
      ["orders", { fanoutOnly: true }],
      ["orders+audit", { maxItems: 1, fanoutOnly: true }],
    ],
  });
  expect(rules.settingsFor("orders").fanoutOnly).toBe(true);
  expect(rules.settingsFor("orders+audit")).toMatchObject({ fanoutOnly: false, maxItems: 1 });
  expect(rules.settingsFor("orders+mail").fanoutOnly).toBe(false);
});

test("the queue that all expired items go to expires nothing into itself", () => {
  const rules = new QueueRules({
    default: { expireToQueue: "late" },
    queues: [["orders", { expireToQueue: "orders+late" }]],
  });
  expect(rules.settingsFor("other").expireToQueue).toBe("late");
  expect(rules.settingsFor("late").expireToQueue).toBeNull();
  expect(rules.settingsFor("orders+late").expireToQueue).toBeNull();
});

test("names that clients think of cost nothing: they share one object", () => {
  const rules = new QueueRules({ default: { fanoutOnly: true }, queues: [["orders", { maxItems: 1 }]] });
  expect(rules.settingsFor("a")).toBe(rules.settingsFor("b"));
  expect(rules.settingsFor("orders")).toBe(rules.settingsFor("orders"));
  expect(rules.settingsFor("orders+a")).toBe(rules.settingsFor("orders+b"));
  expect(rules.settingsFor("a+a")).toBe(rules.settingsFor("b+b"));
});

test("names of queues, fanouts and aliases, in the order of the file", () => {
  const rules = new QueueRules({
    queues: [
      ["b+x", {}],
      ["a", {}],
    ],
    aliases: [["all", ["a", "b+x"]]],
  });
  expect(rules.queueNames).toEqual(["b+x", "a"]);
  expect(rules.fanoutNames).toEqual(["b+x"]);
  expect(rules.aliasNames).toEqual(["all"]);
  expect(rules.findDestinations("all")).toEqual(["a", "b+x"]);
  expect(rules.findDestinations("a")).toBeUndefined();
});

test("the effective rules are shown under Kestrel's names", () => {
  const shown = renderSettings({ ...defaultQueueSettings, maxItems: 5, maxAgeMs: 1500, syncJournal: 100 });
  expect(shown.map(([name, value]) => `${name}=${value}`)).toEqual([
    "maxItems=5",
    "maxSize=none",
    "maxItemSize=none",
    "maxAge=1500ms",
    "maxMemorySize=128MB",
    "defaultJournalSize=16MB",
    "maxJournalSize=1GB",
    "minJournalCompactDelay=1m",
    "keepJournal=true",
    "syncJournal=100ms",
    "discardOldWhenFull=false",
    "expireToQueue=none",
    "maxExpireSweep=none",
    "fanoutOnly=false",
    "maxQueueAge=none",
    "openTransactionTimeout=none",
    "enableTrace=false",
    "clientIdForEnqueue=none",
    "clientIdForDequeue=none",
  ]);
});
