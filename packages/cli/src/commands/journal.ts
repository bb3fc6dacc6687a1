/**
 * `kq journal`: journals told and checked; those of Kestrel 2.x brought in, written and packed too. Each action has
 * a file.
 */
import { type Command, defineCommand } from "../command.ts";
import { UsageError } from "../exit-code.ts";

export const journalCommand: Command = defineCommand({
  usage: "journal <action>",
  describe: "Look into and check journals; import, export and pack those of Kestrel 2.x",
  examples: [
    ["kq journal verify spool", "what a start would keep of a spool folder, and what is wrong with it"],
    ["kq journal dump spool/work", "what a queue's journal says, record by record"],
    [
      "kq journal import /var/spool/kestrel spool",
      "an old node's queues for a new one; no server may be using either",
    ],
  ],
  positionals: {
    action: {
      choices: ["dump", "verify", "import", "export", "pack"],
      demandOption: true,
      describe: "What to do; each has a --help",
    },
  },
  flags: {},
  async run(args) {
    throw new UsageError(`see kq journal ${args.action} --help`);
  },
});
