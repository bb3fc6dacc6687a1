// One connection that many requests share, pipelined, in the order in which they were asked for: puts, peeks
// and deletes. Never for reads that wait (they would hold up everything behind them) or are left open.
// Bounds what is in flight and what waits to be; connects on demand, and anew after a failure.

import { followSignal } from "./follow-signal.ts";
import { TransportError } from "./transport-error.ts";

/** What a pipe needs of its connection, whatever the protocol. */
export interface PipeConnection {
  readonly isReady: boolean;
  /** Calls back once, when the connection has ended: with the error if requests were lost by it. */
  onEnd(listener: (error: TransportError | undefined) => void): void;
  destroy(): void;
}

/** `Q`: a request; `A`: its answer. */
export interface PipeOptions<C extends PipeConnection, Q, A> {
  connect(signal: AbortSignal): Promise<C>;
  /** Sends one request. Rejects with TransportError. */
  ask(connection: C, request: Q): Promise<A>;
  /** The bytes of a request that count. */
  sizeOf(request: Q): number;
  /** Requests written and unanswered at any one time. */
  readonly inFlightMax: number;
  /** Their bytes; a single larger request still goes alone. */
  readonly inFlightBytesMax: number;
  /** Requests that wait for room in flight; more are rejected as `busy`. */
  readonly waitingMax: number;
  /** Their bytes; a single larger request may wait alone. */
  readonly waitingBytesMax: number;
}

interface WaitingRequest<Q, A> {
  readonly request: Q;
  resolve(answer: A): void;
  reject(error: TransportError): void;
}

export class RequestPipe<C extends PipeConnection, Q, A> {
  readonly #options: PipeOptions<C, Q, A>;
  #connection: C | undefined;
  /** Gives up the connection that is being made, if one is. */
  #attempt: AbortController | undefined;
  #isClosed = false;
  #waiting: WaitingRequest<Q, A>[] = [];
  #waitingBytes = 0;
  #inFlight = 0;
  #inFlightBytes = 0;
  #whenDrained: (() => void) | undefined;

  constructor(options: PipeOptions<C, Q, A>) {
    this.#options = options;
  }

  /**
   * Sends one request. An abort while it waits for its turn takes it back (`aborted`); an abort after it was
   * written gives up on the answer (`given-up`), and the request runs its course.
   */
  send(request: Q, signal?: AbortSignal): Promise<A> {
    if (this.#isClosed) return Promise.reject(new TransportError("closed", "the client is closed"));
    if (signal?.aborted) return Promise.reject(new TransportError("aborted", "aborted before sending"));
    const { waitingMax, waitingBytesMax } = this.#options;
    const isFull = this.#waiting.length >= waitingMax || this.#waitingBytes >= waitingBytesMax;
    if (isFull) {
      const text = `${this.#waiting.length} requests of ${this.#waitingBytes} bytes wait already`;
      return Promise.reject(new TransportError("busy", text));
    }
    return new Promise((resolve, reject) => {
      const job: WaitingRequest<Q, A> = { request, resolve, reject };
      if (signal !== undefined) followSignal(job, signal, () => this.#takeBack(job));
      this.#waiting.push(job);
      this.#waitingBytes += this.#options.sizeOf(request);
      this.#pump();
    });
  }

  /** Takes no more requests, rejects the waiting ones, and ends the connection once the others are answered. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#attempt?.abort();
    this.#rejectWaiting(new TransportError("closed", "the client was closed before this was sent"));
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#whenDrained = resolve));
    this.#connection?.destroy();
  }

  #takeBack(job: WaitingRequest<Q, A>): boolean {
    const index = this.#waiting.indexOf(job);
    if (index < 0) return false;
    this.#waiting.splice(index, 1);
    this.#waitingBytes -= this.#options.sizeOf(job.request);
    return true;
  }

  #pump(): void {
    const { inFlightMax, inFlightBytesMax } = this.#options;
    while (this.#waiting.length > 0 && this.#inFlight < inFlightMax) {
      if (this.#inFlight > 0 && this.#inFlightBytes >= inFlightBytesMax) return;
      if (this.#connection?.isReady !== true) {
        this.#reconnect();
        return;
      }
      const job = this.#waiting.shift()!;
      this.#waitingBytes -= this.#options.sizeOf(job.request);
      this.#write(this.#connection, job);
    }
  }

  #write(connection: C, job: WaitingRequest<Q, A>): void {
    const size = this.#options.sizeOf(job.request);
    const done = (): void => {
      this.#inFlight--;
      this.#inFlightBytes -= size;
      this.#pump();
      if (this.#inFlight === 0) this.#whenDrained?.();
    };
    this.#inFlight++;
    this.#inFlightBytes += size;
    this.#options.ask(connection, job.request).then(
      (answer) => {
        done();
        job.resolve(answer);
      },
      (error: TransportError) => {
        done();
        job.reject(error);
      },
    );
  }

  #reconnect(): void {
    if (this.#attempt !== undefined) return;
    this.#attempt = new AbortController();
    this.#options.connect(this.#attempt.signal).then(
      (connection) => {
        this.#attempt = undefined;
        if (this.#isClosed) {
          connection.destroy();
          return;
        }
        this.#connection = connection;
        // When requests were lost with the connection, those behind them had better go elsewhere at once.
        connection.onEnd((error) => {
          if (error !== undefined)
            this.#rejectWaiting(new TransportError("unreachable", error.message, error));
        });
        this.#pump();
      },
      (error: TransportError) => {
        this.#attempt = undefined;
        this.#rejectWaiting(error);
      },
    );
  }

  #rejectWaiting(error: TransportError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const job of waiting) job.reject(error);
  }
}
