/**
 * Memory for answers that clients have not read yet, bounded over all connections. While it is used up no large item is
 * handed out to anybody, and each connection has less room for small ones. Nobody is refused: whoever asks waits, and
 * those who read make room. Those who don't give way: whoever has taken nothing for long, and, when a whole minute has
 * made no room, whoever has had an answer under way for longest. It looks at them only while it is used up, so it costs
 * those nothing who read all at once.
 */
import type { Clock } from "../clock.ts";
import type { Turn } from "../journal/turn.ts";
import type { LargeItemGate } from "../queue/large-item-gate.ts";
import type { Counters } from "../stats/counters.ts";

export interface AnswerHolder {
  /**
   * Another number when the client has taken some more of what is on its way to it; null: it has all of that, and what
   * it waits for is the disk's.
   */
  readonly progress: number | null;
  /** Lets go of the client. Must release what it holds. */
  giveUpAnswers(): void;
}

interface Share {
  bytes: number;
  progress: number | null;
  movedAt: number;
  /** When it last was known to have nothing on its way. */
  clearAt: number;
}

export interface AnswerMemoryOptions {
  /** Not counting the answer that reaches it. */
  readonly bytesMax: number;
  /** Who has taken nothing for so long gives way. */
  readonly stallMs: number;
  /** When no room was made for so long, one gives way that does take something. */
  readonly patienceMs: number;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly gate: LargeItemGate;
  /** Where what is unread now is shown. */
  readonly counters: Pick<Counters, "unreadBytes">;
}

const lookMs = 1000;
/** Once clients give way, room is made until no more than this share is in use: there will be others to come. */
const roomyShare = 3 / 4;

export class AnswerMemory {
  readonly #options: AnswerMemoryOptions;
  readonly #shares: Map<AnswerHolder, Share> = new Map();
  #bytes = 0;
  /** Since when it has been used up without a break. */
  #fullSince = 0;
  #isLooking = false;

  constructor(options: AnswerMemoryOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#options.gate.isClosed;
  }

  /** The holder has so many bytes now; 0: it has nothing any more. */
  hold(holder: AnswerHolder, bytes: number): void {
    const share = this.#shares.get(holder);
    this.#bytes += bytes - (share?.bytes ?? 0);
    if (bytes === 0) {
      this.#shares.delete(holder);
    } else if (share === undefined) {
      const movedAt = this.#options.clock.now();
      this.#shares.set(holder, { bytes, progress: holder.progress, movedAt, clearAt: movedAt });
    } else {
      const { progress } = holder;
      share.bytes = bytes;
      // It is on its way now; what becomes of it is told from here.
      share.progress ??= progress;
      if (progress === null) share.clearAt = this.#options.clock.now();
    }
    const { bytesMax, counters } = this.#options;
    counters.unreadBytes = this.#bytes;
    const isFull = this.#bytes >= bytesMax;
    if (isFull !== this.isFull) this.#turnTo(isFull);
  }

  #turnTo(isFull: boolean): void {
    const { clock, turn, gate } = this.#options;
    gate.isClosed = isFull;
    if (isFull) {
      this.#fullSince = clock.now();
      if (!this.#isLooking) this.#lookLater();
    } else {
      turn.resumeLater(gate);
    }
  }

  #lookLater(): void {
    this.#isLooking = true;
    this.#options.clock.after(lookMs, () => this.#look());
  }

  #look(): void {
    this.#isLooking = false;
    if (!this.isFull) return;
    const { bytesMax, clock, stallMs, patienceMs } = this.#options;
    const now = clock.now();
    this.#noteProgress(now);
    for (const holder of this.#stalledSince(now - stallMs)) {
      if (this.#bytes < bytesMax * roomyShare) return;
      holder.giveUpAnswers();
    }
    if (this.isFull && now - this.#fullSince >= patienceMs) {
      this.#fullSince = now;
      this.#oldest()?.giveUpAnswers();
    }
    if (this.isFull) this.#lookLater();
  }

  #noteProgress(now: number): void {
    for (const [holder, share] of this.#shares) {
      const { progress } = holder;
      if (progress === null) share.clearAt = now;
      if (progress !== null && progress === share.progress) continue;
      share.progress = progress;
      share.movedAt = now;
    }
  }

  /** Those who have taken nothing since then, the one that has stood still for longest first. */
  #stalledSince(time: number): AnswerHolder[] {
    return [...this.#shares]
      .filter(([, { movedAt }]) => movedAt <= time)
      .sort(([, a], [, b]) => a.movedAt - b.movedAt)
      .map(([holder]) => holder);
  }

  /** The one that has had something on its way for longest without a break. */
  #oldest(): AnswerHolder | undefined {
    let oldest: AnswerHolder | undefined;
    let oldestAt = Number.POSITIVE_INFINITY;
    for (const [holder, { progress, clearAt }] of this.#shares) {
      if (progress === null || clearAt >= oldestAt) continue;
      oldest = holder;
      oldestAt = clearAt;
    }
    return oldest;
  }
}
