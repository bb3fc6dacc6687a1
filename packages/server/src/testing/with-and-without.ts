/** Cases that show a setting: the conversation holds with it, and does not hold without it. */
import { describe, expect, test } from "vitest";
import type { KestrelConfig } from "../settings/config-file.ts";
import { Conversation, Mismatch } from "./conversation.ts";

export interface SettingCase<Setting extends string> {
  readonly setting: Setting;
  readonly title: string;
  readonly config: KestrelConfig;
  readonly script: string;
}

/** For something that does not come when the setting is left out. */
const shortHangMs = 200;

export function testWithAndWithout<Setting extends string>(cases: readonly SettingCase<Setting>[]): void {
  describe.each(cases)("$setting: $title", ({ setting, config, script }) => {
    test("with it", async () => {
      await using conversation = await Conversation.start(config);
      await conversation.hold(script);
    });

    test("not without it", async () => {
      await using conversation = await Conversation.start(without(config, setting), {}, shortHangMs);
      await expect(conversation.hold(script)).rejects.toThrow(Mismatch);
    });
  });
}

/** The same file, but for this setting, wherever it stands. */
function without(config: KestrelConfig, setting: string): KestrelConfig {
  return JSON.parse(JSON.stringify(config, (key, value: unknown) => (key === setting ? undefined : value)));
}
