/**
 * SIGHUP, which asks a node to reload. It would end a process that doesn't listen to it: one that comes while the node
 * starts is remembered, and however many come are one reload.
 */
export class ReloadSignal {
  #isPending = false;
  #reload: () => void = () => {
    this.#isPending = true;
  };

  /** Listens from now on. */
  constructor() {
    process.on("SIGHUP", () => this.#reload());
  }

  /** The node can reload now: it does for each signal to come, and at once if there was one. */
  answerWith(reload: () => void): void {
    this.#reload = reload;
    if (this.#isPending) reload();
  }
}
