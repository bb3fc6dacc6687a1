/** For parts of the server that a command uses: tells their warnings and errors, and nothing else. */
import type { Logger } from "@kestrel-mq/server";
import { type Surroundings, say } from "../surroundings.ts";

export class SayingLogger implements Logger {
  readonly #surroundings: Surroundings;
  readonly #action: string;
  /** Whether there was anything to tell. */
  hasSpoken = false;

  constructor(surroundings: Surroundings, action: string) {
    this.#surroundings = surroundings;
    this.#action = action;
  }

  debug(): void {}

  info(): void {}

  warn(fields: object, message: string): void {
    this.hasSpoken = true;
    const { err, ...rest } = fields as { err?: Error };
    const told = JSON.stringify(err === undefined ? rest : { error: err.message, ...rest });
    say(this.#surroundings, `kq ${this.#action}: ${message}: ${told}`);
  }

  error(fields: object, message: string): void {
    this.warn(fields, message);
  }
}
