/**
 * How kq ends: the exit codes, and the errors that carry one. Nothing else decides how the program ends.
 */

/** 0: done. 1: failed, in whole or in part. 2: wrong usage. 3: nothing there. */
export type ExitCode = 0 | 1 | 2 | 3;

export const exitCodes: { readonly done: 0; readonly failed: 1; readonly usage: 2; readonly nothing: 3 } = {
  done: 0,
  failed: 1,
  usage: 2,
  nothing: 3,
};

/** The command line itself is wrong; the message says what to write instead. Ends with exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** The command failed for a reason that its message explains in one line. Ends with exit code 1. */
export class CommandError extends Error {
  override name = "CommandError";
}

/** Whoever read our standard output has had enough (`| head`). Not a failure: ends quietly with exit code 0. */
export class OutputClosed extends Error {
  override name = "OutputClosed";
}

/** Ctrl-C or SIGTERM cut the command short. Ends with exit code 1, unless the command was meant to run until then. */
export class Interrupted extends Error {
  override name = "Interrupted";
  constructor() {
    super("interrupted");
  }
}
