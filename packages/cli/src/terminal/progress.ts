/**
 * Progress of long work on standard error: a bar when the total is known, a running count when it isn't, and
 * nothing at all when standard error is no terminal. Never shown for work that ends at once.
 */
import cliProgress from "cli-progress";
import type { Surroundings } from "../surroundings.ts";
import { colorsFor } from "./output.ts";

/** Work shorter than this shows no progress. */
const quietMs = 500;

/** What is counted, and how a count is shown. */
export interface ProgressUnit {
  noun: string;
  show?(value: number): string;
}

/** Shows how many items are done until it is stopped. `advance` is cheap enough to call per item. */
export class Progress {
  readonly #surroundings: Surroundings;
  readonly #verb: string;
  readonly #total: number | null;
  readonly #unit: ProgressUnit;
  readonly #startedMs = Date.now();
  #done = 0;
  #bar: cliProgress.SingleBar | null = null;
  #timer: NodeJS.Timeout | null = null;

  /** Told as "<verb> 17 of 100 items"; `total` is null when it isn't known beforehand. */
  constructor(
    surroundings: Surroundings,
    verb: string,
    total: number | null,
    unit: ProgressUnit = { noun: "items" },
  ) {
    this.#unit = unit;
    this.#surroundings = surroundings;
    this.#verb = verb;
    this.#total = total;
    if (surroundings.stderr.isTTY === true) {
      this.#timer = setTimeout(() => this.#show(), quietMs);
      this.#timer.unref();
    }
  }

  advance(length: number): void {
    this.#done += length;
    this.#bar?.update(this.#done);
  }

  /** Takes the bar away, so that the next line starts on a clean one. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#bar?.stop();
    this.#bar = null;
  }

  #show(): void {
    const { stderr, env } = this.#surroundings;
    const { dim } = colorsFor(stderr, env);
    const { noun, show = counted } = this.#unit;
    const total = this.#total;
    this.#bar = new cliProgress.SingleBar({
      stream: stderr,
      format: (options, { value, progress }) => {
        const bar = total === null ? "" : `[${cliProgress.Format.BarFormat(progress, options)}] `;
        const count = total === null ? show(value) : `${show(value)} of ${show(total)}`;
        const perSecond = (value / (Date.now() - this.#startedMs)) * 1000;
        const pace = perSecond < 1 ? "" : `, ${show(perSecond)} a second`;
        return dim(`${this.#verb} ${bar}${count} ${noun}${pace}`);
      },
      barCompleteChar: "=",
      barIncompleteChar: " ",
      barsize: 30,
      clearOnComplete: true,
      hideCursor: true,
      fps: 5,
    });
    this.#bar.start(total ?? 0, this.#done);
  }
}

function counted(value: number): string {
  return Math.round(value).toLocaleString("en");
}
