/**
 * `kq journal export`: the queues of one of our spool folders as journals of Kestrel 2.x.
 */
import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import { queuesPositional, transfer } from "../journals/journal-transfer.ts";
import { SayingLogger } from "../journals/saying-logger.ts";
import { type Column, colorsFor, formOf, renderRows } from "../terminal/output.ts";
import { writeOut } from "../terminal/writing.ts";

interface Row {
  name: string;
  length: number;
  path: string;
  size: number;
}

const columns: Column<Row>[] = [
  { title: "queue", value: (row) => row.name },
  { title: "items", align: "right", value: (row) => row.length },
  { title: "bytes", align: "right", value: (row) => row.size },
  { title: "file", value: (row) => row.path },
];

export const journalExportCommand: Command = defineCommand({
  usage: "journal export <from> <to> [queues..]",
  describe: "Write the queues of one of our spool folders as journals of Kestrel 2.x; they stay as they are",
  examples: [
    ["kq journal export spool /var/spool/kestrel", "all queues; the node must be stopped"],
    ["kq journal export spool old work", "one of them"],
  ],
  positionals: {
    from: { type: "string", demandOption: true, describe: "Our spool folder; no server may be using it" },
    to: { type: "string", demandOption: true, describe: "The folder to write to" },
    ...queuesPositional,
  },
  flags: { ...jsonFlag },
  async run(args, surroundings) {
    const { stdout, env } = surroundings;
    const { exportKestrel2 } = await import("@kestrel-mq/server");
    const logger = new SayingLogger(surroundings, "journal export");
    const rows = await transfer(args, exportKestrel2, { verb: "exported", logger }, surroundings);
    const form = formOf(stdout, args.json);
    if (rows.length > 0 || form === "json") {
      await writeOut(stdout, renderRows(form, columns, rows, colorsFor(stdout, env)));
    }
    // What damage has taken is not in the new journals either.
    if (logger.hasSpoken) return exitCodes.failed;
    return rows.length > 0 ? exitCodes.done : exitCodes.nothing;
  },
});
