/** What is told of a log that was checked. */
import type { LostIds } from "../journal/damage.ts";

/** Something in a log's folder that is not as a clean stop leaves it. */
export interface LogFault {
  readonly path: string;
  readonly offset: number;
  readonly size: number;
  /**
   * - `torn`: the end of the newest segment does not check. A write was cut short, or its last frame is damaged;
   *   nothing tells which. A start copies these bytes aside and cuts them off.
   * - `damaged`: bytes do not check. They are copied aside when they are met, and stepped over.
   * - `missing`: items that some reader has not finished are in no file.
   * - `contradiction`: an index, or the numbers in a readers' state, are not those of what the files hold.
   * - `unreadable`: a file cannot be read, and a start would fail.
   * - `leftover`: what a crash has left before it came to anything. A start removes it, and nothing is lost.
   * - `unindexed`: an older segment without its index. A start reads it whole, and nothing is lost.
   */
  readonly kind: "torn" | "damaged" | "missing" | "contradiction" | "unreadable" | "leftover" | "unindexed";
  /** The rest of a sentence that begins with the path. */
  readonly reason: string;
}

/** What a start would keep for one queue or fanout. */
export interface ReaderReport {
  /** Of the queue: `orders`, or `orders+audit`. */
  readonly name: string;
  /** Items that would be there, and the bytes of their data. */
  readonly items: number;
  readonly bytes: number;
  /** Items that it has not finished and that are gone, as half-open ranges of ids; and how many they are. */
  readonly lostIds: LostIds;
  readonly lostItems: number;
}

export interface LogReport {
  readonly folder: string;
  /** The queue first, if it is there, then its fanouts. */
  readonly readers: readonly ReaderReport[];
  /** At most a thousand; `faultLength` counts all. */
  readonly faults: readonly LogFault[];
  readonly faultLength: number;
  /** Bytes that do not check. */
  readonly unsoundBytes: number;
  readonly segmentLength: number;
  /** Bytes of all segments. */
  readonly size: number;
  /** Everything checks, and nothing is lost: no fault but `leftover` and `unindexed`. */
  readonly isSound: boolean;
}

const faultsMax = 1000;
const harmless: readonly LogFault["kind"][] = ["leftover", "unindexed"];

/** Faults as they are found; keeps a thousand and counts all. */
export class FaultList {
  readonly kept: LogFault[] = [];
  length = 0;
  isHarmless = true;

  add(fault: LogFault): void {
    this.length++;
    if (!harmless.includes(fault.kind)) this.isHarmless = false;
    if (this.kept.length < faultsMax) this.kept.push(fault);
  }
}
