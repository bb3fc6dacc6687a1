/**
 * `kq journal import`: the queues of a Kestrel 2.x spool folder into one of ours.
 */
import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import { tellFaults } from "../journals/journal-faults.ts";
import { queuesPositional, transfer } from "../journals/journal-transfer.ts";
import { SayingLogger } from "../journals/saying-logger.ts";
import { say } from "../surroundings.ts";
import { type Column, colorsFor, formOf, renderRows } from "../terminal/output.ts";
import { writeOut } from "../terminal/writing.ts";

interface Row {
  name: string;
  length: number;
  size: number;
  faultLength: number;
}

const columns: Column<Row>[] = [
  { title: "queue", value: (row) => row.name },
  { title: "items", align: "right", value: (row) => row.length },
  { title: "bytes", align: "right", value: (row) => row.size },
  { title: "faults", align: "right", value: (row) => row.faultLength },
];

export const journalImportCommand: Command = defineCommand({
  usage: "journal import <from> <to> [queues..]",
  describe: "Bring the queues of a Kestrel 2.x spool folder into one of ours; the old files are only read",
  examples: [
    ["kq journal import /var/spool/kestrel spool", "all queues; then start a node with --queue-path spool"],
    ["kq journal import /var/spool/kestrel spool work mail", "these two"],
  ],
  positionals: {
    from: { type: "string", demandOption: true, describe: "The old spool folder" },
    to: { type: "string", demandOption: true, describe: "The new one; no server may be using it" },
    ...queuesPositional,
  },
  flags: { ...jsonFlag },
  async run(args, surroundings) {
    const { stdout, env } = surroundings;
    const { importKestrel2 } = await import("@kestrel-mq/server");
    const logger = new SayingLogger(surroundings, "journal import");
    const { queues, ignored } = await transfer(
      args,
      importKestrel2,
      { verb: "imported", logger },
      surroundings,
    );
    for (const { path, reason } of ignored) {
      if (reason !== "not asked for") say(surroundings, `kq journal import: ${path} was left out: ${reason}`);
    }
    for (const { faults, faultLength } of queues) tellFaults("import", faults, faultLength, surroundings);
    const form = formOf(stdout, args.json);
    if (queues.length > 0 || form === "json") {
      await writeOut(stdout, renderRows(form, columns, queues, colorsFor(stdout, env)));
    }
    if (queues.some(({ faultLength }) => faultLength > 0)) return exitCodes.failed;
    return queues.length > 0 ? exitCodes.done : exitCodes.nothing;
  },
});
