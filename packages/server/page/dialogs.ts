/** Questions before something is done: native dialogs, with the harmless answer under the finger. */
import { ApiError } from "./api.ts";
import { announce, element } from "./dom.ts";

export interface Question {
  readonly title: string;
  readonly text: string;
  /** On the button that does it. */
  readonly action: string;
  readonly isDangerous: boolean;
  /** Further elements of the form. */
  readonly content?: HTMLElement;
  /** Does it; what it resolves to is announced. Rejects with ApiError, which the dialog shows. */
  carryOut(): Promise<string>;
}

/** Resolves to whether it was done, once the dialog is closed. */
export function ask(question: Question): Promise<boolean> {
  return new Promise((resolve) => {
    let isDone = false;
    const problem = element("p", { class: "problem", role: "alert" });
    const cancel = element("button", { type: "button", text: "Cancel", onclick: () => dialog.close() });
    const confirm = element("button", {
      type: "submit",
      class: question.isDangerous ? "dangerous" : "primary",
      text: question.action,
    });
    const title = element("h2", { id: "question", text: question.title });
    const form = element(
      "form",
      { method: "dialog" },
      title,
      element("p", { text: question.text }),
      ...(question.content === undefined ? [] : [question.content]),
      problem,
      element("div", { class: "buttons" }, cancel, confirm),
    );
    const dialog = element("dialog", { "aria-labelledby": "question" }, form);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      confirm.disabled = true;
      problem.textContent = "";
      try {
        announceAndShow(await question.carryOut());
        isDone = true;
        dialog.close();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        problem.textContent = error.message;
        confirm.disabled = false;
      }
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(isDone);
    });
    document.body.append(dialog);
    dialog.showModal();
    if (question.content === undefined) cancel.focus();
  });
}

const noticeMs = 6000;

function announceAndShow(text: string): void {
  announce(text);
  const notice = element("p", { class: "notice", text, "aria-hidden": "true" });
  document.body.append(notice);
  setTimeout(() => notice.remove(), noticeMs);
}
