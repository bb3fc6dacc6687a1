/** One queue: its figures, its last hour, what lies at its head, and what can be done to it. */
import { getJson, pathOf, post, type QueueAnswer } from "./api.ts";
import { Chart, type ChartOptions } from "./chart.ts";
import { ask } from "./dialogs.ts";
import { element, setText } from "./dom.ts";
import {
  formatCount,
  formatDuration,
  formatExactCount,
  formatMicros,
  formatMoment,
  formatRate,
  formatSize,
  roundDurations,
} from "./format.ts";
import { HeadItems } from "./head-items.ts";
import { HistoryFeed } from "./history.ts";
import { renderLocation } from "./location.ts";
import type { NodeState } from "./node-state.ts";
import type { QueueRow } from "./queue-row.ts";
import type { View } from "./view.ts";

/** What the stream doesn't tell is asked for so often. */
const refreshMs = 5000;

const liveFigures: readonly (readonly [label: string, render: (row: QueueRow, nowMs: number) => string])[] = [
  ["Items", ({ items }) => formatExactCount(items)],
  ["In/s", ({ putRate }) => formatRate(putRate)],
  ["Out/s", ({ getRate }) => formatRate(getRate)],
  [
    "Oldest",
    ({ oldestAtMs, items }, nowMs) =>
      items === 0 ? "–" : oldestAtMs === 0 ? "in the file" : formatDuration(nowMs - oldestAtMs),
  ],
  ["Open reads", ({ openReads }) => formatExactCount(openReads)],
  ["Waiting readers", ({ waiters }) => formatExactCount(waiters)],
  ["Size", ({ bytes }) => formatSize(bytes)],
  ["In memory", ({ memoryBytes }) => formatSize(memoryBytes)],
  ["Journal", ({ journalBytes }) => formatSize(journalBytes)],
];

const countedFigures: readonly (readonly [label: string, render: (queue: QueueAnswer) => string])[] = [
  ["Put since start", ({ totalItems }) => formatCount(totalItems)],
  ["Handed out", ({ getHits }) => formatCount(getHits)],
  ["Found nothing", ({ getMisses }) => formatCount(getMisses)],
  ["Expired", ({ expired }) => formatCount(expired)],
  ["Discarded", ({ discarded }) => formatCount(discarded)],
];

const charts: readonly Omit<ChartOptions, "group">[] = [
  {
    title: "Items a second",
    series: [
      { name: "puts", label: "in", color: "--put" },
      { name: "gets", label: "out", color: "--get" },
    ],
    format: formatRate,
    maxAtLeast: 10,
  },
  {
    title: "Items in the queue",
    series: [{ name: "items", label: "items", color: "--depth", isArea: true }],
    format: formatCount,
    maxAtLeast: 10,
  },
  {
    title: "Time for a put",
    series: [
      { name: "setP99Micros", label: "99 %", color: "--high" },
      { name: "setP50Micros", label: "median", color: "--put" },
    ],
    format: formatMicros,
    maxAtLeast: 100,
  },
  {
    title: "Time until delivery",
    series: [
      { name: "deliveryP99Ms", label: "99 %", color: "--high" },
      { name: "deliveryP50Ms", label: "median", color: "--get" },
    ],
    format: (ms) => formatMicros(ms * 1000),
    steps: roundDurations,
    maxAtLeast: 10,
  },
];

export class QueueView implements View {
  readonly root: HTMLElement;
  readonly title: string;
  readonly #name: string;
  readonly #state: NodeState;
  readonly #figures: readonly HTMLElement[];
  readonly #counts: readonly HTMLElement[];
  readonly #charts: readonly Chart[];
  readonly #items: HeadItems;
  readonly #feed: HistoryFeed;
  readonly #missing: HTMLElement = element("div", { class: "empty card", hidden: true });
  readonly #content: HTMLElement;
  readonly #settings: HTMLElement = element("dl", { class: "settings" });
  readonly #fanouts: HTMLElement = element("p", { class: "fanouts", hidden: true });
  readonly #stopListening: () => void;
  #timer = 0;

  constructor(state: NodeState, name: string) {
    this.#state = state;
    this.#name = name;
    this.title = name;
    this.#figures = liveFigures.map(() => element("dd", { class: "figure", text: "–" }));
    this.#counts = countedFigures.map(() => element("dd", { class: "figure", text: "–" }));
    this.#charts = charts.map((options) => new Chart({ ...options, group: "queue" }));
    this.#items = new HeadItems(name, state);
    this.#feed = new HistoryFeed(pathOf(name, "/history"), (data) => {
      for (const chart of this.#charts) chart.show(data);
    });
    this.#content = this.#makeContent();
    this.root = element("div", { class: "queue-view" }, this.#makeHead(), this.#missing, this.#content);
    this.#stopListening = state.listen(() => this.#update());
  }

