/** The operator's page: one view at a time, chosen by the address. */
import { ListView } from "./list-view.ts";
import { parseLocation } from "./location.ts";
import { NodeState } from "./node-state.ts";
import { PageHead } from "./page-head.ts";
import { QueueView } from "./queue-view.ts";
import type { View } from "./view.ts";

const state = new NodeState();
new PageHead(state);
const place = document.getElementById("view")!;
let view: View | null = null;
/** Where the list was scrolled to: for whoever comes back to it. */
let listScroll = 0;

function navigate(): void {
  const location = parseLocation(window.location.hash);
  if (view instanceof ListView) listScroll = window.scrollY;
  view?.stop();
  view = location.view === "list" ? new ListView(state, location) : new QueueView(state, location.name);
  place.replaceChildren(view.root);
  window.scrollTo(0, location.view === "list" ? listScroll : 0);
  view.start();
  tellTitle();
}

function tellTitle(): void {
  const parts = [view?.title, state.server?.name, "Kestrel"];
  document.title = parts.filter((part) => part !== undefined).join(" · ");
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof Element && event.target.matches("input, dialog *");
  if (event.key !== "/" || isTyping || !(view instanceof ListView)) return;
  event.preventDefault();
  view.focusFilter();
});
window.addEventListener("hashchange", navigate);
const stopWaiting = state.listen(() => {
  tellTitle();
  if (state.server !== null) stopWaiting();
});
navigate();
state.start();
