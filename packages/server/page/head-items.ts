/** The items at the head of a queue: looked at, not taken. */
import { getJson, type HeadAnswer, type HeadItem, pathOf } from "./api.ts";
import { preview, show, type View } from "./decode.ts";
import { announce, element } from "./dom.ts";
import { formatDuration, formatExactCount, formatMoment, formatSize, formatTime } from "./format.ts";
import type { NodeState } from "./node-state.ts";

const first = 20;
const views: readonly (readonly [View, string])[] = [
  ["auto", "Auto"],
  ["text", "Text"],
  ["json", "JSON"],
  ["hex", "Hex"],
];

export class HeadItems {
  readonly root: HTMLElement;
  readonly #queue: string;
  readonly #state: NodeState;
  readonly #list: HTMLOListElement = element("ol", { class: "items" });
  readonly #note: HTMLElement = element("p", { class: "note" });
  #answer: HeadAnswer | null = null;
  #view: View = "auto";
  #askedLength = -1;
  #askedAtMs = 0;
  #isAsking = false;
  /** Items that somebody has opened or closed, by id. */
  readonly #opened: Map<number, boolean> = new Map();

  constructor(queue: string, state: NodeState) {
    this.#queue = queue;
    this.#state = state;
    this.root = element(
      "section",
      { class: "card head-items" },
      element(
        "header",
        {},
        element("h3", { text: "At the head" }),
        this.#note,
        this.#makeSwitch(),
        element("button", { type: "button", text: "Refresh", onclick: () => void this.refresh(true) }),
      ),
      this.#list,
    );
  }

  #makeSwitch(): HTMLElement {
    const choices = views.map(([view, label]) => {
      const input = element("input", {
        type: "radio",
        name: "view",
        value: view,
        checked: view === this.#view,
      });
      input.addEventListener("change", () => {
        this.#view = view;
        this.#render();
      });
      return element("label", {}, input, element("span", { text: label }));
    });
    return element(
      "fieldset",
      { class: "switch" },
      element("legend", { class: "hidden", text: "Show data as" }),
      ...choices,
    );
  }

  /** To be called with the queue's length as it changes: an empty list doesn't stay empty. */
  follow(length: number): void {
    const isNew = this.#askedLength < 0 || (this.#askedLength === 0) !== (length === 0);
    if (isNew) void this.refresh(false);
  }

  async refresh(isWanted: boolean): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      this.#answer = await getJson<HeadAnswer>(pathOf(this.#queue, `/items?first=${first}`));
      this.#askedLength = this.#answer.length;
      this.#askedAtMs = this.#state.nowMs;
      this.#render();
      if (isWanted) announce(`${this.#answer.items.length} items at the head of ${this.#queue}`);
    } catch (error) {
      this.#note.textContent = (error as Error).message;
    } finally {
      this.#isAsking = false;
    }
  }

  #tellNote(): void {
    const { items, length, isRestInFile } = this.#answer!;
    if (length === 0) {
      this.#note.textContent = "The queue is empty.";
      return;
    }
    const rest = isRestInFile ? "; the others are in the journal's file" : "";
    const which =
      items.length === 0
        ? "The next items are in the journal's file, which is not read for this page"
        : items.length < length
          ? `The first ${items.length} of ${formatExactCount(length)}${rest}`
          : length === 1
            ? "The only item"
            : `All ${length} items`;
    this.#note.textContent = `${which}, at ${formatTime(this.#askedAtMs)}`;
  }

  #render(): void {
    if (this.#answer === null) return;
    this.#tellNote();
    this.#list.replaceChildren(...this.#answer.items.map((item) => this.#renderItem(item)));
  }

  #renderItem(item: HeadItem): HTMLLIElement {
    const { id, size, putAtMs, expiresAtMs, flags, isCut } = item;
    const now = this.#state.nowMs;
    const facts = [
      `#${id}`,
      formatSize(size),
      `${formatDuration(now - putAtMs)} old`,
      ...(expiresAtMs === null ? [] : [`expires in ${formatDuration(expiresAtMs - now)}`]),
      ...(flags === 0 ? [] : [`flags ${flags}`]),
      ...(isCut ? ["the beginning only"] : []),
    ];
    const isOpen = this.#isOpen(item);
    const details = element(
      "details",
      { open: isOpen },
      element(
        "summary",
        { title: `put ${formatMoment(putAtMs)}` },
        element("span", { class: "facts" }, ...facts.map((text) => element("span", { text }))),
        element("code", { text: preview(item) }),
      ),
    );
    // Its data is made when somebody wants to see it.
    const fill = (): void => {
      if (details.open !== isOpen || this.#opened.has(id)) this.#opened.set(id, details.open);
      if (details.open && details.childElementCount === 1) details.append(this.#renderData(item));
    };
    details.addEventListener("toggle", fill);
    fill();
    return element("li", {}, details);
  }

  /** As somebody left it; of those nobody has touched, the first one. */
  #isOpen({ id }: HeadItem): boolean {
    return this.#opened.get(id) ?? this.#answer!.items[0]!.id === id;
  }

  #renderData(item: HeadItem): HTMLElement {
    const { id, size, isCut } = item;
    if (size === 0) return element("p", { class: "nodata", text: "No data." });
    const shown = show(item, this.#view);
    if (shown === null) {
      return element("p", {
        class: "nodata",
        text: isCut ? "Not shown as JSON: this is its beginning only." : "This is no JSON.",
      });
    }
    return element("pre", {
      class: shown.view,
      tabindex: "0",
      role: "group",
      "aria-label": `Data of item ${id}`,
      text: shown.content,
    });
  }
}
