/** New rules on a running node, and what `dump_config` tells, in conversations. */
import { expect, test } from "vitest";
import { Conversation } from "../testing/conversation.ts";
import { systemError } from "../testing/fake-disk.ts";
import type { KestrelConfig } from "./config-file.ts";
import { readSettings } from "./schema.ts";

class Reloaded {
  config: unknown = {};

  async start(config: KestrelConfig): Promise<Conversation> {
    this.config = config;
    return await Conversation.start(config, {
      loadSettings: async () => readSettings(this.config, "kestrel.json"),
    });
  }
}

test("a queue that keeps nothing any more takes what its fanouts do, however full it was", async () => {
  const file = new Reloaded();
  await using conversation = await file.start({
    queues: [{ name: "q", maxItems: 1, discardOldWhenFull: true }],
  });
  await conversation.hold(`
    > set q 0 0 1
    > a
    < STORED
    > get q+x
    < END`);
  for (const discardOldWhenFull of [false, true]) {
    file.config = {
      queues: [
        { name: "q", maxItems: 1, fanoutOnly: true, discardOldWhenFull },
        { name: "q+x", maxItems: null },
      ],
    };
    await conversation.hold(`
      > reload
      < Reloaded config.
      > set q 0 0 1
      > b
      < STORED
      > get q+x
      < VALUE q+x 0 1
      < b
      < END
      stat q items 1
      stat q discarded 0`);
  }
});

test("rules of queues and fanouts, aliases, and what every queue inherits", async () => {
  const file = new Reloaded();
  await using conversation = await file.start({ queues: [{ name: "q", maxItems: 1 }] });
  await conversation.hold(`
    > set q 0 0 1
    > a
    < STORED
    > set q 0 0 1
    > b
    < NOT_STORED
    > get q+x
    < END`);
  file.config = {
    default: { maxItemSize: "2B" },
    queues: [{ name: "q", maxItems: 2 }, { name: "q+y" }],
    aliases: [{ name: "all", destinationQueues: ["q", "r"] }],
  };
  await conversation.hold(`
    > reload
    < Reloaded config.
    log reloaded the rules of the queues
    > set q 0 0 1
    > b
    < STORED
    > set q 0 0 1
    > c
    < NOT_STORED
    stat q+x items 1
    stat q+y items 1
    > set q+x 0 0 3
    > 123
    < NOT_STORED
    > set r 0 0 3
    > 123
    < NOT_STORED
    > get q
    < VALUE q 0 1
    < a
    < END
    > set all 0 0 1
    > c
    < STORED
    stat r items 1`);
  file.config = {};
  await conversation.hold(`
    > RELOAD
    < Reloaded config.
    > set all 0 0 3
    > abc
    < STORED
    stat all items 1
    stat r items 1
    stat q items 2`);
});

test("a file that is wrong changes nothing, is answered with one line, and logged", async () => {
  const file = new Reloaded();
  await using conversation = await file.start({ queues: [{ name: "q", maxItems: 1 }] });
  file.config = { queues: [{ name: "q", maxItems: 2 }], default: { maxItem: "many\r\nEND" }, colour: 1 };
  await conversation.hold(`
    > reload
    < SERVER_ERROR kestrel.json: default.maxItem: no such setting, did you mean maxItems?; colour: no such...
    log cannot reload: everything stays as it is
    > set q 0 0 1
    > a
    < STORED
    > set q 0 0 1
    > b
    < NOT_STORED`);
});

test("a file that is all wrong is answered shortly", async () => {
  const file = new Reloaded();
  await using conversation = await file.start({});
  file.config = { queues: Array(1000).fill({}) };
  await expect(conversation.server.reload()).rejects.toThrow("queues[999].name: missing");
  await conversation.hold(`
    > reload
    < SERVER_ERROR kestrel.json: queues[0].name: missing; queues[1].name: missing...
    > version
    < VERSION...`);
});

test("a server without a file has nothing to reload", async () => {
  await using conversation = await Conversation.start({});
  await conversation.hold(`
    > reload
    < SERVER_ERROR the server runs without a settings file
    > version
    < VERSION...`);
});

