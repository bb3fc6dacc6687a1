/**
 * The table of queues. However many there are, only the rows in sight exist; their cells are changed where the
 * figures have changed, and nothing else. One row at a time can be reached by Tab, the others by arrow keys.
 */
import { element } from "./dom.ts";
import {
  formatCount,
  formatDuration,
  formatRate,
  formatShortCount,
  formatShortDuration,
  formatSize,
} from "./format.ts";
import { type ListLocation, renderLocation } from "./location.ts";
import type { ColumnKey, QueueRow } from "./queue-row.ts";

interface Column {
  readonly key: ColumnKey;
  readonly label: string;
  /** What the label says at more length. */
  readonly title: string;
  /** Left out where the window is narrow. */
  readonly isWide?: boolean;
  render(row: QueueRow, how: Rendering): string;
}

interface Rendering {
  readonly nowMs: number;
  /** There is little room for figures. */
  readonly isNarrow: boolean;
}

const columns: readonly Column[] = [
  { key: "name", label: "Queue", title: "Name of the queue", render: ({ name }) => name },
  {
    key: "items",
    label: "Items",
    title: "Items that can be had",
    render: ({ items }, { isNarrow }) => (isNarrow ? formatShortCount(items) : formatCount(items)),
  },
  {
    key: "putRate",
    label: "In/s",
    title: "Items put a second, over five seconds",
    render: ({ putRate }, { isNarrow }) => renderRate(putRate, isNarrow),
  },
  {
    key: "getRate",
    label: "Out/s",
    title: "Items handed out a second, over five seconds",
    render: ({ getRate }, { isNarrow }) => renderRate(getRate, isNarrow),
  },
  {
    key: "oldestAtMs",
    label: "Oldest",
    title: "How long the item at the head has been there",
    render: renderAge,
  },
  {
    key: "openReads",
    label: "Open",
    title: "Items set aside by readers that have not confirmed them",
    isWide: true,
    render: ({ openReads }) => formatCount(openReads),
  },
  {
    key: "waiters",
    label: "Waiting",
    title: "Readers that wait for an item",
    isWide: true,
    render: ({ waiters }) => formatCount(waiters),
  },
  {
    key: "bytes",
    label: "Size",
    title: "Bytes of data",
    isWide: true,
    render: ({ bytes }) => renderSize(bytes),
  },
  {
    key: "memoryBytes",
    label: "Memory",
    title: "Bytes of it that are in memory",
    isWide: true,
    render: ({ memoryBytes }) => renderSize(memoryBytes),
  },
  {
    key: "journalBytes",
    label: "Journal",
    title: "Bytes of its journal, which it shares with its fanouts",
    isWide: true,
    render: ({ journalBytes }) => renderSize(journalBytes),
  },
];

function renderRate(perSecond: number, isNarrow: boolean): string {
  return isNarrow && perSecond >= 9999.5 ? formatShortCount(perSecond) : formatRate(perSecond);
}

function renderAge({ oldestAtMs, items }: QueueRow, { nowMs, isNarrow }: Rendering): string {
  if (items === 0) return "0";
  if (oldestAtMs === 0) return "–";
  return isNarrow ? formatShortDuration(nowMs - oldestAtMs) : formatDuration(nowMs - oldestAtMs);
}

function renderSize(bytes: number): string {
  return bytes === 0 ? "0" : formatSize(bytes);
}

/** So few rows are all made: the browser's own search finds them then. */
const allRowsMax = 120;
/** Rows made beyond the edges of the window. */
const overscan = 12;
/** Of a row, in CSS pixels; the style sheet says the same. */
const rowHeight = 34;

export interface QueueTableActions {
  sort(key: ColumnKey): void;
  open(name: string): void;
}

interface TableRow {
  readonly root: HTMLTableRowElement;
  readonly link: HTMLAnchorElement;
  readonly cells: readonly HTMLTableCellElement[];
  name: string;
}

export class QueueTable {
  readonly root: HTMLTableElement;
  /** The pointer is on the rows, or the focus in them: the order stays as it is, so that no row runs away. */
  isHeld = false;
  readonly #actions: QueueTableActions;
  readonly #headers: Map<ColumnKey, HTMLTableCellElement> = new Map();
  readonly #body: HTMLTableSectionElement = element("tbody");
  readonly #above: HTMLTableRowElement = element("tr", { class: "filler", "aria-hidden": "true" });
  readonly #below: HTMLTableRowElement = element("tr", { class: "filler", "aria-hidden": "true" });
  readonly #made: TableRow[] = [];
  #rows: readonly QueueRow[] = [];
  #nowMs = 0;
  /** As the style sheet has it. */
  readonly #narrowness: MediaQueryList = matchMedia("(max-width: 640px)");
  /** Of the row that Tab leads to. */
  #current = "";

  constructor(actions: QueueTableActions) {
    this.#actions = actions;
    const headers = columns.map((column) => this.#makeHeader(column));
    this.#body.append(this.#above, this.#below);
    this.root = element(
      "table",
      { class: "queues" },
      element("caption", { class: "hidden", text: "Queues of this node" }),
      element("thead", {}, element("tr", { "aria-rowindex": "1" }, ...headers)),
      this.#body,
    );
    this.#body.addEventListener("pointerenter", () => (this.isHeld = true));
    this.#body.addEventListener(
      "pointerleave",
      () => (this.isHeld = this.#body.contains(document.activeElement)),
    );
    this.#body.addEventListener("focusin", (event) => this.#focused(event));
    this.#body.addEventListener("focusout", () => (this.isHeld = this.#body.matches(":hover")));
    this.#body.addEventListener("keydown", (event) => this.#pressed(event));
    this.#body.addEventListener("click", (event) => this.#clicked(event));
  }

  #makeHeader({ key, label, title, isWide }: Column): HTMLTableCellElement {
    const button = element("button", {
      type: "button",
      title,
      text: label,
      onclick: () => this.#actions.sort(key),
    });
    const header = element("th", { scope: "col", class: classOf(key, isWide) }, button);
    this.#headers.set(key, header);
    return header;
  }

