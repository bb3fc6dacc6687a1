import { afterEach, describe, expect, test, vi } from "vitest";
import { type Logger, silentLogger } from "../logging.ts";
import { ServiceManager } from "./service-manager.ts";

/** Keeps what was sent; each message is taken when the test says so. */
class Systemd {
  readonly sent: (readonly string[])[] = [];
  #take: (() => void)[] = [];
  readonly notify = (message: readonly string[]): Promise<void> => {
    this.sent.push(message);
    return new Promise((resolve) => this.#take.push(resolve));
  };
  async take(): Promise<void> {
    this.#take.shift()!();
    await new Promise(setImmediate);
  }
}

const socket = { NOTIFY_SOCKET: "/run/notify" };

afterEach(() => vi.useRealTimers());

describe("a service manager", () => {
  test("that is not there is told nothing", () => {
    const systemd = new Systemd();
    const manager = ServiceManager.fromEnvironment({ WATCHDOG_USEC: "1000" }, silentLogger, systemd.notify);
    manager.ready("here");
    manager.stopping();
    expect(systemd.sent).toEqual([]);
  });

  test("hears one thing at a time, in order", async () => {
    const systemd = new Systemd();
    const manager = ServiceManager.fromEnvironment(socket, silentLogger, systemd.notify);
    manager.ready("listening:\n here");
    manager.reloading();
    manager.ready("there");
    manager.stopping();
    expect(systemd.sent).toEqual([["READY=1", "STATUS=listening: here"]]);
    await systemd.take();
    expect(systemd.sent.slice(1)).toEqual([
      ["RELOADING=1", expect.stringMatching(/^MONOTONIC_USEC=\d{6,}$/)],
    ]);
    await systemd.take();
    await systemd.take();
    await systemd.take();
    expect(systemd.sent.slice(2)).toEqual([
      ["READY=1", "STATUS=there"],
      ["STOPPING=1", "STATUS=stopping"],
    ]);
  });

  test("that can't be told is in the log, and hears the next thing", async () => {
    const warned: object[] = [];
    const logger: Logger = { ...silentLogger, warn: (fields) => warned.push(fields) };
    const sent: string[] = [];
    const err = new Error("spawn systemd-notify ENOENT");
    const manager = ServiceManager.fromEnvironment(socket, logger, async ([first]) => {
      sent.push(first!);
      throw err;
    });
    manager.ready("here");
    manager.stopping();
    await new Promise(setImmediate);
    expect(sent).toEqual(["READY=1", "STOPPING=1"]);
    expect(warned).toEqual([
      { err, message: "READY=1" },
      { err, message: "STOPPING=1" },
    ]);
  });
});

describe("the watchdog", () => {
  async function signsOfLife(env: NodeJS.ProcessEnv, forMs: number): Promise<number> {
    vi.useFakeTimers();
    const sent: string[] = [];
    const manager = ServiceManager.fromEnvironment({ ...socket, ...env }, silentLogger, async ([first]) => {
      sent.push(first!);
    });
    await vi.advanceTimersByTimeAsync(forMs);
    expect(sent).toEqual([]);
    manager.ready("here");
    await vi.advanceTimersByTimeAsync(forMs);
    const count = sent.filter((first) => first === "WATCHDOG=1").length;
    manager.stopping();
    await vi.advanceTimersByTimeAsync(forMs);
    expect(sent.filter((first) => first === "WATCHDOG=1")).toHaveLength(count);
    return count;
  }

  test("is fed at half its period, from ready to stopping", async () => {
    expect(await signsOfLife({ WATCHDOG_USEC: "30000000" }, 60_000)).toBe(4);
    expect(await signsOfLife({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: String(process.pid) }, 60_000)).toBe(
      4,
    );
  });

  test("of another process, or of none, is left alone", async () => {
    expect(await signsOfLife({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "1" }, 60_000)).toBe(0);
    expect(await signsOfLife({ WATCHDOG_USEC: "0" }, 60_000)).toBe(0);
    expect(await signsOfLife({}, 60_000)).toBe(0);
  });
});
