/** Making elements without any HTML text: whatever a queue is called, or an item holds, stays text. */

type Child = Node | string;

interface Properties {
  readonly class?: string;
  readonly text?: string;
  /** Any attribute; true is an empty one, false and undefined none. */
  readonly [attribute: string]: string | boolean | undefined | ((event: Event) => void);
}

/** `on…` properties are listeners. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (name === "text") made.textContent = String(value);
    else if (value === true) made.setAttribute(name, "");
    else if (typeof value === "string") made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Changes the text only if it is another one: the browser has nothing to do otherwise. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Says something to those who listen to the page, without moving the focus. */
export function announce(text: string): void {
  const region = document.getElementById("announcements");
  if (region !== null) region.textContent = text;
}