  /** Tells in which order the rows are. */
  markOrder({ sortBy, isDescending }: ListLocation): void {
    for (const [key, header] of this.#headers) {
      // What grows downwards by age is a falling moment.
      if (key === sortBy) header.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
    }
  }

  show(rows: readonly QueueRow[], nowMs: number): void {
    this.#rows = rows;
    this.#nowMs = nowMs;
    this.root.setAttribute("aria-rowcount", String(rows.length + 1));
    this.render();
  }

  /** Makes and fills the rows in sight; also to be called when the window is scrolled or resized. */
  render(): void {
    const [first, end] = this.#inSight();
    this.#above.style.height = `${first * rowHeight}px`;
    this.#below.style.height = `${(this.#rows.length - end) * rowHeight}px`;
    while (this.#made.length > end - first) this.#made.pop()!.root.remove();
    const rendering = { nowMs: this.#nowMs, isNarrow: this.#narrowness.matches };
    const hasCurrent = this.#rows.slice(first, end).some(({ name }) => name === this.#current);
    for (let index = first; index < end; index++) {
      const row = this.#rows[index]!;
      const made = (this.#made[index - first] ??= this.#makeRow());
      const isCurrent = hasCurrent ? row.name === this.#current : index === first;
      this.#fill(made, row, index, rendering);
      made.link.tabIndex = isCurrent ? 0 : -1;
    }
  }

  #inSight(): [first: number, end: number] {
    const length = this.#rows.length;
    if (length <= allRowsMax) return [0, length];
    const top = -this.#body.getBoundingClientRect().top;
    const first = Math.floor(top / rowHeight) - overscan;
    const end = Math.ceil((top + window.innerHeight) / rowHeight) + overscan;
    const firstThere = Math.min(Math.max(0, first), length - 1);
    return [firstThere, Math.min(length, Math.max(end, firstThere + 1))];
  }

  #makeRow(): TableRow {
    const link = element("a");
    const cells = columns.map(({ key, isWide }) =>
      key === "name"
        ? element("th", { scope: "row", class: classOf(key, isWide) }, link)
        : element("td", { class: classOf(key, isWide) }),
    );
    const root = element("tr", {}, ...cells);
    this.#below.before(root);
    return { root, link, cells, name: "" };
  }

  #fill(made: TableRow, row: QueueRow, index: number, rendering: Rendering): void {
    if (made.name !== row.name) {
      made.name = row.name;
      made.link.href = renderLocation({ view: "queue", name: row.name });
      made.link.title = row.name;
      made.link.textContent = row.name;
    }
    const place = String(index + 2);
    if (made.root.getAttribute("aria-rowindex") !== place) made.root.setAttribute("aria-rowindex", place);
    for (const [column, { key, render }] of columns.entries()) {
      if (key === "name") continue;
      const cell = made.cells[column]!;
      const text = render(row, rendering);
      if (cell.textContent === text) continue;
      cell.textContent = text;
      cell.classList.toggle("zero", text === "0");
    }
  }

  // Keyboard and pointer

  #focused({ target }: Event): void {
    this.isHeld = true;
    const row = this.#made.find(({ link }) => link === target);
    if (row === undefined || row.name === this.#current) return;
    this.#current = row.name;
    for (const { link, name } of this.#made) link.tabIndex = name === this.#current ? 0 : -1;
  }

  #pressed(event: KeyboardEvent): void {
    const index = this.#rows.findIndex(({ name }) => name === this.#current);
    const page = Math.max(1, Math.floor(window.innerHeight / rowHeight) - 4);
    const last = this.#rows.length - 1;
    const to = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      PageDown: index + page,
      PageUp: index - page,
      Home: 0,
      End: last,
    }[event.key];
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#focusRow(Math.min(last, Math.max(0, to)));
  }

  #focusRow(index: number): void {
    const row = this.#rows[index];
    if (row === undefined) return;
    this.#current = row.name;
    const bodyTop = this.#body.getBoundingClientRect().top;
    const top = bodyTop + index * rowHeight;
    const headHeight = this.root.tHead!.offsetHeight;
    // The head stays at the top of the window and must not cover the row.
    if (top < headHeight) window.scrollBy(0, top - headHeight - rowHeight);
    else if (top + rowHeight > window.innerHeight)
      window.scrollBy(0, top + 2 * rowHeight - window.innerHeight);
    this.render();
    this.#made.find(({ name }) => name === row.name)?.link.focus({ preventScroll: true });
  }

  /** The whole row leads where its link leads, but not for those who select text, or want a new tab. */
  #clicked(event: MouseEvent): void {
    const target = event.target as Element;
    if (target.closest("a") !== null || event.button !== 0 || event.metaKey || event.ctrlKey) return;
    if (String(window.getSelection()) !== "") return;
    const root = target.closest("tr");
    const row = this.#made.find((made) => made.root === root);
    if (row !== undefined) this.#actions.open(row.name);
  }
}

function classOf(key: ColumnKey, isWide: boolean | undefined): string {
  return `${key === "name" ? "name" : `number ${key}`}${isWide ? " wide" : ""}`;
}
