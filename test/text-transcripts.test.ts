/** The conversations in text-transcripts/, held over real sockets: as written, glued together, and byte by byte. */

import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { KestrelServer } from "@kestrel-mq/server";
import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import { paces, parseTranscript, replay } from "./harness/transcript.ts";
import { WireSession } from "./harness/wire-session.ts";

const folder = new URL("text-transcripts/", import.meta.url);
let server: KestrelServer;

beforeAll(async () => {
  server = await KestrelServer.start({
    queuePath: null,
    memcachePort: null,
    textPort: 0,
    maxOpenTransactions: 5,
  });
});

afterAll(() => server?.stop());

afterEach(() => {
  for (const name of server.queues.names()) server.queues.delete(name);
});

for (const file of readdirSync(folder)) {
  const steps = parseTranscript(readFileSync(new URL(file, folder), "utf8"));
  describe(basename(file, ".txt"), () => {
    const connect = (): Promise<WireSession> => WireSession.connect(server.listeners.text!.port);
    test.each(paces)("%s", (pace) => replay(steps, pace, connect));
  });
}
