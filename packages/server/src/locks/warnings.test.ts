import { describe, expect, test } from "vitest";
import { KestrelServer } from "../server.ts";
import { QueueRules } from "../settings/queue-rules.ts";
import { CollectedLog } from "../testing/collected-log.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { makeUser } from "../testing/quick-passwords.ts";
import { Locks } from "./locks.ts";
import { isLoopback } from "./loopback.ts";
import type { TlsDoors, TlsOptions } from "./tls.ts";
import { warnOfOpenDoors } from "./warnings.ts";

test.each([
  ["127.0.0.1", true],
  ["127.8.9.10", true],
  ["::1", true],
  ["::ffff:127.0.0.1", true],
  ["localhost", true],
  ["0.0.0.0", false],
  ["::", false],
  ["10.0.0.127", false],
  ["1127.0.0.1", false],
])("%s is reached from this machine alone: %s", (address, isOwn) => {
  expect(isLoopback(address)).toBe(isOwn);
});

describe("an operator is told", () => {
  const open = "whoever reaches this node may do everything: there are no users";
  const plain = "passwords come over these ports without encryption";
  const here = { host: "127.0.0.1" };
  const everywhere = { host: "0.0.0.0" };
  const tls: TlsDoors = { memcache: {} as TlsOptions };

  test.each<[string, boolean, Parameters<typeof warnOfOpenDoors>[0], TlsDoors, unknown]>([
    ["nothing of ports on loopback", false, { memcache: here, admin: here }, {}, []],
    ["nothing of a node without ports", false, {}, {}, []],
    [
      "of ports without locks",
      false,
      { memcache: everywhere, admin: here },
      {},
      [[open, { ports: ["memcache"] }]],
    ],
    ["of them with TLS, too", false, { memcache: everywhere }, tls, [[open, { ports: ["memcache"] }]]],
    [
      "of passwords in the open",
      true,
      { memcache: everywhere, text: everywhere, admin: here },
      tls,
      [[plain, { ports: ["text"] }]],
    ],
    ["nothing of locks and TLS", true, { memcache: everywhere, text: here }, tls, []],
  ])("%s", async (_, isLocked, listeners, doors, warnings) => {
    const log = new CollectedLog();
    const users = isLocked ? [await makeUser("a", "secret")] : [];
    const locks = new Locks({ users, rules: new QueueRules(), clock: new FakeClock(), logger: log });
    warnOfOpenDoors(listeners, locks, doors, log);
    expect(log.lines.map(({ message, fields }) => [message, fields])).toEqual(warnings);
  });

  test("once at the start, and when the last user has gone", async () => {
    const logger = new CollectedLog();
    const users = [await makeUser("a", "secret")];
    const settings = { queuePath: null, memcachePort: 0, textPort: 0, listenAddress: "0.0.0.0", logger };
    {
      await using _ = await KestrelServer.start(settings);
      expect(logger.having(open).map(({ level, fields }) => [level, fields])).toEqual([
        ["warn", { ports: ["memcache", "text"] }],
      ]);
    }
    await using server = await KestrelServer.start({
      ...settings,
      users,
      loadSettings: async () => ({ queues: new QueueRules(), server: { users: [] } }),
    });
    expect(logger.having(open)).toHaveLength(1);
    expect(logger.having(plain)).toHaveLength(1);
    for (let i = 0; i < 2; i++) await server.reload();
    expect(logger.having(open)).toHaveLength(2);
  });
});
