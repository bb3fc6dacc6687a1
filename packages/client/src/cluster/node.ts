// One node as the cluster sees it: up until a request fails for want of a connection, then left out and tried
// again with backoff until it answers. Also remembers, for a while, that a node refuses puts or reads because
// of its status. Decides nothing about where requests go.

import type { NodeTransport } from "../transport/transport.ts";
import { TransportError } from "../transport/transport-error.ts";
import { Backoff, type BackoffOptions } from "./backoff.ts";

export type NodeState = "up" | "down";

/** What a node may refuse on its own: a draining node takes no puts but is read empty. */
export type NodeDuty = "puts" | "reads";

export interface ClusterNodeOptions {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  readonly transport: NodeTransport;
  readonly retry: BackoffOptions;
  /** Told after each change of state or duty. */
  onChange(node: ClusterNode, change: NodeChange): void;
}

export type NodeChange =
  | { readonly kind: "down"; readonly error: TransportError }
  | { readonly kind: "up" }
  | { readonly kind: "duty" };

export class ClusterNode {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  readonly transport: NodeTransport;
  readonly #onChange: ClusterNodeOptions["onChange"];
  readonly #backoff: Backoff;
  readonly #refusals: Record<NodeDuty, Refusal>;
  #state: NodeState = "up";
  #lastError: TransportError | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: ClusterNodeOptions) {
    this.id = options.id;
    this.host = options.host;
    this.port = options.port;
    this.weight = options.weight;
    this.transport = options.transport;
    this.#onChange = options.onChange;
    this.#backoff = new Backoff(options.retry);
    this.#refusals = { puts: new Refusal(options.retry), reads: new Refusal(options.retry) };
  }

  /** Up until found otherwise, so a node that was never asked counts as up. */
  get state(): NodeState {
    return this.#state;
  }

  /** Why the node is down. */
  get lastError(): TransportError | undefined {
    return this.#lastError;
  }

  /** Up, and didn't refuse this lately. */
  isFit(duty: NodeDuty): boolean {
    return this.#state === "up" && !this.#refusals[duty].isHeld;
  }

  /**
   * Runs one request of a duty, and learns from how it goes. The error of the transport is passed on as it
   * is. A node that is down may be asked as well: an answer brings it up.
   */
  async run<T>(duty: NodeDuty | "neither", request: (transport: NodeTransport) => Promise<T>): Promise<T> {
    try {
      const answer = await request(this.transport);
      this.#answered();
      if (duty !== "neither") this.#refusals[duty].end();
      return answer;
    } catch (error) {
      if (error instanceof TransportError) this.#learn(duty, error);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retryTimer);
    for (const refusal of Object.values(this.#refusals)) refusal.close();
    await this.transport.close();
  }

  #learn(duty: NodeDuty | "neither", error: TransportError): void {
    if (this.#isClosed) return;
    switch (error.kind) {
      case "unreachable":
      case "no-answer":
      case "unauthorized":
        this.#fell(error);
        break;
      case "unavailable":
      case "failed":
        this.#answered();
        if (duty === "neither") break;
        this.#refusals[duty].begin(() => this.#onChange(this, { kind: "duty" }));
        break;
      case "invalid":
        this.#answered();
        break;
      case "given-up":
      case "lost":
      case "busy":
      case "aborted":
      case "closed":
        break;
    }
  }

  #answered(): void {
    if (this.#state === "up" || this.#isClosed) return;
    clearTimeout(this.#retryTimer);
    this.#state = "up";
    this.#lastError = undefined;
    this.#backoff.reset();
    this.#onChange(this, { kind: "up" });
  }

  #fell(error: TransportError): void {
    this.#lastError = error;
    if (this.#state === "down") return;
    this.#state = "down";
    this.#tryAgainLater();
    this.#onChange(this, { kind: "down", error });
  }

  #tryAgainLater(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(async () => {
      try {
        await this.transport.ping();
        this.#answered();
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        this.#learn("neither", error);
        if (this.#state === "down" && !this.#isClosed) this.#tryAgainLater();
      }
    }, this.#backoff.nextMs());
  }
}

/** That a node said no to one duty: held for a while, longer with each no, then asked again. */
class Refusal {
  readonly #backoff: Backoff;
  #timer: NodeJS.Timeout | undefined;
  #isHeld = false;

  constructor(retry: BackoffOptions) {
    this.#backoff = new Backoff(retry);
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  begin(onOver: () => void): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    this.#timer = setTimeout(() => {
      this.#isHeld = false;
      onOver();
    }, this.#backoff.nextMs());
  }

  end(): void {
    if (!this.#isHeld) this.#backoff.reset();
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
