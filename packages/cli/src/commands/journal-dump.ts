/**
 * `kq journal dump`: what journals say, record by record; those of Kestrel 2.x as its qdump told it.
 */
import { stat } from "node:fs/promises";
import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { CommandError, exitCodes, UsageError } from "../exit-code.ts";
import { findPlaces } from "../journals/journal-places.ts";
import { dumpLogs } from "../journals/log-dump.ts";
import { liveFlag } from "../journals/spool-in-use.ts";
import { type Surroundings, say } from "../surroundings.ts";
import { writeOut } from "../terminal/writing.ts";

export const journalDumpCommand: Command = defineCommand({
  usage: "journal dump <paths..>",
  describe: "Tell what a journal says, record by record; one of Kestrel 2.x too, as qdump did",
  examples: [
    ["kq journal dump spool/work", "a queue's journal: a line for each record, with its place in the file"],
    ["kq journal dump spool --data --json", "a whole spool folder, with the items' data, as JSON objects"],
    [
      "kq journal dump -q /var/spool/kestrel/work",
      "an old journal: only what is left in the queue, in numbers",
    ],
    ["kq journal dump -Q work.1 work.2 work > items", "the items that are left, as they are"],
  ],
  positionals: {
    paths: {
      type: "string",
      array: true,
      demandOption: true,
      describe:
        "Spool folders, folders of queues or files of theirs; or files of one old journal, oldest first",
    },
  },
  flags: {
    quiet: { type: "boolean", alias: "q", group: "Old journals:", describe: "Only a summary" },
    data: { type: "boolean", alias: ["d", "dump"], describe: "The items' data too" },
    "all-items": {
      type: "boolean",
      alias: "A",
      group: "Old journals:",
      describe: "Every item that was ever put, raw, a line feed after each",
    },
    "queue-items": {
      type: "boolean",
      alias: "Q",
      group: "Old journals:",
      describe: "The items that are left in the queue, raw",
    },
    ...liveFlag,
    ...jsonFlag,
  },
  async run(args, surroundings) {
    const wishes = [args.quiet, args.data, args.allItems, args.queueItems].filter((wish) => wish === true);
    if (wishes.length > 1) throw new UsageError("-q, -d, -A and -Q exclude each other");
    const { ours, files } = await findPlaces(args.paths);
    if (ours.length === 0) {
      for (const file of files)
        if ((await stat(file)).isDirectory())
          throw new CommandError(`${file} has no journals of ours: name the files of one old journal`);
      if (args.json === true) throw new UsageError("--json is for journals of ours");
      if (args.quiet === true) return await summarize(files, surroundings);
      if (args.queueItems === true) return await writeLeft(files, surroundings);
      return await describe(files, args.data === true, args.allItems === true, surroundings);
    }
    if (wishes.length > 0 && args.data !== true)
      throw new UsageError("-q, -A and -Q are for journals of Kestrel 2.x; kq journal verify counts ours");
    const options = { withData: args.data === true, json: args.json === true, isLive: args.live === true };
    return await dumpLogs(ours, options, surroundings);
  },
});

async function describe(
  files: readonly string[],
  isWithData: boolean,
  isRaw: boolean,
  { stdout }: Surroundings,
): Promise<0 | 1> {
  const { describeJournal, renderDescribed } = await import("@kestrel-mq/server");
  const nowMs = Date.now();
  let isFaulty = false;
  for await (const described of describeJournal(files, { withData: isWithData || isRaw })) {
    const isFault = "kind" in described;
    isFaulty ||= isFault;
    const data = isFault ? null : described.data;
    if (!isRaw) await writeOut(stdout, `${renderDescribed(described, nowMs)}\n`);
    if (data !== null)
      await writeOut(
        stdout,
        isRaw ? Buffer.concat([data, Buffer.from("\n")]) : `    ${JSON.stringify(data.toString("utf8"))}\n`,
      );
  }
  return isFaulty ? exitCodes.failed : exitCodes.done;
}

async function summarize(files: readonly string[], { stdout }: Surroundings): Promise<0 | 1> {
  const { replayJournal } = await import("@kestrel-mq/server");
  const { size, recordLength, length, faultLength } = await replayJournal(files);
  await writeOut(
    stdout,
    `journal size\t${size}\nrecords\t${recordLength}\nitems left\t${length}\nfaults\t${faultLength}\n`,
  );
  return faultLength === 0 ? exitCodes.done : exitCodes.failed;
}

async function writeLeft(files: readonly string[], surroundings: Surroundings): Promise<0 | 1 | 3> {
  const { replayJournal } = await import("@kestrel-mq/server");
  const replay = await replayJournal(files);
  for await (const { data } of replay.items())
    await writeOut(surroundings.stdout, Buffer.concat([data, Buffer.from("\n")]));
  if (replay.faultLength > 0) {
    say(surroundings, `kq journal dump: ${replay.faultLength} faults; kq journal verify tells them`);
    return exitCodes.failed;
  }
  return replay.length > 0 ? exitCodes.done : exitCodes.nothing;
}
