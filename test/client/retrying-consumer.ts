/**
 * A consumer in a process of its own, to be killed: tells on standard output of each attempt, before it is made, and
 * fails with every item whose text begins with "bad". Its arguments are the servers.
 */

import { writeSync } from "node:fs";
import { KestrelClusterClient } from "@kestrel-mq/client";

const client = new KestrelClusterClient({ servers: process.argv.slice(2), retry: { minMs: 20, maxMs: 200 } });
client.on("item:failed", () => {});
client.consume(
  "jobs",
  (item) => {
    // At once, not when the event loop comes to it: what follows is a matter of who is killed when.
    writeSync(1, `${item.text()} ${item.attempt} ${item.flags}\n`);
    if (item.text().startsWith("bad")) throw new Error("bad");
  },
  {
    concurrency: 4,
    onFailure: {
      maxAttempts: 4,
      retryQueue: "jobs-again",
      deadLetterQueue: "jobs-dead",
      backoff: { minMs: 1, maxMs: 5 },
    },
  },
);
