/** The server's log: JSON lines on standard error. Standard output is for the ready line alone. */
import { pino } from "pino";
import type { LogLevel } from "./settings/server-settings.ts";

/** What the server's parts need of a logger: pino's shape. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A log on standard error that has written a line when the call returns, so that a dying process says why. */
export function createLogger(level: LogLevel): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
}

/** For those who embed a server and give it no logger. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
