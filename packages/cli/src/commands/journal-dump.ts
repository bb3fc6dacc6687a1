/**
 * `kq journal dump`: what journals of Kestrel 2.x say, as Kestrel's qdump told it.
 */
import { type Command, defineCommand } from "../command.ts";
import { exitCodes, UsageError } from "../exit-code.ts";
import { type Surroundings, say } from "../surroundings.ts";
import { writeOut } from "../writing.ts";

export const journalDumpCommand: Command = defineCommand({
  usage: "journal dump <files..>",
  describe: "Tell what a journal of Kestrel 2.x says, record by record, as qdump did",
  examples: [
    ["kq journal dump /var/spool/kestrel/work", "a line for each record"],
    ["kq journal dump -q /var/spool/kestrel/work", "only what is left in the queue, in numbers"],
    ["kq journal dump -Q work.1 work.2 work > items", "the items that are left, as they are"],
  ],
  positionals: {
    files: {
      type: "string",
      array: true,
      demandOption: true,
      describe: "Files of one journal, oldest first",
    },
  },
  flags: {
    quiet: { type: "boolean", alias: "q", describe: "Only a summary" },
    dump: { type: "boolean", alias: "d", describe: "The items' data too" },
    "all-items": {
      type: "boolean",
      alias: "A",
      describe: "Every item that was ever put, raw, a line feed after each",
    },
    "queue-items": { type: "boolean", alias: "Q", describe: "The items that are left in the queue, raw" },
  },
  async run(args, surroundings) {
    const { files } = args;
    const wishes = [args.quiet, args.dump, args.allItems, args.queueItems].filter((wish) => wish === true);
    if (wishes.length > 1) throw new UsageError("-q, -d, -A and -Q exclude each other");
    if (args.quiet === true) return await summarize(files, surroundings);
    if (args.queueItems === true) return await writeLeft(files, surroundings);
    return await describe(files, args.dump === true, args.allItems === true, surroundings);
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
