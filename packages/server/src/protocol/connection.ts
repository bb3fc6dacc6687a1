/**
 * One socket's life, whatever the protocol: bytes in, through a codec to the session, answers out in the order
 * of the requests, one write a turn. Bounded in all it keeps: input behind a request that waits, a half-received
 * item, answers to a slow reader. An idle connection keeps no buffer.
 *
 *                       readBody              whole
 *     reading head ------------------> reading body ---.
 *      ^  |   |  '--------.                 | no memory |
 *      |  |   | swallowBody'-------> swallowing body    |
 *      |  |   |                             | passed by |
 *      |  |   '<----------------------------+-----------'
 *      |  | execute, no answer yet
 *      '- waiting          close, end of input: any of them -> closing -> closed
 */
import type { Socket } from "node:net";
import { KestrelError } from "../errors.ts";
import { largeItemBytes } from "../journal/large-item.ts";
import type { Receipt } from "../journal/receipt.ts";
import type { Logger } from "../logging.ts";
import type { Reply, Request } from "../session/request.ts";
import { Session, type SessionClient, type SessionHost } from "../session/session.ts";
import type { AnswerMemory } from "./answer-memory.ts";
import { BodyIntake, type IntakeOwner } from "./body-intake.ts";
import type { BodyMemory } from "./body-memory.ts";
import type { Codec, Wire } from "./codec.ts";
import { Inbox } from "./inbox.ts";
import type { IncomingBody } from "./incoming-body.ts";
import type { ConnectionLimits } from "./limits.ts";
import { mendOutput } from "./mend-output.ts";
import { Outbox, type OutboxOwner } from "./outbox.ts";
import type { Output, OutputPool } from "./output.ts";
import type { Receiver } from "./shared-input.ts";
import { type TimedConnection, TimeLimits } from "./time-limits.ts";

/** What all connections of one port share. */
export interface ConnectionHost extends SessionHost {
  readonly limits: ConnectionLimits;
  readonly outputs: OutputPool;
  readonly answerMemory: AnswerMemory;
  readonly bodyMemory: BodyMemory;
  readonly logger: Logger;
  /** Which protocol it is, by the first byte. */
  makeCodec(firstByte: number, wire: Wire): Codec;
  /** The connection is over. */
  forget(connection: Connection): void;
}

type State =
  | "reading head"
  | "reading body"
  | "swallowing body"
  /** The session has not answered yet. */
  | "waiting"
  /** No more requests are read; the answers given so far go out. */
  | "closing"
  | "closed";

export class Connection implements Receiver, SessionClient, Wire, IntakeOwner, OutboxOwner, TimedConnection {
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #session: Session;
  #codec: Codec | null = null;
  #state: State = "reading head";

  readonly #inbox: Inbox;
  #isParsing = false;
  /** The client has sent its last byte. */
  #isInputEnded = false;

