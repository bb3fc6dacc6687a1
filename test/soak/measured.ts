/**
 * Loaded into the process of a node that is being watched (`--import`): whoever connects to the socket that
 * KESTREL_MEASURED names is told, as one line of JSON, what the process holds once all garbage is collected.
 */

import { createServer } from "node:net";
import { memoryUsage } from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What is held by something that ends with a first collection goes with a second; what a finalizer holds, with a third. */
const collections = 3;
const pauseMs = 20;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const server = createServer(async (socket) => {
  socket.on("error", () => {});
  for (let turn = 0; turn < collections; turn++) {
    await pause(pauseMs);
    collect();
  }
  const { heapUsed, external, rss } = memoryUsage();
  socket.end(JSON.stringify({ heapBytes: heapUsed, outsideBytes: external, residentBytes: rss }));
});
server.listen(process.env.KESTREL_MEASURED);
server.unref();
