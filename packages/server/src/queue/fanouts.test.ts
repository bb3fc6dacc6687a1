/** Fanouts, in conversations: every put into `orders` also reaches each `orders+x` that there is. */
import { test } from "vitest";
import type { KestrelConfig } from "../settings/config-file.ts";
import { Conversation } from "../testing/conversation.ts";

async function hold(script: string, config: KestrelConfig = {}): Promise<void> {
  await using conversation = await Conversation.start(config);
  await conversation.hold(script);
}

const put = (queue: string, item: string): string => `
  > set ${queue} 0 0 ${item.length}
  > ${item}
  < STORED`;

const got = (queue: string, item: string): string => `
  > get ${queue}/t=1000
  < VALUE ${queue} 0 ${item.length}
  < ${item}
  < END`;

test.each(["get orders+x", "get orders+x/peek", "monitor orders+x 0"])(
  "is there from its first reference on: %s",
  (reference) =>
    hold(`
      ${put("orders", "early")}
      > ${reference}
      < END
      ${put("orders", "late")}
      ${got("orders+x", "late")}
      ${got("orders", "early")}
      ${got("orders", "late")}
      stat orders children orders+x`),
);

test("a put into one refers to it, too; what only asks for it does not", () =>
  hold(`
    ${put("orders+x", "direct")}
    ${put("orders", "both")}
    > flush orders+y
    < END
    > delete orders+y
    < DELETED
    > get orders+y/close
    < END
    > confirm orders+y 1
    < ERROR
    > dump_stats orders+y
    < END
    stat orders children orders+x
    ${got("orders+x", "direct")}
    ${got("orders+x", "both")}
    ${got("orders", "both")}
    > get orders
    < END`));

test("is written, flushed and deleted by itself", () =>
  hold(`
    > get orders+x
    < END
    > get orders+y
    < END
    ${put("orders", "1")}
    ${put("orders+x", "x")}
    stat orders items 1
    stat orders+x items 2
    stat orders+y items 1
    > flush orders+x
    < END
    stat orders items 1
    stat orders+x items 0
    stat orders+y items 1
    > delete orders+x
    < DELETED
    ${put("orders", "2")}
    stat orders children orders+y
    stat orders+x items none
    > get orders+x
    < END
    ${put("orders", "3")}
    ${got("orders+x", "3")}
    ${got("orders+y", "1")}
    ${got("orders+y", "2")}
    restart
    ${got("orders+y", "3")}
    > get orders+x
    < END
    ${got("orders", "1")}`));

test("lives on when its parent is deleted, over restarts and kills; a new parent has nothing of the old one", () =>
  hold(`
    > get orders+x
    < END
    > get orders+y
    < END
    ${put("orders", "1")}
    ${put("orders", "2")}
    > delete orders
    < DELETED
    stat orders items none
    ${got("orders+x", "1")}
    restart
    stat orders items none
    ${got("orders+x", "2")}
    ${put("orders+x", "direct")}
    kill
    stat orders items none
    ${got("orders+x", "direct")}
    ${put("orders", "3")}
    ${got("orders", "3")}
    > get orders
    < END
    ${got("orders+x", "3")}
    ${got("orders+y", "1")}
    ${got("orders+y", "2")}
    ${got("orders+y", "3")}
    > delete orders+x
    < DELETED
    > delete orders+y
    < DELETED
    > delete orders
    < DELETED
    restart
    > dump_stats
    < END`));

test("one that the settings name misses nothing, and takes from its parent what it leaves out", () =>
  hold(
    `
    ${put("orders", "1")}
    ${put("orders", "2")}
    stat orders+audit items 2
    stat orders+late items 1
    stat orders+late discarded 1
    > set orders 0 0 1
    > 3
    < NOT_STORED
    > get orders+new
    < END
    ${got("orders", "1")}
    ${put("orders", "3")}
    stat orders+audit items 3
    stat orders+new items 1
    > set orders+audit 0 0 1
    > 4
    < STORED
    > set orders+new 0 0 1
    > 4
    < STORED
    > set orders+new 0 0 1
    > 5
    < NOT_STORED
    > set orders+audit 0 0 11
    > 12345678901
    < NOT_STORED
    stat orders+other items none`,
    {
      default: { maxItemSize: "10B" },
      queues: [
        { name: "orders", maxItems: 2 },
        { name: "orders+audit", maxItems: null },
        { name: "orders+late", maxItems: 1, maxAge: "1h" },
      ],
    },
  ));

test("one that the settings name is not deleted because its parent may be; others are", () =>
  hold(
    `
    > get orders
    < END
    > get orders+x
    < END
    wait 11000
    stat orders items none
    stat orders+x items none
    stat orders+audit items 0
    stat orders+brief items none
    ${put("orders", "1")}
    ${got("orders+audit", "1")}`,
    {
      queues: [
        { name: "orders", maxQueueAge: "10s" },
        { name: "orders+audit" },
        { name: "orders+brief", maxQueueAge: "5s" },
      ],
    },
  ));

test("what expires in one may go to another", () =>
  hold(
    `
    ${put("orders", "1")}
    wait 5000
    stat orders items 1
    stat orders+audit items 0
    ${got("orders+late", "1")}
    ${got("orders+late", "1")}
    stat orders+late items 0`,
    {
      queues: [{ name: "orders+audit", maxAge: "5s", expireToQueue: "orders+late" }, { name: "orders+late" }],
    },
  ));

test("each hands out, takes back and is waited for by itself", () =>
  hold(`
    > get orders+x
    < END
    > get orders+y
    < END
    a> get orders/t=1000
    b> get orders+x/t=1000/open
    wait 1
    ${put("orders", "1")}
    a< VALUE orders 0 1
    a< 1
    a< END
    b< VALUE orders+x 0 1
    b< 1
    b< END
    b hang up
    ${got("orders+x", "1")}
    ${got("orders+y", "1")}
    > get orders
    < END`));
