/**
 * What is wrong with a journal, in words.
 */
import { type Surroundings, say } from "../surroundings.ts";

const toldMax = 20;

/** Of a journal of ours or of Kestrel 2.x. */
interface Fault {
  readonly path: string;
  readonly offset: number;
  readonly kind: string;
  readonly reason: string;
  readonly unreadBytes?: number;
}

/** One line for each fault, the first twenty of a journal; `faultLength` is how many there are in all. */
export function tellFaults(
  action: string,
  faults: readonly Fault[],
  faultLength: number,
  surroundings: Surroundings,
): void {
  for (const { path, offset, kind, reason, unreadBytes = 0 } of faults.slice(0, toldMax)) {
    const rest = unreadBytes > 0 ? `; ${unreadBytes} bytes from there on are not read` : "";
    say(surroundings, `kq journal ${action}: ${path} at ${offset}: ${kind}, ${reason}${rest}`);
  }
  if (faultLength > toldMax)
    say(surroundings, `kq journal ${action}: and ${faultLength - toldMax} further faults`);
}
