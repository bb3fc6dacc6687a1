import { expect, test } from "vitest";
import type { KestrelConfig } from "./config-file.ts";
import { describeSettings } from "./describe-settings.ts";
import { readSettings } from "./schema.ts";

const announced = (config: KestrelConfig): string | undefined =>
  describeSettings(readSettings(config)).find((line) => line.startsWith("announced"));

test("where the node is announced, and that nobody could reach it there", () => {
  const zookeeper = { host: ["zoo1", "zoo2:2182"], pathPrefix: "/k" };
  expect(announced({})).toBeUndefined();
  expect(announced({ zookeeper })).toBe(
    "announced by ZooKeeper zoo1:2181,zoo2:2182: /k; needs --listen or zookeeper.advertise, since others can't reach 127.0.0.1",
  );
  expect(announced({ zookeeper, listenAddress: "0.0.0.0" })).toBe(
    "announced by ZooKeeper zoo1:2181,zoo2:2182: /k",
  );
  expect(announced({ zookeeper: { ...zookeeper, advertise: "k1" } })).toBe(
    "announced as k1 by ZooKeeper zoo1:2181,zoo2:2182: /k",
  );
});
