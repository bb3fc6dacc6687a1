/** The conversations in transcripts/, held with a real node: as written, glued together, and byte by byte. */

import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import { KestrelNode } from "./harness/kestrel-node.ts";
import { TempFolder } from "./harness/temp-folder.ts";
import { paces, parseTranscript, replay } from "./harness/transcript.ts";

const folder = new URL("transcripts/", import.meta.url);
let settings: TempFolder;
let node: KestrelNode;

beforeAll(async () => {
  settings = await TempFolder.create();
  const config = join(settings.path, "kestrel.json");
  // What has expired is to be there until the conversation asks for it.
  await writeFile(config, JSON.stringify({ expirationTimerFrequency: null }));
  node = await KestrelNode.start({ flags: ["--config", config] });
});

afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await settings[Symbol.asyncDispose]();
});

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
