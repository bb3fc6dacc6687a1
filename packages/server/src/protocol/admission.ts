/**
 * Who may come in, and what for: bounds on the number of connections over all ports but the admin port, those that
 * are at their handshake with TLS among them. A connection that comes when there are many may be refused its gets or
 * its puts for as long as it lasts, as in Kestrel; one too many is closed at once, as is one that would take the
 * journals their file descriptors.
 */
import type { Logger } from "../logging.ts";
import { connectionsThatFit } from "../open-files.ts";
import type { ServerControls } from "../session/controls.ts";
import type { ServerSettings } from "../settings/server-settings.ts";
import type { StatisticGroup } from "../stats/statistic.ts";

export type AdmissionSettings = Pick<
  ServerSettings,
  "adminPort" | "maxConnections" | "connectionLimitRefuseReads" | "connectionLimitRefuseWrites"
>;

export class Admission {
  readonly #settings: AdmissionSettings;
  readonly #controls: ServerControls;
  readonly #logger: Logger;
  readonly #connectionsMax: number;
  /** That have begun and not ended. */
  #handshakes = 0;
  /** What was done with the newcomers since it was logged last: a crowd at the door is one line. */
  #noted = "";

  /**
   * `controls` are for those who come in without restrictions. No more than `connectionsFit` are let in, whatever is
   * set: by default as many as the process has file descriptors for.
   */
  constructor(
    settings: AdmissionSettings,
    controls: ServerControls,
    logger: Logger,
    connectionsFit: number = connectionsThatFit(settings.adminPort !== null),
  ) {
    this.#settings = settings;
    this.#controls = controls;
    this.#logger = logger;
    this.#connectionsMax = Math.min(settings.maxConnections ?? Number.POSITIVE_INFINITY, connectionsFit);
  }

  /** What a newcomer may ask of the server, when so many are in already; null: it has to leave at once. */
  admit(connections: number): ServerControls | null {
    const { connectionLimitRefuseReads, connectionLimitRefuseWrites } = this.#settings;
    if (!this.#hasRoom(connections)) return null;
    const refusesReads = connections >= (connectionLimitRefuseReads ?? Number.POSITIVE_INFINITY);
    const refusesWrites = connections >= (connectionLimitRefuseWrites ?? Number.POSITIVE_INFINITY);
    if (!refusesReads && !refusesWrites) {
      this.#noted = "";
      return this.#controls;
    }
    const refused = refusesReads && refusesWrites ? "gets and puts" : refusesReads ? "gets" : "puts";
    this.#note(connections, `many connections: further ones are refused ${refused}`);
    return new RestrictedControls(this.#controls, refusesReads, refusesWrites);
  }

  /**
   * Whether a newcomer may begin a handshake, when so many are in already. If so `endHandshake` follows: it may be
   * admitted then, or has gone.
   */
  beginHandshake(connections: number): boolean {
    if (!this.#hasRoom(connections)) return false;
    this.#handshakes++;
    return true;
  }

  endHandshake(): void {
    this.#handshakes--;
  }

  #hasRoom(connections: number): boolean {
    if (connections + this.#handshakes < this.#connectionsMax) return true;
    this.#note(connections, "too many connections: further ones are closed");
    return false;
  }

  #note(connections: number, message: string): void {
    if (message === this.#noted) return;
    this.#noted = message;
    this.#logger.warn({ connections }, message);
  }
}

/** The server's controls for a session that may not get, or not put. */
class RestrictedControls implements ServerControls {
  readonly #controls: ServerControls;
  readonly #refusesReads: boolean;
  readonly #refusesWrites: boolean;

  constructor(controls: ServerControls, refusesReads: boolean, refusesWrites: boolean) {
    this.#controls = controls;
    this.#refusesReads = refusesReads;
    this.#refusesWrites = refusesWrites;
  }

  get status(): string {
    return this.#controls.status;
  }

  get takesReads(): boolean {
    return !this.#refusesReads && this.#controls.takesReads;
  }

  get takesWrites(): boolean {
    return !this.#refusesWrites && this.#controls.takesWrites;
  }

  setStatus(status: string): void {
    this.#controls.setStatus(status);
  }

  reload(): Promise<void> {
    return this.#controls.reload();
  }

  shutdown(): void {
    this.#controls.shutdown();
  }

  describeQueues(): StatisticGroup[] {
    return this.#controls.describeQueues();
  }
}
