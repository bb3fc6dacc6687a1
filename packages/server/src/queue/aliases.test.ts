/** Aliases, in conversations: names that put into several queues, and that there is nothing to read from. */
import { test } from "vitest";
import type { KestrelConfig } from "../settings/config-file.ts";
import { QueueRules } from "../settings/queue-rules.ts";
import { Conversation } from "../testing/conversation.ts";
import { systemError } from "../testing/fake-disk.ts";

const config: KestrelConfig = {
  queues: [{ name: "small", maxItems: 1 }],
  aliases: [
    { name: "all", destinationQueues: ["a", "b+x", "small"] },
    { name: "more", destinationQueues: ["all", "c"] },
  ],
};

async function hold(script: string): Promise<void> {
  await using conversation = await Conversation.start(config);
  await conversation.hold(script);
}

test("a put goes to every destination, and succeeds only if each of them took it", () =>
  hold(`
    > set all 5 0 3
    > one
    < STORED
    > get a
    < VALUE a 5 3
    < one
    < END
    > get b+x
    < VALUE b+x 5 3
    < one
    < END
    stat small items 1
    > set all 0 0 3
    > two
    < NOT_STORED
    stat a items 1
    stat b+x items 1
    stat small items 1
    stat b items none`));

test("an alias may lead to another", () =>
  hold(`
    > set more 0 0 3
    > one
    < STORED
    stat a items 1
    stat b+x items 1
    stat small items 1
    stat c items 1
    stat all put_items 1`));

test("reading one finds nothing, and makes no queue; one may wait for nothing, too", () =>
  hold(`
    > set all 0 0 3
    > one
    < STORED
    > get all
    < END
    > get all/peek
    < END
    > get all/open
    < END
    > get all/close
    < END
    > confirm all 1
    < ERROR
    > get all/t=1000
    wait 999
    b> set all 0 0 1
    b> x
    b< NOT_STORED
    wait 1
    < END
    > monitor all 1
    wait 1000
    < END
    stats queue_creates 3
    stat all items none
    stat a items 2`));

test("flush, delete and the like do nothing", () =>
  hold(`
    > set all 0 -1 3
    > one
    < STORED
    > flush all
    < END
    > delete all
    < DELETED
    > flush_expired all
    < 0
    stats curr_items 3
    > set all 0 0 3
    > two
    < STORED
    > flush_all
    < Flushed all queues.
    stats curr_items 0
    stat all put_items 2`));

test("statistics and settings", () =>
  hold(`
    > set all 0 0 3
    > one
    < STORED
    > set all 0 0 4
    > four
    < NOT_STORED
    > dump_stats all nothing
    < queue 'all' {
    <   put_items=2
    <   put_bytes=7
    <   children=a,b+x,small
    < }
    < END
    stats queue_all_put_items 2
    stats queue_more_children all,c
    stats cmd_set 2
    stats total_items 5`));

test("a queue of that name from former times is hidden, and nothing of it is lost", async () => {
  let next = new QueueRules({ aliases: [["all", ["a"]]] });
  await using conversation = await Conversation.start({}, { loadSettings: async () => ({ queues: next }) });
  await conversation.hold(`
    > set all 0 0 3
    > old
    < STORED
    > set all 0 0 5
    > older
    < STORED
    b> get all/open
    b< VALUE all 0 3
    b< old
    b< END
    > reload
    < Reloaded config.
    log an alias hides the queue of its name
    > get all
    < END
    > delete all
    < DELETED
    > set all 0 0 3
    > new
    < STORED
    stat a items 1
    d> get all/t=100000
    b> get all/close
    b< END
    stat all items 1
    stat all open_transactions 0
    wait 1`);
  next = new QueueRules();
  await conversation.hold(`
    > reload
    < Reloaded config.
    # Who waited at the alias hears that there is nothing.
    d< END
    > get all
    < VALUE all 0 5
    < older
    < END`);
});

test("a destination that can't write: the others are tried, and the client hears of it", async () => {
  await using conversation = await Conversation.start({
    aliases: [{ name: "all", destinationQueues: ["a", "b"] }],
  });
  await conversation.hold(`
    > set all 0 0 1
    > x
    < STORED`);
  conversation.disk.fault = (_, file) => {
    if (file.startsWith("kestrel-spool/a/")) throw systemError("ENOSPC", file);
  };
  await conversation.hold(`
    > set all 0 0 1
    > y
    < SERVER_ERROR...
    > set all 0 0 1
    > z
    < SERVER_ERROR...
    stat a items 1
    stat b items 3`);
});
