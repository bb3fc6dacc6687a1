/**
 * `kq journal pack`: several files of a Kestrel 2.x journal into one that means the same, as qpack did.
 */
import { type Command, defineCommand } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import { say } from "../surroundings.ts";

export const journalPackCommand: Command = defineCommand({
  usage: "journal pack <files..>",
  describe: "Pack the files of a Kestrel 2.x journal into one, as qpack did",
  examples: [["kq journal pack -f work.packed work.1298000000000 work", "oldest first; the old files stay"]],
  positionals: {
    files: {
      type: "string",
      array: true,
      demandOption: true,
      describe: "Files of one journal, oldest first",
    },
  },
  flags: {
    file: {
      type: "string",
      alias: "f",
      requiresArg: true,
      demandOption: true,
      describe: "The file to write",
    },
  },
  async run(args, surroundings) {
    const { packJournals } = await import("@kestrel-mq/server");
    const { length, size } = await packJournals(args.files, args.file);
    if (surroundings.stderr.isTTY === true) say(surroundings, `${length} items, ${size} bytes.`);
    return exitCodes.done;
  },
});
