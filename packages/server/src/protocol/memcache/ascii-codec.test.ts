import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TestPort, type TestPortOptions } from "../../testing/fake-connection.ts";
import { bytewise, cutAt, cutsOf } from "../../testing/pieces.ts";

/** What a client sends, and all that comes back. */
type Case = readonly [name: string, sent: string, answers: string];

const lives = "version\r\n";
const alive = "VERSION 3.0.0\r\n";

const storing: Case[] = [
  [
    "set and get",
    "set q 0 0 3\r\nabc\r\nget q\r\nget q\r\n",
    "STORED\r\nVALUE q 0 3\r\nabc\r\nEND\r\nEND\r\n",
  ],
  ["bare line feeds", "set q 0 0 3\nabc\nget q\n", "STORED\r\nVALUE q 0 3\r\nabc\r\nEND\r\n"],
  ["capitals", "SET q 0 0 1\r\na\r\nGet q\r\nGET Q\r\n", "STORED\r\nVALUE q 0 1\r\na\r\nEND\r\nEND\r\n"],
  ["an empty item", "set q 0 0 0\r\n\r\nget q\r\n", "STORED\r\nVALUE q 0 0\r\n\r\nEND\r\n"],
  [
    "line ends in data",
    "set q 0 0 6\r\n\r\nget\n\r\nget q\r\n",
    "STORED\r\nVALUE q 0 6\r\n\r\nget\n\r\nEND\r\n",
  ],
  ["flags", "set q 4294967295 0 1\r\na\r\nget q\r\n", "STORED\r\nVALUE q 4294967295 1\r\na\r\nEND\r\n"],
  ["several spaces", "set  q  0 0   1 \r\na\r\nget  q \r\n", "STORED\r\nVALUE q 0 1\r\na\r\nEND\r\n"],
  [
    "ids",
    "set q 0 0 1\r\na\r\nset q 7 0 1\r\nb\r\ngets q q\r\n",
    "STORED\r\nSTORED\r\nVALUE q 0 1 1\r\na\r\nVALUE q 7 1 2\r\nb\r\nEND\r\n",
  ],
  [
    "several keys",
    "set a 0 0 1\r\nA\r\nset c 0 0 1\r\nC\r\nget a b c\r\n",
    "STORED\r\nSTORED\r\nVALUE a 0 1\r\nA\r\nVALUE c 0 1\r\nC\r\nEND\r\n",
  ],
  [
    "noreply",
    "set q 0 0 1 noreply\r\na\r\nget q\r\ndelete q noreply\r\nflush_all 0 noreply\r\n",
    "VALUE q 0 1\r\na\r\nEND\r\n",
  ],
  [
    "UTF-8",
    "set gr\xc3\xbcn 0 0 1\r\na\r\nget gr\xc3\xbcn\r\n",
    "STORED\r\nVALUE gr\xc3\xbcn 0 1\r\na\r\nEND\r\n",
  ],
  ["expired already", "set q 0 -1 1\r\na\r\nget q\r\n", "STORED\r\nEND\r\n"],
  ["expired long ago", "set q 0 1000000 1\r\na\r\nget q\r\n", "STORED\r\nEND\r\n"],
  ["not expired yet", "set q 0 999999 1\r\na\r\nget q\r\n", "STORED\r\nVALUE q 0 1\r\na\r\nEND\r\n"],
];

