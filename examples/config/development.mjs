// @ts-check
// A node on your own machine: kestrel --config examples/config/development.mjs
//
// The same in JSON, without words: development.json. All settings: docs/settings.md.
import { defineConfig } from "@kestrel-mq/server";

export default defineConfig({
  // Journals in the current directory: delete the folder, and everything is new.
  queuePath: "kestrel-spool",

  // Reachable from this machine only. That is the default; a node that others are to reach says "0.0.0.0".
  listenAddress: "127.0.0.1",

  // A forgotten client is thrown out, and its open reads go back, while you are still looking.
  clientTimeout: "30s",

  // So that one connection can hold several items open.
  maxOpenTransactions: 100,

  logLevel: "debug",

  // What holds for every queue unless it says otherwise.
  default: {
    maxMemorySize: "16MB",
    maxJournalSize: "128MB",
  },

  queues: [
    // Nothing older than half an hour, and a bound on how much there can be of it.
    { name: "weather", maxAge: "30m", maxItems: 1_500_000 },

    // In memory only: gone when the node stops.
    { name: "transient_events", keepJournal: false },

    // Work that is due in 30 seconds: put it into one queue, take it from the other.
    { name: "jobs_pending", maxAge: "30s", expireToQueue: "jobs_ready" },
    // Each put is answered when it is on the disk.
    { name: "jobs_ready", syncJournal: 0 },

    // A copy of each order for everybody who listens, and nothing kept for the name itself.
    { name: "orders", fanoutOnly: true },
    // These listen from the start. Others begin when somebody first asks for them: get orders+mail.
    { name: "orders+billing" },
    // A fanout takes its parent's rules where it has none of its own.
    { name: "orders+audit", maxAge: "1d" },

    // The newest 10 MB, whatever comes.
    { name: "samples", maxSize: "10MB", discardOldWhenFull: true },

    // To look at what clients do.
    { name: "traced", enableTrace: true, openTransactionTimeout: "10s" },
  ],

  aliases: [
    // A put into "everywhere" is a put into both.
    { name: "everywhere", destinationQueues: ["weather", "samples"] },
  ],
});
