/**
 * The rare way out: some of a turn's records could not be written, and what was answered on their strength is
 * not true. Puts turn into errors, gets of what was never there into "nothing there". That an older item is finished
 * stays owed to the file, and goes there with the next turn that can be written: what was handed out or confirmed stays
 * so, for a disk that is full is made room on by those who read.
 */
import type { Session } from "../session/session.ts";
import type { Codec } from "./codec.ts";
import type { Output, Pledge } from "./output.ts";

/** Copies `output` into the empty `mended`, with the failed answers replaced. */
export function mendOutput(output: Output, mended: Output, codec: Codec, session: Session): Output {
  let from = 0;
  let largeFrom = 0;
  for (let i = 0; i < output.pledgeLength; i++) {
    const pledge = output.pledges[i]!;
    const { error } = pledge.receipt!;
    if (error === null || !hasFailed(pledge)) continue;
    mended.append(output, from, pledge.start, largeFrom, pledge.largeStart);
    codec.renderFailure(pledge.tag, pledge.opaque, error, mended);
    if (pledge.openedIn !== null) session.forget(pledge.openedIn, pledge.id);
    from = pledge.end;
    largeFrom = pledge.largeEnd;
  }
  mended.append(output, from, output.length, largeFrom, output.large.length);
  return mended;
}

function hasFailed({ kind, receipt, id }: Pledge): boolean {
  return kind === "put" || (kind === "item" && receipt!.hasUndone(id));
}
