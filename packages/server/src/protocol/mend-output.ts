/**
 * The rare way out: some of a turn's records could not be written, and what was answered on their strength is
 * not true. Puts turn into errors, gets into "nothing there".
 */
import type { Session } from "../session/session.ts";
import type { Codec } from "./codec.ts";
import type { Output } from "./output.ts";

/**
 * Copies `output` into the empty `mended`, with the failed answers replaced. `isLast`: a confirm has failed, the
 * output ends with that answer, and so must the connection.
 */
export function mendOutput(
  output: Output,
  mended: Output,
  codec: Codec,
  session: Session,
): { output: Output; isLast: boolean } {
  let from = 0;
  let largeFrom = 0;
  for (let i = 0; i < output.pledgeLength; i++) {
    const pledge = output.pledges[i]!;
    const { error, isUndone } = pledge.receipt!;
    // After a failed sync only puts are refused: what was handed out or confirmed stays so.
    if (error === null || (!isUndone && pledge.kind !== "put")) continue;
    const isLast = pledge.kind === "confirm";
    mended.append(output, from, pledge.start, largeFrom, pledge.largeStart);
    codec.renderFailure(pledge.tag, pledge.opaque, error, isLast, mended);
    if (isLast) return { output: mended, isLast };
    if (pledge.openedIn !== null) session.forget(pledge.openedIn, pledge.id);
    from = pledge.end;
    largeFrom = pledge.largeEnd;
  }
  mended.append(output, from, output.length, largeFrom, output.large.length);
  return { output: mended, isLast: false };
}
