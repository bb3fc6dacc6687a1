/**
 * A socket on which one question is asked at a time and its whole answer awaited. Bytes that nobody asked for
 * end it: that is how an answer that came twice is found out.
 */
import type { Socket } from "node:net";
import { connectToNode } from "@kestrel-mq/client";
import { WireFailure, type WireTarget } from "./wire.ts";

/** Looks for a whole answer at the start of `received`; undefined while it is incomplete. May throw WireFailure. */
export type ParseAnswer<T> = (received: Buffer) => { size: number; value: T } | undefined;

interface Question {
  /** True when its answer was there. */
  answer(received: Buffer): boolean;
  fail(error: WireFailure): void;
}

export class Exchange {
  readonly #socket: Socket;
  readonly #name: string;
  readonly #timeoutMs: number;
  #received: Buffer = Buffer.alloc(0);
  #question: Question | null = null;
  #failure: WireFailure | null = null;

  private constructor(socket: Socket, { host, port, timeoutMs }: WireTarget) {
    this.#socket = socket;
    this.#name = `${host}:${port}`;
    this.#timeoutMs = timeoutMs;
    socket.on("error", (error) => this.#end(error.message));
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("close", () => this.#end("the connection ended"));
  }

  /** Rejects with WireFailure when there is no connection in time. */
  static connect(target: WireTarget): Promise<Exchange> {
    const { host, port, timeoutMs } = target;
    return new Promise((resolve, reject) => {
      const socket = connectToNode(target, () => {
        clearTimeout(timer);
        resolve(new Exchange(socket, target));
      });
      const fail = (text: string, cause?: Error) => {
        socket.destroy();
        reject(new WireFailure(`${host}:${port}: ${text}`, { cause }));
      };
      const timer = setTimeout(() => fail(`no connection within ${timeoutMs} ms`), timeoutMs);
      socket.on("error", (error) => {
        clearTimeout(timer);
        fail(error.message, error);
      });
    });
  }

  /** Sends `request` and resolves with its answer. `waitMs` is how long the node itself may take over it. */
  ask<T>(request: Buffer | string, waitMs: number, parse: ParseAnswer<T>): Promise<T> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#end("no answer in time"), waitMs + this.#timeoutMs);
      this.#question = {
        answer: (received) => {
          const answer = parse(received);
          if (answer === undefined) return false;
          this.#received = received.subarray(answer.size);
          this.#question = null;
          clearTimeout(timer);
          resolve(answer.value);
          return true;
        },
        fail: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#socket.write(request);
    });
  }

  destroy(): void {
    this.#end("ended by us");
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    try {
      if (this.#question !== null && !this.#question.answer(this.#received)) return;
    } catch (error) {
      this.#end((error as Error).message);
      return;
    }
    if (this.#received.length > 0) this.#end(`more came than was asked for: ${excerpt(this.#received)}`);
  }

  #end(text: string): void {
    this.#failure ??= new WireFailure(`${this.#name}: ${text}`);
    this.#socket.destroy();
    const question = this.#question;
    this.#question = null;
    question?.fail(this.#failure);
  }
}

/** The start of some bytes, for an error. */
export function excerpt(bytes: Buffer): string {
  return JSON.stringify(bytes.subarray(0, 40).toString("latin1"));
}
