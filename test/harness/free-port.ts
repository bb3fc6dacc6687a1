/**
 * Ports for nodes that are to come back on the same one.
 *
 * Port 0 gives a port of the range from which outgoing connections take theirs. While such a node is down, a
 * client that keeps on trying to reach it can get that very port as its own and be connected to itself, and the
 * node can't come back. So these ports come from below that range.
 */

import { createServer } from "node:net";

const portMin = 20_000;
const portCount = 12_000;
const attemptsMax = 100;

/** A TCP port that nobody listens on now. Another process may still take it first; then the start fails. */
export async function findFreePort(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const port = portMin + Math.floor(Math.random() * portCount);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port among ${attemptsMax} tried from ${portMin} on`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
