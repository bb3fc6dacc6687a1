/**
 * `kq config example`: a settings file to begin with.
 */
import type { KestrelConfig } from "@kestrel-mq/server";
import { type Command, defineCommand } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import { writeOut } from "../terminal/writing.ts";

const example: KestrelConfig = {
  queuePath: "/var/spool/kestrel",
  listenAddress: "127.0.0.1",
  memcacheListenPort: 22133,
  clientTimeout: null,
  maxOpenTransactions: 100,
  default: {
    maxMemorySize: "128MB",
    defaultJournalSize: "16MB",
    maxJournalSize: "1GB",
    syncJournal: "100ms",
  },
  queues: [
    { name: "work", maxItems: 1_000_000 },
    { name: "events", maxAge: "1h", discardOldWhenFull: true, maxSize: "256MB" },
    { name: "orders", syncJournal: 0 },
    { name: "orders+audit", maxAge: "7d" },
    { name: "later", maxAge: "5m", expireToQueue: "work" },
  ],
};

export const configExampleCommand: Command = defineCommand({
  usage: "config example",
  describe: "Print a settings file to begin with; docs/settings.md explains each setting",
  examples: [["kq config example > kestrel.json", "then: kestrel --config kestrel.json"]],
  positionals: {},
  flags: {},
  async run(_args, { stdout }) {
    await writeOut(stdout, `${JSON.stringify(example, null, 2)}\n`);
    return exitCodes.done;
  },
});
