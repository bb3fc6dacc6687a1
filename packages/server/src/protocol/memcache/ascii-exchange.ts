/**
 * One request of a memcache ASCII connection and its answer: what the codec has found out about the request at hand,
 * and the words for each reply to it. Used again for the next; it reads nothing.
 */
import type { KestrelError } from "../../errors.ts";
import type { Reply } from "../../session/request.ts";
import type { Wire } from "../codec.ts";
import * as answers from "./ascii-answers.ts";
import type { Key } from "./key.ts";

export class AsciiExchange {
  readonly #wire: Wire;
  /** `noreply`: nothing is said. */
  isQuiet = false;
  /** What is read or put; an item is named by it. */
  key: Key | null = null;
  /** `gets`: an item's id is told. */
  hasId = false;
  /** The END of a line with several keys stands behind the last one's. */
  isLastKey = true;
  /** One of the line's keys was refused: those behind it are not looked at. */
  isLineRefused = false;
  /** What `done` is called here. */
  done: Buffer = answers.end;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  render(reply: Reply): void {
    if (this.isQuiet) return;
    const { output } = this.#wire;
    switch (reply.kind) {
      case "stored":
        output.constant(answers.stored);
        break;
      case "refused":
        output.constant(answers.refusals[reply.why]);
        break;
      case "item":
        answers.renderItem(output, this.key!, reply.item, this.hasId);
        if (this.isLastKey) output.constant(answers.end);
        break;
      case "nothing":
        if (this.isLastKey) output.constant(answers.end);
        break;
      case "confirmed":
        output.constant(reply.length > 0 ? answers.end : answers.error);
        break;
      case "done":
        output.constant(this.done);
        break;
      case "number":
        answers.renderLine(output, String(reply.value));
        break;
      case "text":
        answers.renderLine(output, reply.text);
        break;
      case "stats":
        answers.renderStatistics(output, reply.statistics);
        break;
      case "groups":
        answers.renderGroups(output, reply.groups);
        break;
      case "failed":
        answers.renderLine(output, `SERVER_ERROR ${reply.message}`);
        break;
      case "error":
        this.refuse(reply.error);
        break;
    }
  }

  renderMalformed(): void {
    if (!this.isQuiet) this.#wire.output.constant(answers.clientError);
  }

  refuse(error: KestrelError): void {
    this.isLineRefused = true;
    if (this.isQuiet) return;
    if (answers.renderError(this.#wire.output, error)) this.#wire.close();
  }

  /** The last answer of this connection. */
  fail(answer: Buffer): void {
    this.#wire.output.constant(answer);
    this.#wire.close();
  }
}
