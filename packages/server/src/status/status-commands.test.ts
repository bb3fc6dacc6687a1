/** What a node's status allows its clients, in conversations. */
import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { KestrelServer } from "../server.ts";
import type { KestrelConfig } from "../settings/config-file.ts";
import { Conversation } from "../testing/conversation.ts";
import { systemError } from "../testing/fake-disk.ts";

async function hold(script: string, config: KestrelConfig = {}): Promise<void> {
  await using conversation = await Conversation.start({ maxOpenTransactions: 10, ...config });
  await conversation.hold(script);
}

/** Three items, of which the first two are open. */
const twoOpen = `
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
  < END`;

test("up, and how it is said", () =>
  hold(`
    > status
    < UP
    > status up
    < END
    > status ReadOnly
    < END
    > status
    < READONLY
    > status write-avoid
    < END
    > status
    < WRITEAVOID
    > STATUS QUIESCENT
    < END
    > status
    < QUIESCENT
    > status asleep
    < CLIENT_ERROR
    closed
    b> status
    b< QUIESCENT`));

test("write-avoid takes what up takes", () =>
  hold(`
    > status WRITEAVOID
    < END
    > set q 0 0 1
    > a
    < STORED
    > get q
    < VALUE q 0 1
    < a
    < END
    > flush q
    < END
    > delete q
    < DELETED`));

test.each([
  ["set q 0 0 1\n> a"],
  ["flush q"],
  ["flush_all"],
  ["delete q"],
  ["flush_expired q"],
  ["flush_all_expired"],
])("read-only refuses: %s", (request) =>
  hold(`
    > set q 0 0 1
    > b
    < STORED
    > status READONLY
    < END
    > ${request}
    < SERVER_ERROR
    closed
    stat q items 1`),
);

test("read-only hands out, confirms and aborts", () =>
  hold(`${twoOpen}
    > status READONLY
    < END
    > get q/close/open
    < VALUE q 0 1
    < c
    < END
    > get q/abort
    < END
    > confirm q 5
    < END
    > get q
    < VALUE q 0 1
    < b
    < END
    > get q/peek
    < END
    > monitor q 1 1
    wait 1000
    < END`));

test.each([
  ["get q"],
  ["get q/open"],
  ["get q/t=1000"],
  ["get q/peek"],
  ["gets q"],
  ["monitor q 1"],
  ["set q 0 0 1\n> a"],
  ["flush q"],
  ["delete q"],
])("quiescent refuses: %s", (request) =>
  hold(`
    b> set q 0 0 1
    b> b
    b< STORED
    b> status QUIESCENT
    b< END
    > ${request}
    < SERVER_ERROR
    closed
    stat q items 1
    stat q total_items 1`),
);

test("quiescent: what is open can be confirmed and aborted, with every word for it", () =>
  hold(`${twoOpen}
    b> get q/open
    b< VALUE q 0 1
    b< c
    b< END
    > status QUIESCENT
    < END
    > get q/abort
    < END
    > get q/close
    < END
    stat q open_transactions 1
    stat q items 1
    b> confirm q 1
    b< END
    b> confirm q 1
    b< ERROR
    # Closes what is open, and is refused what it asks for besides.
    > get q/close/open
    < SERVER_ERROR
    closed
    b> status UP
    b< END
    b> get q
    b< VALUE q 0 1
    b< a
    b< END
    stat q open_transactions 0`));

test("quiescent: a plain get with a read open is wrong in any status, and told so first", () =>
  hold(`
    ${twoOpen}
    > status quiescent
    < END
    > get q
    < ERROR
    closed`));

test("quiescent: the items of a connection that ends go back", () =>
  hold(`${twoOpen}
    b> status QUIESCENT
    b< END
    hang up
    stat q items 3
    stat q open_transactions 0`));

test("who waits when the node turns quiescent gets nothing, at once, and later requests are refused", () =>
  hold(`
    a> get q/t=600000
    b> monitor q 600
    c> get q/t=600000/open
    c> get q/t=600000/open
    wait 1
    > status QUIESCENT
    < END
    a< END
    b< END
    c< END
    c< SERVER_ERROR
    c closed
    stat q waiters 0
    stats get_misses 3`));

test("read-only lets them wait", () =>
  hold(`
    a> get q/t=1000
    wait 1
    > status READONLY
    < END
    wait 998
    stat q waiters 1
    wait 1
    a< END`));

test("the grace period: what is stricter is said at once and holds later, what is looser holds at once", () =>
  hold(
    `
    a> get r/t=600000
    > status QUIESCENT
    < END
    > status
    < QUIESCENT
    wait 9999
    > set q 0 0 1
    > a
    < STORED
    stat r waiters 1
    wait 1
    a< END
    > set q 0 0 1
    > b
    < SERVER_ERROR
    closed
    b> status UP
    b< END
    b> set q 0 0 1
    b> c
    b< STORED
    stat q items 2`,
    { statusChangeGracePeriod: "10s" },
  ));

test("is kept over restarts and kills, also within the grace period, which is over then", () =>
  hold(
    `
    > status READONLY
    < END
    restart
    > status
    < READONLY
    > set q 0 0 1
    > a
    < SERVER_ERROR
    closed
    b> status QUIESCENT
    b< END
    kill
    > status
    < QUIESCENT
    > get q
    < SERVER_ERROR
    closed`,
    { statusChangeGracePeriod: "10s" },
  ));

test("the default is for a node that knows no better, wherever the file is", async () => {
  await using conversation = await Conversation.start({
    defaultStatus: "read-only",
    statusFile: "elsewhere/status",
  });
  await conversation.hold(`
    > status
    < READONLY
    > status UP
    < END
    restart
    > status
    < UP`);
  expect(conversation.disk.readFile("elsewhere/status")?.toString()).toBe("up\n");
});

test("a disk that can't keep it: the client hears so, and nothing has changed", async () => {
  await using conversation = await Conversation.start({});
  conversation.disk.fault = () => {
    throw systemError("ENOSPC", "status");
  };
  await conversation.hold(`
    > status READONLY
    < SERVER_ERROR the status cannot be kept: ENOSPC: status
    > status
    < UP`);
});

test("without a folder it is kept in memory", async () => {
  await using server = await KestrelServer.start({ queuePath: null, memcachePort: 0 });
  server.status.announce("quiescent");
  expect(server.status.enforced).toBe("quiescent");
});

test("binary: 0x86", async () => {
  await using server = await KestrelServer.start({ queuePath: null, memcachePort: 0 });
  server.status.announce("quiescent");
  const socket = connect(server.listeners.memcache!.port, "127.0.0.1");
  const get = Buffer.alloc(25);
  get.writeUInt8(0x80, 0);
  get.writeUInt16BE(1, 2);
  get.writeUInt32BE(1, 8);
  get.write("q", 24);
  socket.write(get);
  const [answer] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  expect(answer.readUInt8(0)).toBe(0x81);
  expect(answer.readUInt16BE(6)).toBe(0x86);
});
