/**
 * Memory for half-received items, bounded over all connections. Whoever asks for more than there is gets none;
 * nobody waits, so nobody can wait for each other. But a holder that has not asked for long, because its client
 * sends nothing, gives way.
 */
import type { Clock } from "../clock.ts";

export interface BodyHolder {
  /** Lets go of its body, and of its client. Must release what it holds. */
  giveUpBody(): void;
}

interface Share {
  bytes: number;
  grownAt: number;
}

export class BodyMemory {
  readonly #bytesMax: number;
  readonly #stallMs: number;
  readonly #clock: Clock;
  /** The one that has not grown for longest first. */
  readonly #shares: Map<BodyHolder, Share> = new Map();
  #bytes = 0;

  constructor(bytesMax: number, stallMs: number, clock: Clock) {
    this.#bytesMax = bytesMax;
    this.#stallMs = stallMs;
    this.#clock = clock;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Makes the holder's share that large. False: there is no room, and the share is as before. */
  grow(holder: BodyHolder, bytes: number): boolean {
    const now = this.#clock.now();
    const before = this.#shares.get(holder)?.bytes ?? 0;
    while (this.#bytes - before + bytes > this.#bytesMax) {
      const stalled = this.#findStalled(holder, now);
      if (stalled === undefined) return false;
      stalled.giveUpBody();
    }
    this.#shares.delete(holder);
    this.#shares.set(holder, { bytes, grownAt: now });
    this.#bytes += bytes - before;
    return true;
  }

  release(holder: BodyHolder): void {
    const share = this.#shares.get(holder);
    if (share === undefined) return;
    this.#shares.delete(holder);
    this.#bytes -= share.bytes;
  }

  #findStalled(asking: BodyHolder, now: number): BodyHolder | undefined {
    for (const [holder, { grownAt }] of this.#shares) {
      if (holder !== asking) return now - grownAt >= this.#stallMs ? holder : undefined;
    }
    return undefined;
  }
}
