/** All queues: the node's last hour above, the table below. */
import { Chart } from "./chart.ts";
import { element, setText } from "./dom.ts";
import { formatCount, formatExactCount, formatRate } from "./format.ts";
import { HistoryFeed } from "./history.ts";
import { type ListLocation, renderLocation } from "./location.ts";
import type { NodeState } from "./node-state.ts";
import { arrange, type ColumnKey, type QueueRow } from "./queue-row.ts";
import { QueueTable } from "./queue-table.ts";
import type { View } from "./view.ts";

export class ListView implements View {
  readonly root: HTMLElement;
  readonly title = "Queues";
  readonly #state: NodeState;
  #location: ListLocation;
  readonly #table: QueueTable;
  readonly #filter: HTMLInputElement;
  readonly #count: HTMLElement = element("p", { class: "count" });
  readonly #nothing: HTMLElement = element("div", { class: "empty card" });
  readonly #charts: readonly Chart[];
  readonly #feed: HistoryFeed;
  readonly #stopListening: () => void;
  readonly #rerender = (): void => this.#table.render();
  #order: readonly string[] = [];

  constructor(state: NodeState, location: ListLocation) {
    this.#state = state;
    this.#location = location;
    this.#table = new QueueTable({
      sort: (key) => this.#sort(key),
      open: (name) => (window.location.hash = renderLocation({ view: "queue", name })),
    });
    this.#filter = element("input", {
      type: "search",
      placeholder: "Filter by name",
      "aria-label": "Filter queues by name",
      "aria-keyshortcuts": "/",
      autocomplete: "off",
      spellcheck: "false",
      oninput: () => this.#move({ ...this.#location, filter: this.#filter.value }),
    });
    this.#filter.value = location.filter;
    this.#charts = makeCharts();
    this.root = element(
      "div",
      { class: "list-view" },
      element("div", { class: "charts" }, ...this.#charts.map(({ root }) => root)),
      element("div", { class: "toolbar" }, element("h1", { text: "Queues" }), this.#filter, this.#count),
      this.#table.root,
      this.#nothing,
    );
    this.#feed = new HistoryFeed("history", (data) => {
      for (const chart of this.#charts) chart.show(data);
    });
    this.#stopListening = state.listen(() => this.#update(false));
  }

  start(): void {
    window.addEventListener("scroll", this.#rerender, { passive: true });
    window.addEventListener("resize", this.#rerender);
    this.#table.markOrder(this.#location);
    this.#update(true);
    this.#feed.start();
  }

  stop(): void {
    window.removeEventListener("scroll", this.#rerender);
    window.removeEventListener("resize", this.#rerender);
    this.#stopListening();
    this.#feed.stop();
    for (const chart of this.#charts) chart.remove();
  }

  focusFilter(): void {
    this.#filter.focus();
    this.#filter.select();
  }

  #sort(key: ColumnKey): void {
    const { sortBy, isDescending } = this.#location;
    // Numbers are wanted largest first, names from the beginning.
    this.#move({
      ...this.#location,
      sortBy: key,
      isDescending: sortBy === key ? !isDescending : key !== "name",
    });
  }

  #move(location: ListLocation): void {
    this.#location = location;
    window.history.replaceState(null, "", renderLocation(location));
    this.#table.markOrder(location);
    this.#update(true);
  }

  /** `isAsked`: somebody wants another order now; otherwise a table that is held keeps its own. */
  #update(isAsked: boolean): void {
    const { rows, server } = this.#state;
    if (server === null) return;
    const shown =
      !isAsked && this.#table.isHeld ? this.#inOldOrder() : arrange(rows.values(), this.#location);
    this.#order = shown.map(({ name }) => name);
    const total = formatExactCount(rows.size);
    setText(
      this.#count,
      shown.length === rows.size ? `${total} in all` : `${formatExactCount(shown.length)} of ${total}`,
    );
    this.#table.root.hidden = shown.length === 0;
    this.#table.show(shown, this.#state.nowMs);
    this.#tellNothing(shown.length);
  }

  #inOldOrder(): QueueRow[] {
    return this.#order.map((name) => this.#state.rows.get(name)).filter((row) => row !== undefined);
  }

  #tellNothing(shownLength: number): void {
    const { rows, server } = this.#state;
    const kind = shownLength > 0 ? "" : rows.size > 0 ? "no match" : "no queues";
    if (this.#nothing.dataset.kind === kind && kind !== "no match") return;
    this.#nothing.dataset.kind = kind;
    this.#nothing.hidden = kind === "";
    if (kind === "no match") {
      const clear = element("button", {
        type: "button",
        text: "Show all queues",
        onclick: () => {
          this.#filter.value = "";
          this.#move({ ...this.#location, filter: "" });
          this.#filter.focus();
        },
      });
      if (
        this.#nothing.querySelector("button") === null ||
        this.#nothing.dataset.filter !== this.#location.filter
      ) {
        this.#nothing.dataset.filter = this.#location.filter;
        this.#nothing.replaceChildren(
          element("p", { text: `No queue has “${this.#location.filter}” in its name.` }),
          clear,
        );
      }
    } else if (kind === "no queues") {
      this.#nothing.replaceChildren(...explainQueues(server!.name));
    }
  }
}

function makeCharts(): Chart[] {
  return [
    new Chart({
      group: "node",
      title: "Items a second",
      series: [
        { name: "puts", label: "in", color: "--put" },
        { name: "gets", label: "out", color: "--get" },
      ],
      format: formatRate,
      maxAtLeast: 10,
    }),
    new Chart({
      group: "node",
      title: "Items in all queues",
      series: [{ name: "items", label: "items", color: "--depth", isArea: true }],
      format: formatCount,
      maxAtLeast: 10,
    }),
  ];
}

/** A queue can't be made here: the first put makes it. */
function explainQueues(nodeName: string): HTMLElement[] {
  const port = /:(\d+)$/.exec(nodeName)?.[1];
  const address = `${window.location.hostname || "127.0.0.1"}${port === undefined ? "" : `:${port}`}`;
  return [
    element("h2", { text: "No queues yet" }),
    element("p", {
      text: "A queue comes into being when something is put into it, or asks for it. Try one:",
    }),
    element("pre", { text: `kq put --servers ${address} orders hello` }),
    element("p", { text: "This page shows it within a second." }),
  ];
}
