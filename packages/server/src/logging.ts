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

/** What could not be written waits for room; lines beyond so many bytes are lost. */
const waitingBytesMax = 1024 * 1024;

/**
 * A log on standard error that has written a line when the call returns, so that a dying process says why. It never
 * throws: what goes wrong with the log, whose disk may be full, is no reason for a node to end.
 */
export function createLogger(level: LogLevel): Logger {
  const standardError = pino.destination({ dest: 2, sync: true, maxLength: waitingBytesMax });
  standardError.on("error", () => {});
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, standardError);
}

/** For those who embed a server and give it no logger. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
