/**
 * `kq journal verify`: reads journals to their ends and tells what is wrong with them, and what would be kept.
 */
import { stat } from "node:fs/promises";
import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { CommandError, exitCodes } from "../exit-code.ts";
import { tellFaults } from "../journals/journal-faults.ts";
import { findPlaces } from "../journals/journal-places.ts";
import { verifyLogs } from "../journals/log-verify.ts";
import { liveFlag } from "../journals/spool-in-use.ts";
import { type Surroundings, say } from "../surroundings.ts";
import { type Column, colorsFor, formOf, renderRows } from "../terminal/output.ts";
import { writeOut } from "../terminal/writing.ts";

interface Row {
  journal: string;
  items: number;
  records: number;
  faults: number;
}

const columns: Column<Row>[] = [
  { title: "journal", value: (row) => row.journal },
  { title: "items", align: "right", value: (row) => row.items },
  { title: "records", align: "right", value: (row) => row.records },
  { title: "faults", align: "right", value: (row) => row.faults },
];

export const journalVerifyCommand: Command = defineCommand({
  usage: "journal verify <paths..>",
  describe: "Check journals, and tell what a start would keep of them; nothing is changed",
  examples: [
    ["kq journal verify spool", "every queue of a spool folder; exit code 1 if something would be lost"],
    ["kq journal verify spool/work", "one queue and its fanouts"],
    ["kq journal verify /var/spool/kestrel", "journals of Kestrel 2.x: a spool folder"],
    ["kq journal verify work.1298000000000 work", "or the files of one journal, oldest first"],
  ],
  positionals: { paths: { type: "string", array: true, demandOption: true, describe: "Folders, or files" } },
  flags: { ...liveFlag, ...jsonFlag },
  async run(args, surroundings) {
    const { stdout, env } = surroundings;
    const { ours, files } = await findPlaces(args.paths);
    if (ours.length > 0) return await verifyLogs(ours, { json: args.json, isLive: args.live }, surroundings);
    const { replayJournal } = await import("@kestrel-mq/server");
    const rows: Row[] = [];
    for (const { name, paths } of await journalsOf(files, surroundings)) {
      const { length, recordLength, faults, faultLength } = await replayJournal(paths);
      tellFaults("verify", faults, faultLength, surroundings);
      rows.push({ journal: name, items: length, records: recordLength, faults: faultLength });
    }
    const form = formOf(stdout, args.json);
    if (rows.length > 0 || form === "json") {
      await writeOut(stdout, renderRows(form, columns, rows, colorsFor(stdout, env)));
    }
    if (rows.some(({ faults }) => faults > 0)) return exitCodes.failed;
    return rows.length > 0 ? exitCodes.done : exitCodes.nothing;
  },
});

async function journalsOf(
  paths: readonly string[],
  surroundings: Surroundings,
): Promise<{ name: string; paths: readonly string[] }[]> {
  const first = paths[0] as string;
  if (!(await stat(first)).isDirectory()) return [{ name: first, paths }];
  if (paths.length > 1) throw new CommandError("name one folder, or the files of one journal");
  const { findJournals } = await import("@kestrel-mq/server");
  const { journals, ignored } = await findJournals(first);
  for (const { path, reason } of ignored)
    say(surroundings, `kq journal verify: ${path} was left out: ${reason}`);
  return journals.map(({ queueName, paths: files }) => ({ name: queueName, paths: files }));
}