const reading: Case[] = [
  [
    "open and close",
    "set q 0 0 1\r\na\r\nset q 0 0 1\r\nb\r\nget q/open\r\nget q/close/open\r\nget q/close\r\nget q\r\n",
    "STORED\r\nSTORED\r\nVALUE q 0 1\r\na\r\nEND\r\nVALUE q 0 1\r\nb\r\nEND\r\nEND\r\nEND\r\n",
  ],
  [
    "options in any order, unknown ones among them",
    "set q 0 0 1\r\na\r\nget q/t=10/x=1/open/close\r\nget q/zzz/close\r\n",
    "STORED\r\nVALUE q 0 1\r\na\r\nEND\r\nEND\r\n",
  ],
  [
    "abort",
    "set q 0 0 1\r\na\r\nget q/open\r\nget q/abort\r\nget q/abort\r\nget q\r\n",
    "STORED\r\nVALUE q 0 1\r\na\r\nEND\r\nEND\r\nEND\r\nVALUE q 0 1\r\na\r\nEND\r\n",
  ],
  [
    "peek",
    "set q 0 0 1\r\na\r\nget q/peek\r\nget q/open\r\nget q/peek\r\n",
    "STORED\r\nVALUE q 0 1\r\na\r\nEND\r\nVALUE q 0 1\r\na\r\nEND\r\nEND\r\n",
  ],
  ["no wait", "get q/t=0\r\nget q/t=-5\r\n", "END\r\nEND\r\n"],
  [
    "confirm",
    "set q 0 0 1\r\na\r\nget q/open\r\nconfirm q 5\r\nconfirm q 1\r\nconfirm none 1\r\n",
    "STORED\r\nVALUE q 0 1\r\na\r\nEND\r\nEND\r\nERROR\r\nERROR\r\n",
  ],
  [
    "a monitor that is full",
    "set q 0 0 1\r\na\r\nset q 0 0 1\r\nb\r\nmonitor q 10\r\nget q/close\r\nget q\r\n",
    "STORED\r\nSTORED\r\nVALUE q 0 1\r\na\r\nEND\r\nEND\r\nEND\r\nVALUE q 0 1\r\nb\r\nEND\r\n",
  ],
  [
    "a monitor of no time, and of no items",
    "set q 0 0 1\r\na\r\nmonitor q 0\r\nmonitor q 10 0\r\nget q\r\n",
    "STORED\r\nEND\r\nEND\r\nVALUE q 0 1\r\na\r\nEND\r\n",
  ],
];

const managing: Case[] = [
  ["flush", "set q 0 0 1\r\na\r\nflush q\r\nget q\r\nflush none\r\n", "STORED\r\nEND\r\nEND\r\nEND\r\n"],
  ["flush_all", "set q 0 0 1\r\na\r\nflush_all\r\nget q\r\n", "STORED\r\nFlushed all queues.\r\nEND\r\n"],
  [
    "delete",
    "set q 0 0 1\r\na\r\ndelete q\r\nget q\r\ndelete none\r\ndelete none 0\r\n",
    "STORED\r\nDELETED\r\nEND\r\nDELETED\r\nDELETED\r\n",
  ],
  [
    "flush_expired",
    "set q 0 -1 1\r\na\r\nset r 0 -1 1\r\na\r\nflush_expired q\r\nflush_all_expired\r\nflush_expired none\r\n",
    "STORED\r\nSTORED\r\n1\r\n1\r\n0\r\n",
  ],
  [
    "version, verbosity",
    "version\r\nVERSION x\r\nverbosity 1\r\nverbosity\r\nverbosity 1 noreply\r\n",
    "VERSION 3.0.0\r\nVERSION 3.0.0\r\nOK\r\nCLIENT_ERROR\r\n",
  ],
  ["status", "status\r\nstatus UP\r\n", "UP\r\nEND\r\n"],
  ["reload", "reload\r\n", "Reloaded config.\r\n"],
  ["statistics of no queue", "dump_stats none\r\ndump_config\r\n", "END\r\nEND\r\n"],
];

/** Refused, and the connection lives. */
const refused: Case[] = [
  [
    "a name with a slash in a put",
    "set q/x 0 0 7\r\nget q\r\n\r\n",
    "CLIENT_ERROR a queue's name has none of / ~ .\r\n",
  ],
  [
    "a forbidden name in a get",
    "get a.b\r\nget x a~b y\r\n",
    "CLIENT_ERROR a queue's name has none of / ~ .\r\n".repeat(2),
  ],
  [
    "a name that nothing can be done to",
    "flush a.b\r\ndelete q/open\r\nflush_expired a~b\r\ndelete a.b noreply\r\n",
    "CLIENT_ERROR a queue's name has none of / ~ .\r\n".repeat(3),
  ],
  [
    "a control character",
    "get a\tb\r\n",
    "CLIENT_ERROR a queue's name has no white space and no control characters\r\n",
  ],
  [
    "a name that is too long",
    `set ${"n".repeat(251)} 0 0 1\r\na\r\n`,
    "CLIENT_ERROR a queue's name has at most 250 bytes\r\n",
  ],
  [
    "a name that is no UTF-8",
    "set \xff\xfe 0 0 4\r\nquit\r\nget \xff\r\nmonitor \xff 1\r\n",
    "CLIENT_ERROR a queue's name is UTF-8\r\n".repeat(3),
  ],
  [
    "an item that is too large",
    `set q 0 0 2000\r\n${"get q\r\n".padStart(2000)}\r\nget q\r\n`,
    "SERVER_ERROR object too large for cache\r\nEND\r\n",
  ],
  [
    "such an item, noreply",
    `set q 0 0 2000 noreply\r\n${"get q\r\n".padStart(2000)}\r\nget q\r\n`,
    "END\r\n",
  ],
  [
    "missing and bad arguments",
    "get\r\nflush\r\ndelete\r\nconfirm q\r\nconfirm q x\r\nmonitor q\r\nmonitor q 1 x\r\nquit now\r\n",
    "CLIENT_ERROR\r\n".repeat(8),
  ],
];

