/** What requests add to the statistics of the server, in conversations. */
import { test } from "vitest";
import type { KestrelConfig } from "../settings/config-file.ts";
import { Conversation } from "../testing/conversation.ts";

async function hold(script: string, config: KestrelConfig = {}): Promise<void> {
  await using conversation = await Conversation.start({ maxOpenTransactions: 10, ...config });
  await conversation.hold(script);
}

const put = (queue: string): string => `
  > set ${queue} 0 0 1
  > x
  < STORED`;

const item = (queue: string): string => `
  < VALUE ${queue} 0 1
  < x
  < END`;

test("an item counts once for each queue that takes it, as it does among those that are there", () =>
  hold(
    `
    > get q+a q+b
    < END
    ${put("q")}
    stats total_items 3
    stats curr_items 3
    ${put("q+a")}
    stats total_items 4
    ${put("q")}
    stats total_items 6
    stats curr_items 6
    > get only+a
    < END
    ${put("only")}
    stats total_items 8
    ${put("only")}
    stats total_items 9`,
    {
      queues: [
        { name: "q+b", maxItems: 1 },
        { name: "only", fanoutOnly: true },
        { name: "only+a", maxItems: 1 },
      ],
    },
  ));

test("a monitor that waited for nothing missed it; one that has all it wanted, or never waited, did not", () =>
  hold(`
    > monitor q 1
    wait 1000
    < END
    stats get_misses 1
    ${put("q")}
    > monitor q 1 1
    ${item("q")}
    < END
    > monitor q 0
    < END
    stats get_hits 1
    stats get_misses 1
    > monitor q 1
    b> set q 0 0 1
    b> x
    b< STORED
    ${item("q")}
    wait 1000
    < END
    stats get_hits 2
    stats get_misses 2`));
