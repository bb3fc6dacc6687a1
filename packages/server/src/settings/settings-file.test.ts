import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CollectedLog } from "../testing/collected-log.ts";
import type { KestrelConfig } from "./config-file.ts";
import { SettingsError } from "./schema.ts";
import { SettingsFile } from "./settings-file.ts";

let folder: string;
let file: string;
let log: CollectedLog;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "kestrel-settings-file-"));
  file = path.join(folder, "kestrel.json");
  log = new CollectedLog();
});
afterEach(() => rm(folder, { recursive: true }));

const write = (config: KestrelConfig): Promise<void> => writeFile(file, JSON.stringify(config));

test("gives the rules as they are now, and says nothing when nothing else has changed", async () => {
  await write({ queuePath: "spool", zookeeper: { host: "z", pathPrefix: "/k" }, default: { maxItems: 1 } });
  const settings = await SettingsFile.open(file);
  expect(settings.settings.server.queuePath).toBe("spool");
  expect(settings.settings.queues.settingsFor("q").maxItems).toBe(1);
  await write({ queuePath: "spool", zookeeper: { host: "z", pathPrefix: "/k" }, default: { maxItems: 2 } });
  expect((await settings.reload(log)).queues.settingsFor("q").maxItems).toBe(2);
  expect(log.lines).toEqual([]);
});

test("names the settings that need a restart, each time until they are as they were", async () => {
  await write({});
  const settings = await SettingsFile.open(file);
  await write({
    memcacheListenPort: 1,
    admin: { httpPort: "off" },
    maxMemory: "1GB",
    logLevel: "debug",
    zookeeper: { host: "z", pathPrefix: "/k" },
  });
  for (let i = 0; i < 2; i++) await settings.reload(log);
  const names = ["memcacheListenPort", "admin.httpPort", "maxMemory", "logLevel", "zookeeper"];
  expect(log.lines.map(({ level, fields }) => ({ level, fields }))).toEqual(
    Array(2).fill({ level: "warn", fields: { file, settings: expect.arrayContaining(names) } }),
  );
  expect(log.lines[0]!.fields.settings).toHaveLength(names.length);
  await write({});
  await settings.reload(log);
  expect(log.lines).toHaveLength(2);
});

test("a file that is gone or broken tells why", async () => {
  await expect(SettingsFile.open(file)).rejects.toThrow(SettingsError);
  await write({});
  const settings = await SettingsFile.open(file);
  await writeFile(file, '{ "queues": [{ "name": "a/b" }], "colour": 1 }');
  await expect(settings.reload(log)).rejects.toMatchObject({
    source: file,
    problems: [expect.stringContaining("queues[0].name"), expect.stringContaining("colour")],
  });
  await rm(file);
  await expect(settings.reload(log)).rejects.toThrow("ENOENT");
});