/** The last answer of a connection. */
const ending: Case[] = [
  ["an unknown command", "nonsense\r\n", "CLIENT_ERROR\r\n"],
  ["an empty line", "\r\n", "CLIENT_ERROR\r\n"],
  ["quit", "quit\r\n", ""],
  ["an unknown status", "status SIDEWAYS\r\n", "CLIENT_ERROR\r\n"],
  ["storage commands that are not ours", "add q 0 0 6\r\nget q\n\r\n", "CLIENT_ERROR\r\n"],
  ["cas", "cas q 0 0 6 123\r\nget q\n\r\n", "CLIENT_ERROR\r\n"],
  ["append without a size", "append q 0 0\r\n", "CLIENT_ERROR\r\n"],
  ["a put without a size", "set q 0 0\r\n", "CLIENT_ERROR\r\n"],
  ["a put with a bad size", "set q 0 0 -1\r\n", "CLIENT_ERROR\r\n"],
  ["a put with an absurd size", "set q 0 0 99999999999999\r\n", "CLIENT_ERROR\r\n"],
  ["a put with bad flags", "set q x 0 1\r\n", "CLIENT_ERROR\r\n"],
  ["a body longer than announced", "set q 0 0 1\r\nabc\r\n", "CLIENT_ERROR bad data chunk\r\n"],
  ["a line that is too long", `get ${"x".repeat(20_000)}`, "CLIENT_ERROR line too long\r\n"],
  ["no queue", "get /open\r\n", "CLIENT_ERROR\r\n"],
  ["open with peek", "get q/peek/open\r\n", "CLIENT_ERROR\r\n"],
  ["close with abort", "get q/close/abort\r\n", "CLIENT_ERROR\r\n"],
  ["peek with abort", "get q/peek/abort\r\n", "CLIENT_ERROR\r\n"],
  ["a time that is no number", "get q/t=soon\r\n", "CLIENT_ERROR\r\n"],
  [
    "a plain get while a read is open",
    "set q 0 0 1\r\na\r\nget q/open\r\nget q\r\n",
    "STORED\r\nVALUE q 0 1\r\na\r\nEND\r\nERROR\r\n",
  ],
  [
    "too many open reads",
    "set q 0 0 1\r\na\r\nget q/open\r\nget q/open\r\n",
    "STORED\r\nVALUE q 0 1\r\na\r\nEND\r\nERROR\r\n",
  ],
  ["a web browser", "GET / HTTP/1.1\r\nHost: q\r\n\r\n", "CLIENT_ERROR\r\n"],
];

const cases: Case[] = [
  ...[...storing, ...reading, ...managing, ...refused].map(
    ([name, sent, answers]): Case => [name, sent + lives, answers + alive],
  ),
  ...ending.map(([name, sent, answers]): Case => [name, `${sent}${lives}`, answers]),
];

const options: TestPortOptions = { limits: { itemBytesMax: 1000 } };

/** All answers to these pieces on a node of their own. */
async function answersTo(pieces: readonly Buffer[]): Promise<string> {
  const port = await TestPort.start(options);
  const client = port.connect();
  for (const piece of pieces) client.send(piece);
  const answers = await client.hear();
  const isClosed = client.socket.isEnded;
  await port.node.stop();
  return isClosed ? `${answers}closed` : answers;
}

