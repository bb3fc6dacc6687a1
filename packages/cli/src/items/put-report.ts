/**
 * What became of a long run of puts, told to people on standard error and to programs as JSON.
 */
import { renderDurationMs } from "../arguments/duration.ts";
import { type ExitCode, exitCodes } from "../exit-code.ts";
import { type Surroundings, say } from "../surroundings.ts";
import { renderJson } from "../terminal/output.ts";
import { writeOut } from "../terminal/writing.ts";
import type { LineNumbers } from "./line-numbers.ts";
import type { Putting } from "./putting.ts";

/** Tells the account of command `name`. Exit code 1 unless every item is stored. */
export async function reportPutting(
  name: string,
  putting: Putting,
  tookMs: number,
  isJson: boolean,
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { stored, unknown, tooLarge, notStored, stopReason } = putting;
  const count = (length: number) => `${length.toLocaleString("en")} ${length === 1 ? "item" : "items"}`;
  const tell = (lines: LineNumbers, words: string) => {
    if (lines.length > 0) say(surroundings, `kq ${name}: ${count(lines.length)} ${words}: ${lines.render()}`);
  };
  tell(unknown, `may or may not be stored (${putting.unknownReason}; --at-least-once would put them again)`);
  tell(tooLarge, "refused, larger than the queue takes");
  tell(notStored, "not stored");
  if (stopReason !== null)
    say(surroundings, `kq ${name}: stopped after item ${putting.count}: ${stopReason}`);
  if (isJson) {
    await writeOut(
      surroundings.stdout,
      renderJson({
        stored,
        unknown: unknown.ranges(),
        tooLarge: tooLarge.ranges(),
        notStored: notStored.ranges(),
        stopReason,
      }),
    );
  } else if (!putting.isComplete || surroundings.stderr.isTTY === true) {
    say(surroundings, `Stored ${count(stored)} in ${renderDurationMs(tookMs)}.`);
  }
  return putting.isComplete ? exitCodes.done : exitCodes.failed;
}
