/** For parts of the server that log what a command tells by itself. */
import type { Logger } from "@kestrel-mq/server";

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
