/** Changing what the node accepts. */
import { post } from "./api.ts";
import { ask } from "./dialogs.ts";
import { element } from "./dom.ts";

interface Status {
  readonly name: string;
  readonly label: string;
  readonly explanation: string;
}

const statuses: readonly Status[] = [
  { name: "UP", label: "Up", explanation: "Everything is accepted." },
  {
    name: "WRITEAVOID",
    label: "Write avoid",
    explanation: "Everything is accepted, but clients are asked to put elsewhere.",
  },
  {
    name: "READONLY",
    label: "Read only",
    explanation: "No puts, flushes or deletes. For draining the node.",
  },
  {
    name: "QUIESCENT",
    label: "Quiescent",
    explanation: "Nothing but confirming and aborting what is open. For taking the node away.",
  },
];

export function labelOfStatus(name: string): string {
  return statuses.find((status) => status.name === name)?.label ?? name;
}

export async function askForStatus(current: string): Promise<void> {
  const choices = statuses.map(({ name, label, explanation }) =>
    element(
      "label",
      { class: "choice" },
      element("input", { type: "radio", name: "status", value: name, checked: name === current }),
      element("span", {}, element("strong", { text: label }), element("small", { text: explanation })),
    ),
  );
  const content = element("fieldset", {}, element("legend", { class: "hidden", text: "Status" }), ...choices);
  await ask({
    title: "Status of this node",
    text: "Kept over restarts. A stricter status may take effect only after a grace period.",
    action: "Change status",
    isDangerous: false,
    content,
    async carryOut() {
      const chosen = content.querySelector<HTMLInputElement>("input:checked")?.value ?? current;
      const { status } = await post<{ status: string }>("status", { status: chosen });
      return `The node is now: ${labelOfStatus(status)}.`;
    },
  });
}
