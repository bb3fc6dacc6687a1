/**
 * `kq journal`: journals of Kestrel 2.x, brought in, written, told and checked. Each action has a file.
 */
import { type Command, defineCommand } from "../command.ts";
import { UsageError } from "../exit-code.ts";

export const journalCommand: Command = defineCommand({
  usage: "journal <action>",
  describe: "Import, export, look into, check and pack journals of Kestrel 2.x",
  examples: [
    [
      "kq journal import /var/spool/kestrel spool",
      "an old node's queues for a new one; no server may be using either",
    ],
    ["kq journal dump /var/spool/kestrel/work", "what an old journal says, record by record"],
  ],
  positionals: {
    action: {
      choices: ["import", "export", "dump", "verify", "pack"],
      demandOption: true,
      describe: "What to do; each has a --help",
    },
  },
  flags: {},
  async run(args) {
    throw new UsageError(`see kq journal ${args.action} --help`);
  },
});
