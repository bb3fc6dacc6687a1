/** The head of the page: which node this is, how it is, and whether what is shown is fresh. */
import { element, setText } from "./dom.ts";
import { formatCount, formatDuration, formatSize, formatTime } from "./format.ts";
import type { NodeState, ServerFigures } from "./node-state.ts";
import { askForStatus, labelOfStatus } from "./status-dialog.ts";

/** The cache is the share of `maxMemory` that journals take up. */
const facts: readonly (readonly [label: string, render: (server: ServerFigures) => string])[] = [
  ["Up for", ({ uptimeMs }) => formatDuration(uptimeMs)],
  ["Clients", ({ connections }) => formatCount(connections)],
  ["Memory", ({ memoryBytes }) => formatSize(memoryBytes)],
  ["Cache", ({ journalMemoryRatio }) => `${(journalMemoryRatio * 100).toFixed(1)} %`],
  ["Version", ({ version }) => version],
];

export class PageHead {
  readonly #state: NodeState;
  readonly #node: HTMLElement = document.getElementById("node")!;
  readonly #status: HTMLElement = document.getElementById("status")!;
  readonly #stale: HTMLElement = document.getElementById("stale")!;
  readonly #facts: readonly HTMLElement[];

  constructor(state: NodeState) {
    this.#state = state;
    const values = facts.map(() => element("dd", { class: "fact", text: "–" }));
    document
      .getElementById("facts")!
      .append(
        ...facts.map(([label], index) => element("div", {}, element("dt", { text: label }), values[index]!)),
      );
    this.#facts = values;
    this.#status.addEventListener("click", () => void askForStatus(state.server?.status ?? "UP"));
    state.listen(() => this.#update());
    this.#update();
  }

  #update(): void {
    const { server, isLive, atMs } = this.#state;
    document.body.classList.toggle("stale", !isLive);
    this.#stale.hidden = isLive || server === null;
    if (!isLive)
      setText(
        this.#stale,
        `No connection to the node. These figures are from ${formatTime(atMs)}. Trying again…`,
      );
    if (server === null) return;
    setText(this.#node, server.name);
    const status = labelOfStatus(server.status);
    setText(this.#status, status);
    this.#status.setAttribute("aria-label", `Status of the node: ${status}. Change it`);
    this.#status.dataset.status = server.status;
    for (const [index, [, render]] of facts.entries()) setText(this.#facts[index]!, render(server));
  }
}
