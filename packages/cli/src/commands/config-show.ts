/**
 * `kq config show`: the settings that a file comes to, with everything that it leaves to the defaults; or those
 * that the nodes run with at present.
 */

import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { exitCodes, UsageError } from "../exit-code.ts";
import { explain } from "../failure.ts";
import { type ClusterArguments, clusterFlags } from "../nodes/cluster.ts";
import { askEach } from "../nodes/node-inquiry.ts";
import { say } from "../surroundings.ts";
import { renderJson } from "../terminal/output.ts";
import { writeOut } from "../terminal/writing.ts";

export const configShowCommand: Command = defineCommand({
  usage: "config show [file]",
  describe: "Show the rules of every queue, as a settings file has them or as the nodes run with them",
  examples: [
    ["kq config show", "the rules of every queue on every node"],
    ["kq config show kestrel.json", "what a file comes to, with all defaults"],
  ],
  positionals: { file: { type: "string", describe: "A settings file; without it the nodes are asked" } },
  flags: { ...clusterFlags, ...jsonFlag },
  async run(args, surroundings) {
    const { stdout } = surroundings;
    if (args.file !== undefined) {
      if (args.servers !== undefined) throw new UsageError("a file, or --servers");
      const { loadSettings } = await import("@kestrel-mq/server");
      const { server, queues } = await loadSettings(args.file);
      const rules = Object.fromEntries(
        ["default", ...queues.queueNames].map((name) => [name, queues.settingsFor(name)]),
      );
      const shown = JSON.stringify({ server, queues: rules }, hidePasswords, 2);
      await writeOut(stdout, `${shown}\n`);
      return exitCodes.done;
    }
    const answers = await askEach(args as ClusterArguments, surroundings, (admin) =>
      admin.lines("dump_config"),
    );
    for (const answer of answers)
      if (!answer.ok) say(surroundings, `kq config show: ${explain(answer.error)}`);
    const known = answers.filter((answer) => answer.ok);
    if (args.json === true) {
      await writeOut(stdout, renderJson(known.map(({ node, value }) => ({ node, config: value }))));
    } else {
      for (const { node, value } of known)
        await writeOut(stdout, `# ${node}\n${value.map((line) => `${line}\n`).join("")}`);
    }
    return known.length === answers.length ? exitCodes.done : exitCodes.failed;
  },
});

/** Those of users are kept as hashes, which tell nothing. */
function hidePasswords(key: string, value: unknown): unknown {
  if (key !== "credentials" || value === null) return value;
  return { ...(value as object), password: "(not shown)" };
}
