/**
 * `kq config check`: whether a settings file can be used, and if not, every reason.
 */
import { type Command, defineCommand } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import { say } from "../surroundings.ts";

export const configCheckCommand: Command = defineCommand({
  usage: "config check <file>",
  describe: "Say whether a node's settings file can be used, and if not, every reason",
  examples: [["kq config check /etc/kestrel.json && kq reload", "reload only what is right"]],
  positionals: {
    file: { type: "string", demandOption: true, describe: "JSON, or an ES module (.js, .mjs)" },
  },
  flags: {},
  async run(args, surroundings) {
    const { loadSettings, SettingsError } = await import("@kestrel-mq/server");
    try {
      await loadSettings(args.file);
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      for (const problem of error.problems) say(surroundings, `${error.source}: ${problem}`);
      return exitCodes.failed;
    }
    if (surroundings.stderr.isTTY === true) say(surroundings, `${args.file} is right.`);
    return exitCodes.done;
  },
});
