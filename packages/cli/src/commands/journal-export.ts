/**
 * `kq journal export`: the queues of one of our spool folders as journals of Kestrel 2.x.
 */
import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import { type Column, colorsFor, formOf, renderRows } from "../output.ts";
import { silentLogger } from "../silent-logger.ts";
import { writeOut } from "../writing.ts";

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
    queues: {
      type: "string",
      array: true,
      default: [] as string[],
      defaultDescription: "all",
      describe: "Only these queues",
    },
  },
  flags: { ...jsonFlag },
  async run(args, { stdout, env }) {
    const { exportKestrel2 } = await import("@kestrel-mq/server");
    const rows = await exportKestrel2({
      from: args.from,
      to: args.to,
      ...(args.queues.length > 0 ? { queueNames: args.queues } : {}),
      logger: silentLogger,
    });
    const form = formOf(stdout, args.json);
    if (rows.length > 0 || form === "json") {
      await writeOut(stdout, renderRows(form, columns, rows, colorsFor(stdout, env)));
    }
    return rows.length > 0 ? exitCodes.done : exitCodes.nothing;
  },
});
