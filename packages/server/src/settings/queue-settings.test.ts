/** Every setting of a queue, shown by a conversation that holds with it and does not hold without it. */
import { expect, test } from "vitest";
import { Conversation } from "../testing/conversation.ts";
import { type SettingCase, testWithAndWithout } from "../testing/with-and-without.ts";
import type { QueueConfig } from "./config-file.ts";

const large = "x".repeat(1000);
const putLarge = `
      > set q 0 0 1000
      > ${large}
      < STORED`;
const takeLarge = `
      > get q/t=1000
      < VALUE q 0 1000
      < ${large}
      < END`;
/** By another client. */
const openLarge = (client: string): string =>
  takeLarge.replace("get q/t", "get q/open/t").replaceAll(/[<>] /g, (sign) => client + sign);
/** Fills a file of 8 KB, and then only two clients want something of it. */
const halfOpen: string =
  putLarge.repeat(8) + openLarge("b").repeat(2) + openLarge("c").repeat(2) + takeLarge.repeat(4);

const cases: SettingCase<keyof QueueConfig>[] = [
  {
    setting: "maxItems",
    title: "a full queue refuses; what is open does not fill it",
    config: { queues: [{ name: "q", maxItems: 2 }] },
    script: `
      > set q 0 0 1
      > a
      < STORED
      > set q 0 0 1
      > b
      < STORED
      > set q 0 0 1
      > c
      < NOT_STORED
      > get q/open
      < VALUE q 0 1
      < a
      < END
      > set q 0 0 1
      > d
      < STORED
      > set q 0 0 1
      > e
      < NOT_STORED
      stat q items 2`,
  },
  {
    setting: "maxItems",
    title: "the default is for every queue that says nothing else",
    config: { default: { maxItems: 1 }, queues: [{ name: "r", maxItems: null }] },
    script: `
      > set r 0 0 1
      > a
      < STORED
      > set r 0 0 1
      > b
      < STORED
      > set q 0 0 1
      > a
      < STORED
      > set q 0 0 1
      > b
      < NOT_STORED`,
  },
  {
    setting: "maxItems",
    title: "what has expired makes room",
    config: { queues: [{ name: "q", maxItems: 2, expireToQueue: "late" }] },
    script: `
      > set q 0 1 1
      > a
      < STORED
      > set q 0 0 1
      > b
      < STORED
      > set q 0 0 1
      > c
      < NOT_STORED
      wait 999
      > set q 0 -1 1
      > c
      < NOT_STORED
      wait 1
      > set q 0 0 1
      > c
      < STORED
      stat q items 2
      stat late items 1`,
  },
  {
    setting: "maxSize",
    title: "full is who has reached it, not who would pass it",
    config: { queues: [{ name: "q", maxSize: "10B" }] },
    script: `
      > set q 0 0 9
      > 123456789
      < STORED
      > set q 0 0 9
      > 123456789
      < STORED
      > set q 0 0 1
      > 1
      < NOT_STORED
      > get q
      < VALUE q 0 9
      < 123456789
      < END
      > set q 0 0 1
      > 1
      < STORED
      stat q bytes 10`,
  },
  {
    setting: "maxItemSize",
    title: "larger items are refused",
    config: { default: { maxItemSize: "3B" } },
    script: `
      > set q 0 0 4
      > 1234
      < NOT_STORED
      > set q 0 0 3
      > 123
      < STORED
      stat q items 1`,
  },
  {
    setting: "discardOldWhenFull",
    title: "a full queue drops its oldest items",
    config: { queues: [{ name: "q", maxItems: 2, maxSize: "10B", discardOldWhenFull: true }] },
    script: `
      > set q 0 0 1
      > a
      < STORED
      > set q 0 0 1
      > b
      < STORED
      > set q 0 0 1
      > c
      < STORED
      > set q 0 0 9
      > 123456789
      < STORED
      > set q 0 0 1
      > d
      < STORED
      stat q discarded 3
      > get q
      < VALUE q 0 9
      < 123456789
      < END
      > get q
      < VALUE q 0 1
      < d
      < END`,
  },
  {
    setting: "discardOldWhenFull",
    title: "also right after a start, when the oldest ones are in the file only",
    config: { queues: [{ name: "q", maxItems: 2, discardOldWhenFull: true }] },
    script: `
      > set q 0 0 1
      > a
      < STORED
      > set q 0 0 1
      > b
      < STORED
      restart
      > set q 0 0 1
      > c
      < STORED
      > set q 0 0 1
      > d
      < STORED
      > get q/t=1000
      < VALUE q 0 1
      < c
      < END
      stat q items 1`,
  },
  {
    setting: "maxAge",
    title: "caps the life of every item, whatever its own expiry says",
    config: { default: { maxAge: "10s" } },
    script: `
      > set q 0 0 7
      > forever
      < STORED
      > set q 0 100 1
      > a
      < STORED
      > set q 0 5 5
      > short
      < STORED
      wait 4000
      > get q/peek
      < VALUE q 0 7
      < forever
      < END
      > set q 0 0 5
      > later
      < STORED
      wait 6000
      > get q
      < VALUE q 0 5
      < later
      < END
      stat q expired_items 3`,
  },
  {
    setting: "expireToQueue",
    title: "what has expired goes there, without expiry: delayed work, woken when it is due",
    config: { queues: [{ name: "later", maxAge: "5s", expireToQueue: "now" }] },
    script: `
      > set later 7 0 1
      > a
      < STORED
      b> get now/t=60000
      wait 4000
      > get now
      < END
      wait 1000
      b< VALUE now 7 1
      b< a
      b< END
      stat later items 0
      > set later 0 2 1
      > b
      < STORED
      wait 2000
      restart
      wait 600000
      > get now/t=1000
      < VALUE now 0 1
      < b
      < END`,
  },
  {
    setting: "maxExpireSweep",
    title: "so many expired items go with one sweep; a get does not wait for the sweep",
    config: { default: { maxExpireSweep: 2 } },
    script: `
      > set q 0 1 1
      > a
      < STORED
      > set q 0 1 1
      > b
      < STORED
      > set q 0 1 1
      > c
      < STORED
      > set q 0 1 1
      > d
      < STORED
      > set q 0 1 1
      > e
      < STORED
      wait 1000
      stat q items 3
      wait 1000
      stat q items 1
      > get q
      < END
      stat q expired_items 5`,
  },
  {
    setting: "maxQueueAge",
    title: "an old queue goes when it is empty, and nobody waits there or has something open",
    config: { default: { maxQueueAge: "10s" } },
    script: `
      > set q 0 0 1
      > a
      < STORED
      wait 11000
      > get q/open
      < VALUE q 0 1
      < a
      < END
      wait 2000
      stat q open_transactions 1
      > get q/close
      < END
      b> get q/t=5000
      wait 4000
      stat q waiters 1
      wait 1000
      b< END
      wait 1000
      stat q items none
      > get q
      < END
      stat q items 0`,
  },
  {
    setting: "openTransactionTimeout",
    title: "a read that is open for too long goes back, and is the reader's no more",
    config: { queues: [{ name: "q", openTransactionTimeout: "10s" }] },
    script: `
      > set q 0 0 1
      > a
      < STORED
      > set q 0 0 1
      > b
      < STORED
      > get q/open
      < VALUE q 0 1
      < a
      < END
      wait 9000
      stat q open_transactions 1
      wait 2000
      stat q open_transactions 0
      stat q canceled_transactions 1
      b> get q/open
      b< VALUE q 0 1
      b< a
      b< END
      # What the first reader does now is nothing to the second one.
      > confirm q 1
      < ERROR
      > get q/abort
      < END
      hang up
      c> get q
      c< VALUE q 0 1
      c< b
      c< END
      b> confirm q 1
      b< END
      stat q items 0`,
  },
  {
    setting: "openTransactionTimeout",
    title: "without sweeps it goes back when somebody asks",
    config: {
      expirationTimerFrequency: null,
      queues: [{ name: "q", openTransactionTimeout: "10s" }],
    },
    script: `
      > set q 0 0 1
      > a
      < STORED
      > get q/open
      < VALUE q 0 1
      < a
      < END
      wait 9000
      b> get q
      b< END
      wait 2000
      b> get q
      b< VALUE q 0 1
      b< a
      b< END`,
  },
  {
    setting: "keepJournal",
    title: "false: nothing is there after a restart",
    config: { queues: [{ name: "q", keepJournal: false }] },
    script: `
      > set r 0 0 1
      > a
      < STORED
      > set q 0 0 1
      > a
      < STORED
      > get q+x
      < END
      > set q 0 0 1
      > b
      < STORED
      > get q
      < VALUE q 0 1
      < a
      < END
      stat q logsize 0
      restart
      stat q items none
      stat q+x items none
      stat r items 1`,
  },
  {
    setting: "syncJournal",
    title: "0: what was answered survives a power loss",
    config: { queues: [{ name: "q", syncJournal: 0 }] },
    script: `
      > set q 0 0 1
      > a
      < STORED
      > set q 0 0 1
      > b
      < STORED
      > get q
      < VALUE q 0 1
      < a
      < END
      power loss
      > get q/t=1000
      < VALUE q 0 1
      < b
      < END
      > get q
      < END`,
  },
  {
    setting: "syncJournal",
    title: "a period: so much may be lost, and no more",
    config: { default: { syncJournal: "100ms" } },
    script: `
      > set q 0 0 1
      > a
      < STORED
      wait 100
      > set q 0 0 1
      > b
      < STORED
      power loss
      > get q/t=1000
      < VALUE q 0 1
      < a
      < END
      > get q
      < END`,
  },
  {
    setting: "maxMemorySize",
    title: "the rest is read back from the file as the queue drains",
    config: { queues: [{ name: "q", maxMemorySize: "1B", defaultJournalSize: "4KB" }] },
    script: `
      ${putLarge.repeat(40)}
      stat q items 40
      stat q mem_items below 30
      ${takeLarge.repeat(40)}
      > get q
      < END`,
  },
  {
    setting: "defaultJournalSize",
    title: "a file of the journal is full, and the next begins",
    config: { queues: [{ name: "q", defaultJournalSize: "2KB" }] },
    script: `
      ${putLarge.repeat(5)}
      stat q journal_rotations 2`,
  },
  {
    setting: "maxJournalSize",
    title: "bytes that hold no live item have a bound, whatever is open",
    config: {
      maxOpenTransactions: 100,
      queues: [{ name: "q", maxJournalSize: "8KB", defaultJournalSize: "8KB" }],
    },
    script: `
      ${halfOpen.repeat(8)}
      stat q open_transactions 32
      stat q journal_rewrites above 0
      kill
      ${takeLarge.repeat(32)}
      > get q
      < END`,
  },
  {
    setting: "minJournalCompactDelay",
    title: "the same file of the journal is not rewritten more often",
    config: {
      maxOpenTransactions: 100,
      queues: [{ name: "q", maxJournalSize: "8KB", defaultJournalSize: "8KB", minJournalCompactDelay: 0 }],
    },
    script: `
      # Eight files: once each is as much as the default delay allows.
      ${halfOpen.repeat(8)}
      c> confirm q 16
      c< END
      ${(putLarge + takeLarge).repeat(16)}
      stat q journal_rewrites above 8`,
  },
  {
    setting: "fanoutOnly",
    title: "the parent keeps nothing, its fanouts do",
    config: { queues: [{ name: "q", fanoutOnly: true }] },
    script: `
      > set q 0 0 1
      > a
      < STORED
      > get q+x
      < END
      > set q 0 0 1
      > b
      < STORED
      > get q
      < END
      restart
      > set q 0 0 1
      > c
      < STORED
      > get q
      < END
      > get q+x/t=1000
      < VALUE q+x 0 1
      < b
      < END
      > get q+x
      < VALUE q+x 0 1
      < c
      < END`,
  },
  {
    setting: "enableTrace",
    title: "each open, confirm and abort is logged",
    config: { queues: [{ name: "q", enableTrace: true }] },
    script: `
      > set q 0 0 1
      > a
      < STORED
      > get q/open
      < VALUE q 0 1
      < a
      < END
      log trace`,
  },
];

