/**
 * `kq load`: the items of a file into a queue; cut short, it goes on where it was.
 */
import { open, stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { renderBytes } from "../arguments/size.ts";
import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { CommandError } from "../exit-code.ts";
import { type FileItem, parseItemLine } from "../items/item-file.ts";
import { readLines } from "../items/lines.ts";
import { LoadPosition } from "../items/load-position.ts";
import { atLeastOnceFlag, putAll } from "../items/put-all.ts";
import { type ClusterArguments, clusterFlags, clusterOptions } from "../nodes/cluster.ts";
import { type Surroundings, say } from "../surroundings.ts";
import { Progress } from "../terminal/progress.ts";

/** A line of JSON may be a good deal longer than its item, which is at most 64 MB. */
const lineBytesMax = 256 * 1024 * 1024;
const saveEveryMs = 1000;

export const loadCommand: Command = defineCommand({
  usage: "load <queue> [file]",
  describe: "Put the items of a file of kq dump into a queue; also: load tests, see its --help",
  examples: [
    ["kq load work work.jsonl", "cut short: run it again to go on, the place is kept in work.jsonl.loaded"],
    ["zcat work.jsonl.gz | kq load work", "through a pipe"],
  ],
  positionals: {
    queue: { type: "string", demandOption: true, describe: "The queue" },
    file: { type: "string", describe: "A line of JSON for each item [standard input]" },
  },
  flags: {
    ...atLeastOnceFlag,
    ...clusterFlags,
    ...jsonFlag,
  },
  async run(args, surroundings) {
    const file = args.file === "-" ? undefined : args.file;
    const fileSize = file === undefined ? null : (await stat(file)).size;
    const position = file === undefined ? null : await LoadPosition.find(file, args.queue);
    const startOffset = position?.offset ?? 0;
    if (fileSize !== null && startOffset > fileSize) {
      throw new CommandError(
        `${file} is not the file that ${file}.loaded is about; remove that to begin anew`,
      );
    }
    if (position !== null && position.items > 0) {
      say(surroundings, `kq load: going on after item ${position.items}, where the last load ended`);
    }
    const options = await clusterOptions(args as ClusterArguments, surroundings);
    const input = await inputOf(file, startOffset, surroundings);
    const progress = new Progress(surroundings, "loaded", fileSize, { noun: "of input", show: renderBytes });
    progress.advance(startOffset);
    return await putAll(
      {
        name: "load",
        cluster: surroundings.connect({
          ...options,
          guarantee: args.atLeastOnce === true ? "at-least-once" : "at-most-once",
        }),
        queue: args.queue,
        options: {},
        items: items(input, position, progress, surroundings),
        input,
        progress,
        json: args.json,
        numbersUsed: position?.items ?? 0,
        onStored: (number) => position?.stored(number),
        onEnd: async (isComplete) => {
          if (isComplete) await position?.remove();
          else await position?.save();
        },
      },
      surroundings,
    );
  },
});

/** Rejects with the system's error when the file can't be opened. */
async function inputOf(
  file: string | undefined,
  startOffset: number,
  { stdin }: Surroundings,
): Promise<Readable> {
  if (file === undefined) return stdin;
  return (await open(file)).createReadStream({ start: startOffset });
}

/** The items of `input` in batches; tells `position` where each ends, and has it saved now and then. */
async function* items(
  input: Readable,
  position: LoadPosition | null,
  progress: Progress,
  surroundings: Surroundings,
): AsyncGenerator<FileItem[]> {
  let number = position?.items ?? 0;
  let offset = position?.offset ?? 0;
  let broken: number | null = null;
  let savedMs = Date.now();
  for await (const lines of readLines(input, lineBytesMax)) {
    const batch: FileItem[] = [];
    const startOffset = offset;
    for (const line of lines) {
      if (broken !== null) {
        yield batch;
        throw new CommandError(`line ${broken} is no item of kq dump`);
      }
      number++;
      offset += line.length + 1;
      const item = parseItemLine(line);
      if (item === undefined) {
        broken = number;
        continue;
      }
      position?.expect(number, offset);
      batch.push(item);
    }
    yield batch;
    progress.advance(offset - startOffset);
    if (position !== null && Date.now() - savedMs >= saveEveryMs) {
      await position.save();
      savedMs = Date.now();
    }
  }
  // Where a dump was cut short its last item is unfinished here, and still in the queue there.
  if (broken !== null) say(surroundings, `kq load: the last line is unfinished, and no item; left out`);
}
