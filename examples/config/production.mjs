// @ts-check
// A node in a cluster. The same in JSON, without words: production.json. All settings: docs/settings.md.
//
// Where this package is not installed beside the file, as in /etc/kestrel, leave out the import and
// defineConfig, and export the object itself. They only give an editor the types.
import { defineConfig } from "@kestrel-mq/server";

export default defineConfig({
  // On a disk of its own, if it can be. One process only may use it.
  queuePath: "/var/spool/kestrel",
  // Kept over restarts, so that a node that was set read-only to be drained stays so.
  statusFile: "/var/lib/kestrel/status",

  // There are no users here: a firewall decides who reaches these ports. With users and TLS: docs/security.md.
  listenAddress: "0.0.0.0",
  memcacheListenPort: 22133,
  thriftListenPort: 2229,
  textListenPort: "off",
  admin: { httpPort: 2223 },

  // Expired items go at the latest this long after, also from queues that nobody reads.
  expirationTimerFrequency: "1s",

  // Consumers may be quiet for long: nobody is thrown out for silence.
  clientTimeout: null,
  maxOpenTransactions: 100,

  // With many more clients than planned it is better to drain than to fill: puts are refused first.
  connectionBacklog: 1024,
  connectionLimitRefuseWrites: 8000,
  connectionLimitRefuseReads: 9000,
  maxConnections: 10_000,

  // Clients that watch the status have this long to go elsewhere before they are refused.
  statusChangeGracePeriod: "5s",

  maxItemSize: "8MB",
  // All queues together. Leave as much again for connections and for Node itself.
  maxMemory: "1GB",

  default: {
    // What was answered survives the end of the process in any case. This bounds what a power cut can take.
    syncJournal: "100ms",
    maxMemorySize: "128MB",
    maxJournalSize: "1GB",
    // A consumer that hangs with an item for this long has lost it to the next one.
    openTransactionTimeout: "5m",
  },

  queues: [
    // A bound on every queue that somebody may forget to read keeps the disk from filling up.
    { name: "weather_updates", maxAge: "30m", maxItems: 1_500_000 },
    { name: "transient_events", keepJournal: false, maxSize: "64MB", discardOldWhenFull: true },

    // Not one may be lost, not even to a power cut.
    { name: "payments", syncJournal: 0 },

    // What has not been done in a day is looked at by somebody: a thousand are moved at a time, no more.
    { name: "mail", maxAge: "1d", expireToQueue: "mail_undelivered", maxExpireSweep: 1000 },

    // Queues with a name of their own for each client that waits for answers: empty ones go after an hour.
    { name: "replies", maxQueueAge: "1h" },

    { name: "orders" },
    { name: "orders+warehouse" },
    { name: "orders+statistics", maxSize: "1GB", discardOldWhenFull: true },
  ],

  aliases: [{ name: "updates", destinationQueues: ["weather_updates", "transient_events"] }],
});
