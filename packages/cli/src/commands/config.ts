/**
 * `kq config`: a node's settings file, checked, shown with everything that it doesn't say, or to begin with.
 */
import { type Command, defineCommand } from "../command.ts";
import { UsageError } from "../exit-code.ts";

export const configCommand: Command = defineCommand({
  usage: "config <action>",
  describe: "Check and show a node's settings file, or print one to begin with",
  examples: [
    ["kq config example > kestrel.json", "a file to begin with"],
    ["kq config check kestrel.json", "says what is wrong with it"],
  ],
  positionals: {
    action: {
      choices: ["check", "show", "example"],
      demandOption: true,
      describe: "What to do; each has a --help",
    },
  },
  flags: {},
  async run(args) {
    throw new UsageError(`see kq config ${args.action} --help`);
  },
});
