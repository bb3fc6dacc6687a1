/**
 * Asking before something is destroyed. Without a terminal nobody can answer, and a script must say `--yes`.
 */
import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { Interrupted, UsageError } from "../exit-code.ts";
import type { Surroundings } from "../surroundings.ts";

/**
 * True when the user agreed, or had said `--yes`. Throws UsageError when nobody can be asked. The question
 * goes to standard error, as standard output is for data.
 */
export async function isAgreed(
  surroundings: Surroundings,
  question: string,
  yes: boolean | undefined,
): Promise<boolean> {
  if (yes === true) return true;
  const { stdin, stderr, interrupted } = surroundings;
  if (stdin.isTTY !== true || stderr.isTTY !== true) {
    throw new UsageError(`${question} There is no terminal to ask on: say --yes if you mean it.`);
  }
  const prompt = createInterface({ input: stdin, output: stderr, terminal: false });
  try {
    const hungUp = once(prompt, "close").then(() => "");
    const answer = await Promise.race([
      prompt.question(`${question} [y/N] `, { signal: interrupted }),
      hungUp,
    ]);
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    if (interrupted.aborted) throw new Interrupted();
    throw error;
  } finally {
    prompt.close();
  }
}
