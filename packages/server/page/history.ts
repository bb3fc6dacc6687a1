/** The last hour of the node or of one queue, asked for every few seconds: only what is new. */
import { getJson, type HistoryAnswer, type SeriesName } from "./api.ts";

/** Seconds since the epoch, then one list per series: as the charting library wants it. */
export interface HistoryData {
  readonly times: readonly number[];
  readonly series: Readonly<Partial<Record<SeriesName, readonly (number | null)[]>>>;
}

const hourMs = 3_600_000;
const refreshMs = 5000;

export class HistoryFeed {
  readonly #path: string;
  readonly #listener: (data: HistoryData) => void;
  #held: HistoryAnswer | null = null;
  #timer = 0;
  #isStopped = false;

  /** `path` is that of the history's JSON. `listener` is called with all of it after each answer. */
  constructor(path: string, listener: (data: HistoryData) => void) {
    this.#path = path;
    this.#listener = listener;
  }

  start(): void {
    this.#ask().finally(() => {
      if (!this.#isStopped) this.#timer = setTimeout(() => this.start(), refreshMs);
    });
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #ask(): Promise<void> {
    if (document.hidden && this.#held !== null) return;
    const from = this.#held?.end ?? 0;
    try {
      const answer = await getJson<HistoryAnswer>(`${this.#path}?from=${from}`);
      if (this.#isStopped) return;
      this.#held = merge(this.#held, answer);
      this.#listener(toData(this.#held));
    } catch {
      // The head of the page tells that the node doesn't answer; the next try may.
    }
  }
}

/** What is held with what is new behind it, at most an hour of it. What doesn't fit together is begun anew. */
export function merge(held: HistoryAnswer | null, more: HistoryAnswer): HistoryAnswer {
  if (held === null || held.end === held.from || more.end < held.end) return more;
  if (more.end === more.from) return held;
  if (more.from !== held.end) return more;
  const first = Math.max(held.from, more.end - hourMs / more.pointMs);
  const names = Object.keys(more.series) as SeriesName[];
  const joined = names.map((name) => {
    const kept = held.series[name].slice(first - held.from);
    return [name, [...kept, ...more.series[name]]] as const;
  });
  return { ...more, from: first, series: Object.fromEntries(joined) as HistoryAnswer["series"] };
}

function toData({ pointMs, from, end, series }: HistoryAnswer): HistoryData {
  // A point tells of the time up to the next slot.
  const times = Array.from({ length: end - from }, (_, index) => ((from + index + 1) * pointMs) / 1000);
  return { times, series };
}
