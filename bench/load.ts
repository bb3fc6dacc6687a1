/**
 * The load generator, a process of its own: takes jobs over Node's IPC channel and answers each with a result.
 * Requests are made beforehand, answers are recognised by their first byte and skipped by their known size, so
 * that it costs less than any server it measures. It checks the shape of every answer, not the items.
 */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type Job, type JobResult, wireForm } from "./workload.ts";

const receiveBuffer = Buffer.allocUnsafe(256 * 1024);
const byteS = 0x53;
const byteV = 0x56;
const byteE = 0x45;
const lineFeed = 0x0a;

/** What all connections of one job share. */
class Run {
  readonly sizes: { putAnswer: number; getAnswer: number; missAnswer: number };
  /** `requests[phase][n]`: n requests in a row, the first being number `phase` of the pattern. */
  readonly requests: Buffer[][];
  readonly #job: Job;
  readonly #finish: PromiseWithResolvers<void> = withResolvers();
  #unsent: number;
  #inFlight = 0;
  answered = 0;
  misses = 0;

  constructor(job: Job) {
    this.#job = job;
    this.#unsent = job.operationsMax;
    const form = wireForm(job.queue, job.itemBytes);
    this.sizes = {
      putAnswer: form.putAnswer.length,
      getAnswer: form.getAnswer.length,
      missAnswer: form.missAnswer.length,
    };
    const pattern = {
      put: [form.putRequest],
      get: [form.getRequest],
      "put+get": [form.putRequest, form.getRequest],
    };
    this.requests = rowsOf(pattern[job.kind], job.depth);
  }

  /** Allows a connection to send up to `wanted` more requests, and says how many. */
  claim(wanted: number): number {
    const claimed = Math.min(wanted, this.#unsent);
    this.#unsent -= claimed;
    this.#inFlight += claimed;
    return claimed;
  }

  settle(count: number, misses: number): void {
    this.answered += count;
    this.misses += misses;
    this.#inFlight -= count;
  }

  /** To be called after each claim that follows a settle: the end is when nothing is in flight any more. */
  check(): void {
    if (this.#inFlight === 0) this.#finish.resolve();
  }

  fail(error: Error): void {
    this.#finish.reject(error);
  }

  async untilFinished(): Promise<void> {
    const timer = setTimeout(() => (this.#unsent = 0), this.#job.secondsMax * 1000);
    await this.#finish.promise;
    clearTimeout(timer);
  }
}

class Connection {
  readonly socket: Socket;
  readonly #run: Run;
  /** Bytes of the answer at hand that have not come yet; 0 between answers. */
  #missingBytes = 0;
  #phase = 0;
  #isEnding = false;

  constructor(job: Job, run: Run) {
    this.#run = run;
    const onread = { buffer: receiveBuffer, callback: (size: number) => this.#receive(size) };
    this.socket = connect({ host: job.host, port: job.port, noDelay: true, onread });
    this.socket.on("error", (error) => run.fail(error));
    this.socket.on("close", () => this.#isEnding || run.fail(new Error("the server closed a connection")));
  }

  send(wanted: number): void {
    const count = this.#run.claim(wanted);
    if (count === 0) return;
    const phases = this.#run.requests;
    this.socket.write(phases[this.#phase]![count]!);
    this.#phase = (this.#phase + count) % phases.length;
  }

  end(): void {
    this.#isEnding = true;
    this.socket.destroy();
  }

  #receive(size: number): boolean {
    const { sizes } = this.#run;
    let answers = 0;
    let misses = 0;
    let at = 0;
    while (at < size) {
      if (this.#missingBytes === 0) {
        const first = receiveBuffer[at];
        if (first === byteS) this.#missingBytes = sizes.putAnswer;
        else if (first === byteV) this.#missingBytes = sizes.getAnswer;
        else if (first === byteE) {
          this.#missingBytes = sizes.missAnswer;
          misses++;
        } else return this.#refuse(at, size);
      }
      const taken = Math.min(this.#missingBytes, size - at);
      this.#missingBytes -= taken;
      at += taken;
      if (this.#missingBytes > 0) break;
      if (receiveBuffer[at - 1] !== lineFeed) return this.#refuse(Math.max(0, at - 100), size);
      answers++;
    }
    if (answers > 0) {
      this.#run.settle(answers, misses);
      this.send(answers);
      this.#run.check();
    }
    return true;
  }

  #refuse(from: number, size: number): boolean {
    this.#run.fail(
      new Error(`unexpected answer: ${receiveBuffer.toString("latin1", from, Math.min(size, from + 200))}`),
    );
    return true;
  }
}

async function runJob(job: Job): Promise<JobResult> {
  const run = new Run(job);
  const connections = Array.from({ length: job.connections }, () => new Connection(job, run));
  try {
    await Promise.all(connections.map(({ socket }) => once(socket, "connect")));
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    const finished = run.untilFinished();
    for (const connection of connections) connection.send(job.depth);
    run.check();
    await finished;
    const seconds = (performance.now() - startedAt) / 1000;
    const cpu = process.cpuUsage(cpuBefore);
    const loadCpuSeconds = (cpu.user + cpu.system) / 1e6;
    return { operations: run.answered, misses: run.misses, seconds, loadCpuSeconds };
  } finally {
    for (const connection of connections) connection.end();
  }
}

/** Rows of 0 to `count` requests, for each place in the pattern at which a row can begin. */
function rowsOf(pattern: Buffer[], count: number): Buffer[][] {
  return pattern.map((_, phase) => {
    const longest = Array.from({ length: count }, (_, i) => pattern[(phase + i) % pattern.length]!);
    const all = Buffer.concat(longest);
    const rows = [all.subarray(0, 0)];
    for (const request of longest) rows.push(all.subarray(0, rows.at(-1)!.length + request.length));
    return rows;
  });
}

interface PromiseWithResolvers<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
}

function withResolvers(): PromiseWithResolvers<void> {
  let resolve!: () => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

process.on("message", (job: Job) => {
  runJob(job).then(
    (result) => process.send!({ result }),
    (error: Error) => process.send!({ error: error.message }),
  );
});
