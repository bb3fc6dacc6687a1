// What an AbortSignal means for a request in a line: as long as it waits, it is taken back; afterwards its answer is
// given up, and it runs its course.

import { TransportError } from "./transport-error.ts";

export interface Settleable<T> {
  resolve(value: T): void;
  reject(error: TransportError): void;
}

/** `takeBack`: takes the job out of its line; false: it was sent already. */
export function followSignal<T>(job: Settleable<T>, signal: AbortSignal, takeBack: () => boolean): void {
  const { resolve, reject } = job;
  const abort = (): void => {
    const error = takeBack()
      ? new TransportError("aborted", "aborted before sending")
      : new TransportError("given-up", "aborted after sending");
    job.reject(error);
  };
  signal.addEventListener("abort", abort, { once: true });
  job.resolve = (value) => {
    signal.removeEventListener("abort", abort);
    resolve(value);
  };
  job.reject = (error) => {
    signal.removeEventListener("abort", abort);
    reject(error);
  };
}
