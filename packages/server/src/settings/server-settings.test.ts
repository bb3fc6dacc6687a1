/** Every setting of the server that clients can notice, shown by a conversation that does not hold without it. */
import { Server } from "node:net";
import { expect, test, vi } from "vitest";
import { KestrelServer } from "../server.ts";
import { Conversation } from "../testing/conversation.ts";
import { type SettingCase, testWithAndWithout } from "../testing/with-and-without.ts";
import type { KestrelConfig } from "./config-file.ts";

const cases: SettingCase<keyof KestrelConfig>[] = [
  {
    setting: "maxOpenTransactions",
    title: "so many items may be open on one connection and queue",
    config: { maxOpenTransactions: 2 },
    script: `
      > set q 0 0 1
      > a
      < STORED
      > set q 0 0 1
      > b
      < STORED
      > set q 0 0 1
      > c
      < STORED
      > get q/open
      < VALUE q 0 1
      < a
      < END
      > get q/open
      < VALUE q 0 1
      < b
      < END
      > get q/open
      < ERROR
      closed`,
  },
  {
    setting: "clientTimeout",
    title: "who says nothing for so long has to leave, and what was open goes back",
    config: { clientTimeout: "30s" },
    script: `
      > set q 0 0 1
      > a
      < STORED
      > get q/open
      < VALUE q 0 1
      < a
      < END
      wait 29000
      > version
      < VERSION...
      wait 29000
      > version
      < VERSION...
      wait 30000
      closed
      stat q items 1`,
  },
  {
    setting: "clientTimeout",
    title: "who waits for an item is not idle, but begins to be when the wait is over",
    config: { clientTimeout: "30s" },
    script: `
      > get q/t=100000
      b> monitor q 100
      wait 99999
      wait 1
      < END
      b< END
      wait 29999
      > version
      < VERSION...
      wait 1
      b closed
      wait 29999
      closed`,
  },
  {
    setting: "clientTimeout",
    title: "a half of an item is as good as nothing",
    config: { clientTimeout: "30s" },
    script: `
      > set q 0 0 10
      > 1234
      wait 30000
      closed
      stat q items none`,
  },
  {
    setting: "connectionLimitRefuseWrites",
    title: "who comes as one too many may not put, as long as the connection lasts",
    config: { connectionLimitRefuseWrites: 2 },
    script: `
      a> version
      a< VERSION...
      b> version
      b< VERSION...
      c> get q
      c< END
      d> flush q
      d< SERVER_ERROR
      d closed
      a hang up
      c> set q 0 0 1
      c> a
      c< SERVER_ERROR
      c closed
      b> set q 0 0 1
      b> a
      b< STORED
      log many connections: further ones are refused puts`,
  },
  {
    setting: "connectionLimitRefuseReads",
    title: "who comes as one too many may not get, as long as the connection lasts",
    config: { connectionLimitRefuseReads: 2, connectionLimitRefuseWrites: 3 },
    script: `
      a> version
      a< VERSION...
      b> version
      b< VERSION...
      c> set q 0 0 1
      c> a
      c< STORED
      d> set q 0 0 1
      d> a
      d< SERVER_ERROR
      d closed
      c> get q
      c< SERVER_ERROR
      c closed
      b> get q
      b< VALUE q 0 1
      b< a
      b< END`,
  },
  {
    setting: "maxConnections",
    title: "further ones are closed at once",
    config: { maxConnections: 1 },
    script: `
      a> version
      a< VERSION...
      b closed
      a> version
      a< VERSION...
      log too many connections: further ones are closed`,
  },
  {
    setting: "expirationTimerFrequency",
    title: "how often queues are looked through",
    config: { expirationTimerFrequency: "10s", default: { expireToQueue: "late" } },
    script: `
      > set q 0 1 1
      > a
      < STORED
      wait 9000
      stat late items none
      wait 1000
      stat late items 1`,
  },
  {
    setting: "expirationTimerFrequency",
    title: "null: never, only when somebody asks",
    config: { expirationTimerFrequency: null, default: { expireToQueue: "late" } },
    script: `
      > set q 0 1 1
      > a
      < STORED
      wait 1000000
      stat late items none
      > get q
      < END
      stat late items 1`,
  },
  {
    setting: "maxItemSize",
    title: "larger items are not even read into memory, whatever the queue allows",
    config: { maxItemSize: "4B", default: { maxItemSize: "1KB" } },
    script: `
      > set q 0 0 5
      > 12345
      < SERVER_ERROR object too large for cache
      > set q 0 0 4
      > 1234
      < STORED`,
  },
  {
    setting: "maxMemory",
    title: "what the share of memory in use is a share of",
    config: { maxMemory: "1KB" },
    script: `
      > set q 0 0 4
      > 1234
      < STORED
      stats reserved_memory_ratio 0.5...`,
  },
  {
    setting: "enableSessionTrace",
    title: "the begin and end of each connection is logged",
    config: { enableSessionTrace: true },
    script: `
      > version
      < VERSION...
      log a session begins
      hang up
      log a session ends`,
  },
];

testWithAndWithout(cases);

test("a session's trace tells who it was", async () => {
  await using conversation = await Conversation.start({ enableSessionTrace: true });
  await conversation.hold(`
    > version
    < VERSION...
    > quit
    closed`);
  const { port } = conversation.server.listeners.memcache!;
  const fields = { session: 1, client: expect.stringMatching(/^127\.0\.0\.1:\d+$/), port };
  expect(conversation.log.having("a session begins")).toMatchObject([{ fields }]);
});

test.each([[null], [7]])("connectionBacklog %s is told to the system", async (connectionBacklog) => {
  const listen = vi.spyOn(Server.prototype, "listen");
  try {
    const ports = { memcachePort: 0, textPort: 0, thriftPort: 0 };
    await using _ = await KestrelServer.start({ ...ports, queuePath: null, connectionBacklog });
    const told = listen.mock.calls.map(([options]) => (options as unknown as { backlog?: number }).backlog);
    expect(told).toEqual(Array(3).fill(connectionBacklog ?? undefined));
  } finally {
    listen.mockRestore();
  }
});
