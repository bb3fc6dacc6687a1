/** One connection of the load generator: sends rows of requests, counts answers, and sends as many again. */

import { connect, type Socket } from "node:net";
import type { LoadRun } from "./load-run.ts";
import { type AnswerForm, type AnswerForms, answersOf } from "./wire.ts";
import type { Job } from "./workload.ts";

const receiveBuffer = Buffer.allocUnsafe(256 * 1024);
const lineFeed = 0x0a;
const space = 0x20;
const dollar = 0x24;
const dash = 0x2d;
const reservedSize = "RESERVED ".length;

export class Connection {
  readonly socket: Socket;
  readonly #run: LoadRun;
  /** `rows[phase][n]`: n requests in a row, the first being number `phase` of the pattern. */
  readonly #rows: readonly Buffer[][];
  readonly #forms: AnswerForms;
  readonly #isPaced: boolean;
  #phase = 0;
  /** The form of the answer at hand, once its line is whole; null between answers. */
  #form: AnswerForm | null = null;
  /** Bytes of its body that have not come yet. */
  #missingBytes = 0;
  /** A line that was cut off by the end of what had come. */
  #cutLine: Buffer | null = null;
  /** Requests to delete the jobs that were reserved, to go with the next row. */
  #deletes = "";
  /** When the operations in flight began: a ring, for answers come in the order of requests. */
  readonly #startedAt: Float64Array;
  #first = 0;
  #inFlight = 0;
  #isEnding = false;

  constructor(job: Job, run: LoadRun, rows: readonly Buffer[][]) {
    this.#run = run;
    this.#rows = rows;
    this.#forms = answersOf(job.dialect, job.itemBytes);
    this.#startedAt = new Float64Array(run.times === null ? 0 : job.depth);
    this.#isPaced = job.pacePerSecond !== undefined;
    const onread = { buffer: receiveBuffer, callback: (size: number) => this.#receive(size) };
    this.socket = connect({ host: job.host, port: job.port, noDelay: true, onread });
    this.socket.on("error", (error) => run.fail(error));
    this.socket.on("close", () => this.#isEnding || run.fail(new Error("the server closed a connection")));
  }

  send(wanted: number): void {
    const count = this.#run.claim(wanted);
    if (count === 0) return;
    if (this.#run.times !== null) {
      const now = performance.now();
      for (let i = 0; i < count; i++) this.#begin(now);
    }
    const row = this.#rows[this.#phase]![count]!;
    if (this.#deletes === "") {
      this.socket.write(row);
    } else {
      this.socket.cork();
      this.socket.write(this.#deletes, "latin1");
      this.#deletes = "";
      this.socket.write(row);
      this.socket.uncork();
    }
    this.#phase = (this.#phase + count) % this.#rows.length;
  }

  /** Sends one operation that was due at that moment; false when too much is in flight for that. */
  sendDue(dueAt: number): boolean {
    if (this.#inFlight === this.#startedAt.length || this.#run.claim(1) === 0) return false;
    this.#begin(dueAt);
    this.socket.write(this.#rows[this.#phase]![1]!);
    this.#phase = (this.#phase + 1) % this.#rows.length;
    return true;
  }

  end(): void {
    this.#isEnding = true;
    this.socket.destroy();
  }

  #begin(at: number): void {
    this.#startedAt[(this.#first + this.#inFlight++) % this.#startedAt.length] = at;
  }

  #receive(size: number): boolean {
    const { times } = this.#run;
    const now = times === null ? 0 : performance.now();
    let answers = 0;
    let misses = 0;
    let at = 0;
    while (at < size) {
      if (this.#form === null) {
        const end = receiveBuffer.indexOf(lineFeed, at) + 1;
        if (end === 0 || end > size) {
          const more = receiveBuffer.subarray(at, size);
          this.#cutLine = Buffer.concat(this.#cutLine === null ? [more] : [this.#cutLine, more]);
          break;
        }
        const form = this.#readLine(at, end);
        if (form === null) return this.#refuse(at, size);
        at = end;
        this.#form = form;
        this.#missingBytes = form.isMiss ? 0 : form.bodyBytes;
      }
      const taken = Math.min(this.#missingBytes, size - at);
      this.#missingBytes -= taken;
      at += taken;
      if (this.#missingBytes > 0) break;
      if (receiveBuffer[at - 1] !== lineFeed) return this.#refuse(Math.max(0, at - 100), size);
      const { isOperation, isMiss } = this.#form;
      this.#form = null;
      if (!isOperation) continue;
      answers++;
      if (isMiss) misses++;
      if (times === null) continue;
      times.add(now - this.#startedAt[this.#first]!);
      this.#first = (this.#first + 1) % this.#startedAt.length;
      this.#inFlight--;
    }
    if (answers > 0) {
      this.#run.settle(answers, misses);
      if (!this.#isPaced) this.send(answers);
      if (!this.#isPaced || this.#run.isEnding) this.#run.check();
    }
    return true;
  }

  /** The form of the answer whose line ends there; null when it is none that was expected. */
  #readLine(from: number, end: number): AnswerForm | null {
    if (this.#cutLine !== null) {
      const line = Buffer.concat([this.#cutLine, receiveBuffer.subarray(from, end)]);
      this.#cutLine = null;
      return this.#recognise(line, 0, line.length);
    }
    return this.#recognise(receiveBuffer, from, end);
  }

  #recognise(bytes: Buffer, from: number, end: number): AnswerForm | null {
    const first = bytes[from]!;
    const form = this.#forms.get(first === dollar && bytes[from + 1] === dash ? dash : first);
    if (form === undefined || (form.lineBytes !== null && end - from !== form.lineBytes)) return null;
    if (first === dash) return null;
    if (form.isReserved) {
      const idAt = from + reservedSize;
      this.#deletes += `delete ${bytes.toString("latin1", idAt, bytes.indexOf(space, idAt))}\r\n`;
    }
    return form;
  }

  #refuse(from: number, size: number): boolean {
    this.#run.fail(
      new Error(`unexpected answer: ${receiveBuffer.toString("latin1", from, Math.min(size, from + 200))}`),
    );
    return true;
  }
}