test("reloads come one after the other: the file read last holds", async () => {
  const waiting: ((maxItems: number) => void)[] = [];
  await using conversation = await Conversation.start(
    {},
    {
      loadSettings: async () => {
        const maxItems = await new Promise<number>((resolve) => waiting.push(resolve));
        return readSettings({ default: { maxItems } });
      },
    },
  );
  await conversation.hold(`
    a> reload
    wait 1
    b> reload
    wait 1`);
  expect(waiting).toHaveLength(1);
  waiting[0]!(1);
  await conversation.hold("a< Reloaded config.");
  await expect.poll(() => waiting.length).toBe(2);
  waiting[1]!(2);
  await conversation.hold(`
    b< Reloaded config.
    > get q
    < END
    > dump_config
    < queue 'q' {
    <   maxItems=2`);
});

test("a journal that is to be kept, or not any more: after a restart, and the log says so", async () => {
  const file = new Reloaded();
  await using conversation = await file.start({ queues: [{ name: "r", keepJournal: false }] });
  await conversation.hold(`
    > get q+x
    < END
    > get r
    < END
    > get s
    < END`);
  file.config = { queues: [{ name: "q", keepJournal: false }] };
  await conversation.hold(`
    > reload
    < Reloaded config.
    > set q 0 0 1
    > a
    < STORED
    restart
    stat q+x items 1`);
  const logged = conversation.log.having("the keepJournal of these queues has changed: it needs a restart");
  expect(logged.map(({ fields }) => fields)).toEqual([{ queues: ["q", "r"] }]);
});

test("a fanout that can't be created: the rules hold, the client hears of it, the next reload creates it", async () => {
  const file = new Reloaded();
  await using conversation = await file.start({});
  file.config = { default: { maxItems: 1 }, queues: [{ name: "q+x" }] };
  conversation.disk.fault = (operation, name) => {
    if (operation === "makeFolder") throw systemError("EROFS", name);
  };
  await conversation.hold(`
    > reload
    < SERVER_ERROR...
    log the new rules hold, but not every configured fanout can be created
    stat q+x items none`);
  conversation.disk.fault = () => {};
  await conversation.hold(`
    > reload
    < Reloaded config.
    stat q+x items 0
    > set q+x 0 0 1
    > a
    < STORED
    > set q+x 0 0 1
    > b
    < NOT_STORED`);
});

test("dump_config tells the effective settings of queues that exist, queues that are configured, and aliases", async () => {
  await using conversation = await Conversation.start({
    default: { syncJournal: "100ms", maxMemorySize: "8MB" },
    queues: [
      { name: "orders", maxItems: 500, fanoutOnly: true },
      { name: "orders+audit", maxAge: "1m" },
    ],
    aliases: [{ name: "all", destinationQueues: ["orders", "mail"] }],
  });
  const shown = (name: string, maxItems: string, maxAge: string, fanoutOnly: boolean): string => `
    < queue '${name}' {
    <   maxItems=${maxItems}
    <   maxSize=none
    <   maxItemSize=none
    <   maxAge=${maxAge}
    <   maxMemorySize=8MB
    <   defaultJournalSize=16MB
    <   maxJournalSize=1GB
    <   minJournalCompactDelay=1m
    <   keepJournal=true
    <   syncJournal=100ms
    <   discardOldWhenFull=false
    <   expireToQueue=none
    <   maxExpireSweep=none
    <   fanoutOnly=${fanoutOnly}
    <   maxQueueAge=none
    <   openTransactionTimeout=none
    <   enableTrace=false
    <   clientIdForEnqueue=none
    <   clientIdForDequeue=none
    < }`;
  await conversation.hold(`
    > get mail
    < END
    > dump_config
    ${shown("orders+audit", "500", "1m", false)}
    ${shown("mail", "none", "none", false)}
    ${shown("orders", "500", "none", true)}
    < queue 'all' {
    <   destinationQueues=orders,mail
    < }
    < END`);
});
