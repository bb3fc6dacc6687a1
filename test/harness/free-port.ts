/**
 * Ports for nodes that are to come back on the same one.
 *
 * Port 0 gives a port of the range from which outgoing connections take theirs. While such a node is down, a
 * client that keeps on trying to reach it can get that very port as its own and be connected to itself, and the
 * node can't come back. So these ports come from below that range, where nobody but us looks for one, and whoever
 * gets one holds it until its process ends: also while the node is down, and beside tests in other processes.
 */

import { createSocket } from "node:dgram";
import { createServer } from "node:net";

const host = "127.0.0.1";
const portMin = 20_000;
const portCount = 12_000;
const attemptsMax = 100;

/** A TCP port that nobody listens on now, and that no other call here or in another process gives out. */
export async function findFreePort(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const port = portMin + Math.floor(Math.random() * portCount);
    if ((await claim(port)) && (await isFree(port))) return port;
  }
  throw new Error(`no free port among ${attemptsMax} tried from ${portMin} on`);
}

/** Holds the UDP port of the same number, as the sign that the TCP port is given out; the process's end frees it. */
function claim(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const sign = createSocket("udp4");
    sign.once("error", () => {
      sign.close();
      resolve(false);
    });
    sign.bind({ port, address: host, exclusive: true }, () => {
      sign.unref();
      resolve(true);
    });
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, host, () => probe.close(() => resolve(true)));
  });
}