  #makeHead(): HTMLElement {
    return element(
      "div",
      { class: "queue-head" },
      element("a", { class: "back", href: "#/", text: "All queues" }),
      element("h1", { text: this.#name, tabindex: "-1" }),
      element(
        "div",
        { class: "actions" },
        element("button", { type: "button", text: "Flush…", onclick: () => void this.#flush() }),
        element("button", {
          type: "button",
          class: "dangerous",
          text: "Delete…",
          onclick: () => void this.#delete(),
        }),
      ),
    );
  }

  #makeContent(): HTMLElement {
    const pair = (label: string, value: HTMLElement): HTMLElement =>
      element("div", {}, element("dt", { text: label }), value);
    return element(
      "div",
      {},
      element(
        "dl",
        { class: "figures card" },
        ...liveFigures.map(([label], index) => pair(label, this.#figures[index]!)),
        ...countedFigures.map(([label], index) => pair(label, this.#counts[index]!)),
      ),
      this.#fanouts,
      element("div", { class: "charts four" }, ...this.#charts.map(({ root }) => root)),
      this.#items.root,
      element("details", { class: "card" }, element("summary", { text: "Settings" }), this.#settings),
    );
  }

  start(): void {
    this.#update();
    this.#feed.start();
    void this.#refresh();
    this.root.querySelector("h1")!.focus({ preventScroll: true });
  }

  stop(): void {
    this.#stopListening();
    this.#feed.stop();
    clearTimeout(this.#timer);
    for (const chart of this.#charts) chart.remove();
  }

  #update(): void {
    if (this.#state.server === null) return;
    const row = this.#state.rows.get(this.#name);
    this.#tellMissing(row === undefined);
    if (row === undefined) return;
    for (const [index, [, render]] of liveFigures.entries()) {
      setText(this.#figures[index]!, render(row, this.#state.nowMs));
    }
    this.#items.follow(row.items);
  }

  #tellMissing(isMissing: boolean): void {
    this.#content.hidden = isMissing;
    this.#missing.hidden = !isMissing;
    for (const button of this.root.querySelectorAll<HTMLButtonElement>(".actions button"))
      button.disabled = isMissing;
    if (!isMissing || this.#missing.childElementCount > 0) return;
    this.#missing.append(
      element("h2", { text: "There is no such queue now" }),
      element("p", {
        text: "It was deleted, or nothing has been put into it yet. Should it come, it shows here.",
      }),
    );
  }

  async #refresh(): Promise<void> {
    try {
      if (!document.hidden && this.#state.rows.has(this.#name)) {
        this.#tellDetails(await getJson<QueueAnswer>(pathOf(this.#name)));
      }
    } catch {
      // The head of the page tells that the node doesn't answer; the next try may.
    }
    this.#timer = setTimeout(() => void this.#refresh(), this.#state.server === null ? 200 : refreshMs);
  }

  #tellDetails(queue: QueueAnswer): void {
    for (const [index, [, render]] of countedFigures.entries()) setText(this.#counts[index]!, render(queue));
    if (this.#settings.childElementCount === 0) {
      const settings = [
        ...Object.entries(queue.settings),
        ["created", formatMoment(queue.createdAtMs)] as const,
      ];
      for (const [name, value] of settings) {
        this.#settings.append(
          element("div", {}, element("dt", { text: name }), element("dd", { text: value })),
        );
      }
    }
    this.#fanouts.hidden = queue.fanouts.length === 0;
    if (this.#fanouts.childElementCount === queue.fanouts.length) return;
    const links = queue.fanouts.map((name) =>
      element("a", { class: "fanout", href: renderLocation({ view: "queue", name }), text: name }),
    );
    this.#fanouts.replaceChildren("Fanouts: ", ...links);
  }

  #flush(): Promise<boolean> {
    const { items, bytes } = this.#state.rows.get(this.#name)!;
    const what = items === 1 ? "1 item" : `${formatExactCount(items)} items`;
    return ask({
      title: `Flush ${this.#name}?`,
      text: `This removes ${what} (${formatSize(bytes)}) for good. Items that readers have open stay with them.`,
      action: `Flush ${what}`,
      isDangerous: true,
      carryOut: async () => {
        const { items: flushed } = await post<{ items: number }>(pathOf(this.#name, "/flush"));
        void this.#items.refresh(false);
        return `${this.#name} was flushed: ${formatExactCount(flushed)} items removed.`;
      },
    });
  }

  async #delete(): Promise<void> {
    const { items } = this.#state.rows.get(this.#name)!;
    const what = items === 1 ? "its 1 item" : `its ${formatExactCount(items)} items`;
    const isDone = await ask({
      title: `Delete ${this.#name}?`,
      text: `This removes the queue, ${what} and its journal for good. A put makes a new, empty one.`,
      action: "Delete the queue",
      isDangerous: true,
      carryOut: async () => {
        await post(pathOf(this.#name, "/delete"));
        return `${this.#name} was deleted.`;
      },
    });
    if (isDone) window.location.hash = "#/";
  }
}