const expected = (answers: string): string => (answers.endsWith(alive) ? answers : `${answers}closed`);

describe.each(cases)("%s", (_name, sent, answers) => {
  const bytes = Buffer.from(sent, "latin1");

  test("in one piece", async () => {
    expect(await answersTo([bytes])).toBe(expected(answers));
  });

  test("byte by byte", async () => {
    expect(await answersTo(bytewise(bytes))).toBe(expected(answers));
  });
});

test("a conversation cut at any place is the same conversation", async () => {
  const [, sent, answers] = cases.find(([name]) => name === "open and close")!;
  for (const pieces of cutsOf(Buffer.from(sent))) expect(await answersTo(pieces)).toBe(expected(answers));
});

test("any conversation, cut in any places, is the same conversation", async () => {
  const living = cases.filter(([, , answers]) => answers.endsWith(alive));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...living), { minLength: 1, maxLength: 6 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
      async (conversation, shares) => {
        const bytes = Buffer.from(conversation.map(([, sent]) => sent).join(""), "latin1");
        expect(await answersTo(cutAt(bytes, shares))).toBe(await answersTo([bytes]));
      },
    ),
    { numRuns: 60 },
  );
});

test("expiry: below a million seconds from now, else since the epoch", async () => {
  const port = await TestPort.start();
  const client = port.connect();
  const inAMinute = Math.floor(port.node.clock.now() / 1000) + 60;
  await client.talk(`set q 0 59 1\r\na\r\nset q 0 ${inAMinute} 1\r\nb\r\nset q 0 0 1\r\nc\r\n`);
  port.node.clock.advance(59_000);
  expect(await client.talk("get q/peek\r\n")).toBe("VALUE q 0 1\r\nb\r\nEND\r\n");
  port.node.clock.advance(1_000);
  expect(await client.talk("get q\r\n")).toBe("VALUE q 0 1\r\nc\r\nEND\r\n");
  await port.node.stop();
});

test("stats: every name of Kestrel's list, in its order", async () => {
  const port = await TestPort.start();
  const client = port.connect();
  await client.talk("set q 0 0 3\r\nabc\r\nget q/peek\r\nget none\r\n");
  const lines = (await client.talk("stats\r\n")).split("\r\n");
  expect(lines.slice(-2)).toEqual(["END", ""]);
  const stats = new Map(lines.slice(0, -2).map((line) => line.split(" ").slice(1) as [string, string]));
  expect([...stats.keys()].slice(0, 19)).toEqual(
    (
      "uptime time version curr_items total_items bytes reserved_memory_ratio curr_connections total_connections " +
      "cmd_get cmd_set cmd_peek get_hits get_misses bytes_read bytes_written queue_creates queue_deletes queue_expires"
    ).split(" "),
  );
  expect(Object.fromEntries(stats)).toMatchObject({
    curr_items: "1",
    total_items: "1",
    bytes: "3",
    cmd_get: "1",
    cmd_set: "1",
    cmd_peek: "1",
    get_hits: "1",
    get_misses: "1",
    queue_creates: "2",
    queue_q_items: "1",
    queue_none_items: "0",
  });
  const dump = await client.talk("dump_stats q\r\n");
  expect(dump).toMatch(/^queue 'q' \{\r\n {2}items=1\r\n {2}bytes=3\r\n( {2}\w+=\d+\r\n)+\}\r\nEND\r\n$/);
  await port.node.stop();
});

test("reload waits for the file, and says what is wrong with it", async () => {
  const port = await TestPort.start();
  const client = port.connect();
  port.reload = () => Promise.reject(new Error("kestrel.json: maxItems: expected\r\na number"));
  expect(await client.talk("reload\r\nversion\r\n")).toBe(
    "SERVER_ERROR kestrel.json: maxItems: expected??a number\r\nVERSION 3.0.0\r\n",
  );
  await port.node.stop();
});

test("shutdown reaches the server, and the connection closes without a word", async () => {
  const port = await TestPort.start();
  const client = port.connect();
  expect(await client.talk("shutdown\r\nversion\r\n")).toBe("");
  expect(client.socket.isEnded).toBe(true);
  expect(port.asked).toEqual(["shutdown"]);
  await port.node.stop();
});
