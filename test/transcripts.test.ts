/** The conversations in transcripts/, held with a real node: as written, glued together, and byte by byte. */

import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import { KestrelNode } from "./harness/kestrel-node.ts";
import { paces, parseTranscript, replay } from "./harness/transcript.ts";

const folder = new URL("transcripts/", import.meta.url);
let node: KestrelNode;

beforeAll(async () => {
  node = await KestrelNode.start();
});

afterAll(() => node?.[Symbol.asyncDispose]());

afterEach(async () => {
  await using client = await node.client();
  for (const line of await client.lines("dump_stats")) {
    const queue = /^queue '(.*)' \{$/.exec(line)?.[1];
    if (queue !== undefined) await client.line(`delete ${queue}`);
  }
});

for (const file of readdirSync(folder)) {
  const steps = parseTranscript(readFileSync(new URL(file, folder), "utf8"));
  describe(basename(file, ".txt"), () => {
    test.each(paces)("%s", (pace) => replay(steps, pace, () => node.connect()));
  });
}
