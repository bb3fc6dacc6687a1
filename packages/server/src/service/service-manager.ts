/**
 * What systemd asks of a service of Type=notify: when it is ready, reloads and stops, and that its event loop still
 * turns. Without NOTIFY_SOCKET in the environment nothing is sent. Never makes the server fail: what can't be sent
 * is logged, and systemd draws its own conclusions.
 *
 * The socket is a datagram socket in the file system, which Node doesn't have. Messages are sent by systemd's own
 * `systemd-notify`, which is there wherever systemd is, and which waits until systemd has taken note; so the unit
 * needs NotifyAccess=all. One short-lived process per message, and only one at a time, since order matters.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Logger } from "../logging.ts";

/** Lines of one message, each `NAME=value`. */
type Message = readonly string[];

/** Sends one message; rejects when it can't be sent. */
type Notify = (message: Message) => Promise<void>;

/** A message that has not been taken by then never will be. */
const notifyMsMax = 10_000;
/** States that have not been sent yet: more than a few means that systemd is gone. */
const pendingLengthMax = 16;

const run = promisify(execFile);

async function systemdNotify(message: Message): Promise<void> {
  await run("systemd-notify", ["--", ...message], { timeout: notifyMsMax });
}

export class ServiceManager {
  readonly #notify: Notify | null;
  readonly #watchdogMs: number | null;
  readonly #logger: Logger;
  readonly #pending: Message[] = [];
  #isSending = false;
  #watchdog: NodeJS.Timeout | null = null;

  private constructor(notify: Notify | null, watchdogMs: number | null, logger: Logger) {
    this.#notify = notify;
    this.#watchdogMs = watchdogMs;
    this.#logger = logger;
  }

  /** The service manager that started this process, as the environment tells it; if none did, all calls do nothing. */
  static fromEnvironment(
    env: NodeJS.ProcessEnv,
    logger: Logger,
    notify: Notify = systemdNotify,
  ): ServiceManager {
    const isThere = env.NOTIFY_SOCKET !== undefined && env.NOTIFY_SOCKET !== "";
    return new ServiceManager(isThere ? notify : null, watchdogMs(env), logger);
  }

  /** The server is reachable; `where` is shown by `systemctl status`. From now on the watchdog is fed. */
  ready(where: string): void {
    this.#send("READY=1", `STATUS=${line(where)}`);
    if (this.#notify === null || this.#watchdogMs === null || this.#watchdog !== null) return;
    // Unless the event loop turns, nothing is sent. One that waits to be sent is as good as two.
    this.#watchdog = setInterval(() => {
      if (this.#pending.length === 0) this.#send("WATCHDOG=1");
    }, this.#watchdogMs / 2);
    this.#watchdog.unref();
  }

  /** The settings are being read anew; `ready` follows, whatever comes of it. */
  reloading(): void {
    // Type=notify-reload wants to know when; the clock is the one systemd uses.
    this.#send("RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  /** A stop has begun. systemd expects no more signs of life. */
  stopping(): void {
    if (this.#watchdog !== null) clearInterval(this.#watchdog);
    this.#send("STOPPING=1", "STATUS=stopping");
  }

  #send(...message: string[]): void {
    if (this.#notify === null) return;
    if (this.#pending.length >= pendingLengthMax) this.#pending.shift();
    this.#pending.push(message);
    if (!this.#isSending) void this.#sendPending(this.#notify);
  }

  async #sendPending(notify: Notify): Promise<void> {
    this.#isSending = true;
    for (let message = this.#pending.shift(); message !== undefined; message = this.#pending.shift()) {
      try {
        await notify(message);
      } catch (err) {
        this.#logger.warn({ err, message: message[0] }, "cannot notify systemd");
      }
    }
    this.#isSending = false;
  }
}

/** How long systemd goes without a sign of life. Null: no watchdog, or not for this process. */
function watchdogMs(env: NodeJS.ProcessEnv): number | null {
  const micros = Number(env.WATCHDOG_USEC);
  const isForUs = env.WATCHDOG_PID === undefined || Number(env.WATCHDOG_PID) === process.pid;
  return Number.isFinite(micros) && micros > 0 && isForUs ? micros / 1000 : null;
}

/** A message's lines must stay lines. */
function line(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
