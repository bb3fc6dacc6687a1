// Notices that a node has fallen silent: an answer is overdue, and nothing at all was heard for as long as it may
// take. One timer for all that is awaited on a connection.

/** An answer that is awaited. */
export interface Awaited {
  /** What the answer may take, counted from the writing. */
  readonly timeoutMs: number;
  /** On the clock of performance.now(). */
  readonly deadline: number;
}

/** Turns of the event loop before silence is believed; more than one, since the node may share our process. */
const DEAF_TURNS = 3;

/**
 * For the end of a timer: after a stalled event loop it comes first, although what was waited for may be in the socket.
 * Calls back when that would have been heard.
 */
export function afterHearing(callback: () => void, turns: number = DEAF_TURNS): void {
  if (turns === 0) callback();
  else setImmediate(() => afterHearing(callback, turns - 1));
}

export class SilenceWatch {
  readonly #awaited: () => Iterable<Awaited>;
  readonly #onSilence: () => void;
  #timer: NodeJS.Timeout | undefined;
  #timerDue = Number.POSITIVE_INFINITY;
  #heardAt = 0;
  #isStopped = false;

  /** `awaited` gives all that is awaited at the moment; `onSilence` is called once at most. */
  constructor(awaited: () => Iterable<Awaited>, onSilence: () => void) {
    this.#awaited = awaited;
    this.#onSilence = onSilence;
  }

  /** Something has come from the node. */
  heard(): void {
    this.#heardAt = performance.now();
  }

  /** Looks at what is awaited at this moment, unless it would look earlier anyway. */
  lookAt(deadline: number): void {
    if (deadline >= this.#timerDue) return;
    clearTimeout(this.#timer);
    this.#timerDue = deadline;
    this.#timer = setTimeout(() => this.#look(true), Math.ceil(deadline - performance.now()));
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #look(mayBeDeaf: boolean): void {
    this.#timerDue = Number.POSITIVE_INFINITY;
    let earliest = Number.POSITIVE_INFINITY;
    for (const { deadline, timeoutMs } of this.#awaited()) {
      // An answer that is still coming in, or a long row of them, is no silence.
      earliest = Math.min(earliest, Math.max(deadline, this.#heardAt + timeoutMs));
    }
    if (earliest === Number.POSITIVE_INFINITY || this.#isStopped) return;
    if (earliest > performance.now()) this.lookAt(earliest);
    else if (mayBeDeaf) afterHearing(() => this.#look(false));
    else this.#onSilence();
  }
}