testWithAndWithout(cases);

test("a read of the program that embeds the server is timed, too", async () => {
  await using conversation = await Conversation.start({
    queues: [{ name: "q", openTransactionTimeout: "10s" }],
  });
  const { queues } = conversation.server;
  await queues.put("q", "a");
  const first = await queues.open("q");
  await conversation.hold("wait 11000");
  const second = await queues.open("q");
  expect(second?.id).toBe(first?.id);
  expect(await first?.confirm()).toBe(false);
  expect(first?.abort()).toBe(false);
  expect(await second?.confirm()).toBe(true);
});

test("queues that expire into each other: items go round, and are lost only where there is no room", async () => {
  await using conversation = await Conversation.start({
    queues: [
      { name: "a", maxItems: 100, maxAge: "5s", expireToQueue: "b" },
      { name: "b", maxItems: 100, maxAge: "5s", expireToQueue: "a" },
    ],
  });
  const put = (queue: string): string => `> set ${queue} 0 0 1\n> x\n< STORED\n`;
  await conversation.hold(put("a").repeat(60));
  await conversation.hold(`
    wait 2000
    ${put("b").repeat(40)}
    wait 3000
    stat a items 0
    stat b items 100
    wait 2000
    stat a items 40
    stat b items 60
    wait 3600000
    stats curr_items 100`);
  // Both are full, and all that is in them has expired but was not swept.
  await using unswept = await Conversation.start({
    expirationTimerFrequency: null,
    queues: [
      { name: "a", maxItems: 100, maxAge: "5s", expireToQueue: "b" },
      { name: "b", maxItems: 100, maxAge: "5s", expireToQueue: "a" },
    ],
  });
  await unswept.hold(`
    ${put("a").repeat(100)}
    ${put("b").repeat(100)}
    wait 5000
    b> get a/t=1
    b< VALUE a 0 1
    b< x
    b< END
    ${put("b")}
    stats curr_items 1...`);
});

test("a trace tells the queue and the item", async () => {
  await using conversation = await Conversation.start({ queues: [{ name: "q", enableTrace: true }] });
  await conversation.hold(`
    > set q 0 0 1
    > a
    < STORED
    > get q/open
    < VALUE q 0 1
    < a
    < END
    > get q/abort
    < END
    > get q/open
    < VALUE q 0 1
    < a
    < END
    > get q/close
    < END`);
  expect(conversation.log.having("trace").map(({ fields }) => fields)).toEqual(
    ["open", "abort", "open", "confirm"].map((event) => ({ queue: "q", event, id: 1 })),
  );
});