  readonly #intake: BodyIntake;
  readonly #outbox: Outbox;
  #isJoined = false;
  readonly #timeLimits: TimeLimits;

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket;
    this.#host = host;
    this.#session = new Session(host, this);
    this.#inbox = new Inbox(socket, host.limits.heldBytesMax);
    this.#intake = new BodyIntake(host.bodyMemory, this);
    const { outputs, answerMemory, counters, limits } = host;
    this.#outbox = new Outbox(socket, outputs, answerMemory, counters, limits.unsentBytesMax, this);
    socket.on("end", () => this.#endInput());
    socket.on("drain", () => this.#drained());
    // No drain is told of once the end is on its way.
    socket.on("finish", () => this.#outbox.account());
    socket.on("error", (error) => host.logger.debug({ err: error }, "a connection failed"));
    socket.on("close", () => this.#closed());
    this.#timeLimits = new TimeLimits(host.clock, host.limits, this);
  }

  // Reading.

  /** `input[0, size)` has arrived. It is not used after this returns. */
  receive(input: Buffer, size: number): void {
    this.#heard(size);
    if (this.#isOver) return;
    const { held } = this.#inbox;
    if (held === null) {
      this.#parse(input, 0, size);
    } else {
      held.append(input, size);
      this.#parse(held.bytes, held.start, held.end);
    }
  }

  #heard(size: number): void {
    this.#host.counters.bytesRead += size;
    this.#timeLimits.heard();
  }

  /** Goes as far as it can through `input[at, end)` and keeps the rest. */
  #parse(input: Buffer, at: number, end: number): void {
    let from = at;
    this.#isParsing = true;
    reading: while (from < end && this.isReady) {
      switch (this.#state) {
        case "reading head": {
          this.#codec ??= this.#host.makeCodec(input[from]!, this);
          const next = this.#codec.readHead(input, from, end);
          if (next === from) break reading;
          from = next;
          break;
        }
        case "reading body":
        case "swallowing body":
          from = this.#intake.take(input, from, end);
          break;
        default:
          break reading;
      }
    }
    this.#isParsing = false;
    this.#inbox.keep(input, this.#isOver ? end : from, end);
    if (this.#isInputEnded) this.#endRequests();
  }

  /** Goes on with what is held: an answer came, or the client has read its answers. */
  resume(): void {
    if (this.#isOver) return;
    if (this.#state === "waiting") {
      this.#session.resume();
      if (!this.#session.isWaiting) this.#state = "reading head";
    }
    const { held } = this.#inbox;
    if (held !== null) this.#parse(held.bytes, held.start, held.end);
    else if (this.#isInputEnded) this.#endRequests();
  }

  /** The client sends nothing more, but may still read: `printf … | nc` does that. So does one that is gone. */
  #endInput(): void {
    this.#isInputEnded = true;
    this.resume();
  }

  /** Ends the connection, unless there are requests that only have to wait for their turn. */
  #endRequests(): void {
    if (this.#state === "waiting") {
      // What comes only when others do something is not for somebody who may be gone. What only the disk delays is.
      if (!this.#session.isPatient) return;
      this.#session.stopWaiting();
    } else if (this.#inbox.held !== null && !this.isReady) {
      return;
    }
    this.close();
  }

  // Bodies.

  readBody(size: number): void {
    this.#state = "reading body";
    this.#intake.keep(size);
  }

  swallowBody(size: number): void {
    this.#state = "swallowing body";
    this.#intake.passBy(size);
  }

  /** A large body is received where it is to lie. */
  findRoom(): Buffer | null {
    return this.#state === "reading body" && this.#inbox.held === null ? this.#intake.findRoom() : null;
  }

  receiveInRoom(size: number): void {
    this.#heard(size);
    if (this.#state !== "reading body") return;
    this.#isParsing = true;
    this.#intake.arrivedInRoom(size);
    this.#isParsing = false;
  }

  keepBytes(bytes: number): boolean {
    return this.#intake.hold(bytes);
  }

  bodyWhole(body: IncomingBody): void {
    this.#state = "reading head";
    this.#codec!.bodyRead(body.bytes, body.start, body.start + body.size);
  }

  bodyPassed(): void {
    this.#state = "reading head";
    this.#codec!.bodySwallowed();
  }

  bodyHasNoMemory(missing: number): void {
    this.swallowBody(missing);
    this.#codec!.bodyRefused(new KestrelError("memory", "out of memory storing object"));
  }

  bodyGivenUp(body: IncomingBody | null): void {
    this.#host.logger.warn({ bytes: body?.filled, of: body?.size }, "gave up a half-received item");
    this.destroy();
  }

  // Requests and replies.

  execute(request: Request): void {
    this.#state = "waiting";
    this.#session.execute(request);
    this.#intake.release();
    // A reply may have closed the connection.
    if (this.#state === "waiting" && !this.#session.isWaiting) this.#state = "reading head";
  }

  reply(reply: Reply): void {
    const output = this.output;
    const codec = this.#codec!;
    const { length } = output;
    const largeLength = output.large.length;
    codec.render(reply);
    if (output.large.length > largeLength || output.length - length >= largeItemBytes) {
      this.#weigh(reply, output, length, largeLength);
    }
    if ((reply.kind === "stored" || reply.kind === "stored-many") && reply.receipt !== null) {
      output.pledge(reply.receipt, "put", length, largeLength, codec.tag, codec.opaque, null, 0);
    } else if (reply.kind === "item" && reply.item.receipt !== null) {
      const { openedIn, item } = reply;
      output.pledge(item.receipt!, "item", length, largeLength, codec.tag, codec.opaque, openedIn, item.id);
    }
    if (this.#isParsing) return;
    this.#timeLimits.heard();
    if (!this.#session.isWaiting) this.#host.turn.resumeLater(this);
  }

  /** A large answer counts at once. Reports can't wait in a queue as items do: one that finds no memory is refused. */
  #weigh({ kind }: Reply, output: Output, length: number, largeLength: number): void {
    const isReport = kind === "stats" || kind === "groups" || kind === "text";
    if (isReport && this.#host.answerMemory.isFull) {
      output.cutTo(length, largeLength);
      this.#codec!.render({
        kind: "error",
        error: new KestrelError("memory", "out of memory for this answer"),
      });
    }
    this.#outbox.account();
  }

  holdFor(receipt: Receipt): void {
    const output = this.output;
    const { tag, opaque } = this.#codec!;
    output.pledge(receipt, "confirm", output.length, output.large.length, tag, opaque, null, 0);
  }

  get isBarred(): boolean {
    return this.#session.isBarred;
  }

  get isLeaving(): boolean {
    return this.#isInputEnded;
  }

  get address(): string {
    return this.#socket.remoteAddress ?? "";
  }

  get isReady(): boolean {
    return this.#outbox.hasRoom;
  }

  // Answers.

  get output(): Output {
    this.#join();
    return this.#outbox.output;
  }

  #join(): void {
    if (this.#isJoined) return;
    this.#isJoined = true;
    this.#host.turn.join(this);
  }

  endTurn(): void {
    this.#isJoined = false;
    const wasReady = this.isReady;
    this.#outbox.endTurn();
    if (!wasReady && this.isReady) this.#host.turn.resumeLater(this);
    if (this.#state === "closing") this.#finish();
  }

  mend(output: Output): Output {
    return mendOutput(output, this.#host.outputs.take(), this.#codec!, this.#session);
  }

  settled(): void {
    if (this.isReady) this.#host.turn.resumeLater(this);
    if (this.#state === "closing") this.#finish();
  }

  answersGivenUp(bytes: number): void {
    this.#host.counters.unreadClosed++;
    this.#host.logger.warn({ bytes }, "closed a connection whose client reads too little of its answers");
    // At once, and not only when the socket is closed: nothing more may be handed to it.
    this.#letGo();
    this.destroy();
  }

  #drained(): void {
    if (this.#outbox.drained()) this.resume();
  }

  // The end.

  close(): void {
    if (this.#isOver) return;
    this.#state = "closing";
    this.#inbox.drop();
    this.#intake.release();
    this.#timeLimits.stop();
    this.#session.end();
    this.#join();
  }

  /** No more requests are read. */
  get #isOver(): boolean {
    return this.#state === "closing" || this.#state === "closed";
  }

  get isBusy(): boolean {
    return this.#state === "waiting" || !this.#outbox.isEmpty || this.#socket.writableLength > 0;
  }

  /** Ends the socket once everything has been said. */
  #finish(): void {
    if (!this.#outbox.isEmpty || this.#timeLimits.isLingering) return;
    this.#socket.end();
    // Bytes of a client that is still sending are read and dropped until it sees the end: closing on unread
    // input would reset the connection, and the last answers with it.
    this.#inbox.resume();
    this.#timeLimits.linger();
  }

  /** Everything has been said and handed to the system. */
  get isFinished(): boolean {
    return this.#socket.writableFinished;
  }

  /** Ends the connection at once; answers not sent yet are lost. */
  destroy(): void {
    this.#socket.destroy();
  }

  #closed(): void {
    this.#letGo();
    this.#host.forget(this);
  }

  #letGo(): void {
    this.#timeLimits.stop();
    this.#session.end();
    this.#state = "closed";
    this.#inbox.drop();
    this.#intake.release();
    this.#outbox.drop();
  }
}
