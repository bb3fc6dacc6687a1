/**
 * How long one connection may keep the server waiting: for saying who it is, where it has to; for saying anything; for
 * taking the last answers. It knows when, and leaves the ending to the connection.
 */
import type { Clock, Timer } from "../clock.ts";
import { IdleWatch } from "./idle-watch.ts";
import type { ConnectionLimits } from "./limits.ts";

/** The connection, as its limits see it. */
export interface TimedConnection {
  /** It has not said who it is, and has to. */
  readonly isBarred: boolean;
  /** It waits for an answer, or has not taken all of one yet. */
  readonly isBusy: boolean;
  close(): void;
  destroy(): void;
}

export class TimeLimits {
  readonly #clock: Clock;
  readonly #lingerMs: number;
  readonly #owner: TimedConnection;
  /** Null: it may be idle for ever. */
  readonly #idleWatch: IdleWatch | null;
  readonly #barred: Timer | null;
  #linger: Timer | null = null;

  constructor(clock: Clock, limits: ConnectionLimits, owner: TimedConnection) {
    const { barredMsMax, idleMsMax, lingerMs } = limits;
    this.#clock = clock;
    this.#lingerMs = lingerMs;
    this.#owner = owner;
    this.#barred = owner.isBarred ? clock.after(barredMsMax, () => this.#endBarred()) : null;
    this.#idleWatch =
      idleMsMax === null
        ? null
        : new IdleWatch(
            clock,
            idleMsMax,
            () => owner.isBusy,
            () => owner.close(),
          );
  }

  #endBarred(): void {
    if (this.#owner.isBarred) this.#owner.close();
  }

  /** It has sent something, or was told what it waited for. */
  heard(): void {
    this.#idleWatch?.heard();
  }

  /** The connection closes: nothing more is expected of it. */
  stop(): void {
    this.#idleWatch?.stop();
    this.#barred?.cancel();
    this.#linger?.cancel();
  }

  /** Everything has been said: it may take a while to hear that, and is destroyed then. */
  linger(): void {
    this.#linger = this.#clock.after(this.#lingerMs, () => this.#owner.destroy());
  }

  get isLingering(): boolean {
    return this.#linger !== null;
  }
}
