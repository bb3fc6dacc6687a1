/** Time, reached only through here, so that tests can own it. */

export interface Timer {
  /** Never fires after this. Calling it again does nothing. */
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `action` once, `delayMs` from now. Does not keep the process alive. */
  after(delayMs: number, action: () => void): Timer;
}

/** setTimeout fires at once for anything longer. */
const delayMsMax = 2 ** 31 - 1;

/** The real time of this machine. */
export const systemClock: Clock = {
  now: Date.now,
  after(delayMs, action) {
    let handle: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      const stepMs = Math.min(Math.max(leftMs, 0), delayMsMax);
      handle = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : action()), stepMs);
      handle.unref();
    };
    arm(delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};
