/**
 * Every operation of every protocol, tried over the wire by nobody, by those who have every other right, and by
 * those who have the right one. What is refused has changed nothing.
 */
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { commands as asciiCommands } from "../protocol/memcache/ascii-commands.ts";
import { operations as binaryOperations } from "../protocol/memcache/binary-frame.ts";
import { commands as textCommands } from "../protocol/text/text-commands.ts";
import { methods } from "../protocol/thrift/methods.ts";
import { KestrelServer } from "../server.ts";
import { QueueRules } from "../settings/queue-rules.ts";
import { readAnswerFrames, requestFrame, saslFrame } from "../testing/binary-frame.ts";
import { makeUser } from "../testing/quick-passwords.ts";
import { call, frameOf, int64, readAnswers, thrift, type Writer } from "../testing/thrift-library.ts";

/** Who is let in with it: those with that right, all users, or everybody. */
type Need = "put" | "get" | "admin" | "user" | "none";
type Door = "memcache" | "text" | "thrift";

const queue = "orders";
const rules = new QueueRules({ aliases: [["all", [queue, "mail"]]] });
/** Each has one right, and all that goes with it; nobody has none. */
const names = ["nobody", "put", "get", "admin"] as const;
type Name = (typeof names)[number];
const users = await Promise.all([
  makeUser("put", "put secret", { put: [queue, "mail"] }),
  makeUser("get", "get secret", { get: [queue, "mail"] }),
  makeUser("admin", "admin secret", { admin: true, put: [`${queue}+*`], get: ["other"] }),
]);

let server: KestrelServer;
afterEach(() => server?.stop());

async function start(): Promise<void> {
  server = await KestrelServer.start({
    queuePath: null,
    memcachePort: 0,
    textPort: 0,
    thriftPort: 0,
    adminPort: 0,
    rules,
    users,
    loadSettings: async () => ({ queues: rules }),
  });
  await server.queues.put(queue, "first");
}

/** Says this and no more; gives all that comes back. */
function converse(door: Door, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: server.listeners[door]!.port, allowHalfOpen: true });
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("end", () => {
      socket.destroy();
      resolve(Buffer.concat(chunks));
    });
    socket.end(bytes);
  });
}

function isLetIn(name: Name, need: Need): boolean {
  return need === "none" || (name !== "nobody" && (need === "user" || need === name));
}

/** What nobody was allowed to change. */
async function expectUntouched(): Promise<void> {
  expect(server.stopping.aborted).toBe(false);
  expect(server.status.announced).toBe("up");
  expect(server.queues.names()).toEqual([queue]);
  expect((await server.queues.get(queue))?.data.toString()).toBe("first");
  expect(await server.queues.get(queue)).toBeNull();
}

type Row = readonly [what: string, need: Need, bytes: Buffer | (() => Promise<Buffer>)];

interface Protocol {
  readonly door: Door;
  authenticate(user: string, password: string): Buffer;
  /** Why the last one was refused; null: it wasn't. Throws when the first one, if there are two, was. */
  refusalIn(answer: Buffer, isAuthenticated: boolean): "unauthenticated" | "forbidden" | null;
}

function tryEach(protocol: Protocol, rows: readonly Row[]): void {
  describe.each(names)("%s", (name) => {
    test.each(rows)("%s", async (_, need, bytes) => {
      await start();
      const request = typeof bytes === "function" ? await bytes() : bytes;
      const first = name === "nobody" ? [] : [protocol.authenticate(name, `${name} secret`)];
      const answer = await converse(protocol.door, Buffer.concat([...first, request]));
      const refusal = protocol.refusalIn(answer, name !== "nobody");
      if (isLetIn(name, need)) {
        expect(refusal).toBeNull();
      } else {
        expect(refusal).toBe(name === "nobody" ? "unauthenticated" : "forbidden");
        if (typeof bytes !== "function") await expectUntouched();
      }
    });
  });
}

const line = (text: string): Buffer => Buffer.from(text.replaceAll("\n", "\r\n"));
const asciiRow = (text: string, need: Need): Row => [JSON.stringify(text), need, line(text)];

describe("memcache, ASCII", () => {
  const rows: Row[] = [
    asciiRow(`set ${queue} 0 0 1\ny\n`, "put"),
    asciiRow("set all 0 0 1\ny\n", "put"),
    ...["", "/open", "/close", "/close/open", "/abort", "/peek", "/t=1", "/open/t=1"].map((options) =>
      asciiRow(`get ${queue}${options}\n`, "get"),
    ),
    asciiRow(`gets ${queue}\n`, "get"),
    asciiRow(`get mail ${queue}\n`, "get"),
    asciiRow("get all\n", "get"),
    asciiRow(`monitor ${queue} 0 1\n`, "get"),
    asciiRow(`confirm ${queue} 1\n`, "get"),
    ...[`flush ${queue}`, "flush_all", `delete ${queue}`, `flush_expired ${queue}`, "flush_all_expired"].map(
      (text) => asciiRow(`${text}\n`, "admin"),
    ),
    ...["status READONLY", "reload", "shutdown"].map((text) => asciiRow(`${text}\n`, "admin")),
    ...["stats", `dump_stats ${queue}`, "dump_stats", "dump_config", "status", "verbosity 1"].map((text) =>
      asciiRow(`${text}\n`, "user"),
    ),
    ...["add", "replace", "append", "prepend", "cas"].map((verb) =>
      asciiRow(`${verb} ${queue} 0 0 1\ny\n`, "user"),
    ),
    asciiRow("nonsense\n", "user"),
    asciiRow("\n", "user"),
    asciiRow("version\n", "none"),
    asciiRow("quit\n", "none"),
  ];

  test("is all here", () => {
    const verbs = rows.map(([what]) => JSON.parse(what).split(/[ \n]/)[0]);
    expect(verbs).toEqual(expect.arrayContaining(Object.keys(asciiCommands)));
  });

  tryEach(
    {
      door: "memcache",
      authenticate(user, password) {
        const data = `${user} ${password}`;
        return line(`set anything 0 0 ${data.length}\n${data}\n`);
      },
      refusalIn(answer, isAuthenticated) {
        let text = answer.toString();
        if (isAuthenticated) {
          expect(text.startsWith("STORED\r\n")).toBe(true);
          text = text.slice("STORED\r\n".length);
        }
        if (/^CLIENT_ERROR unauthenticated\r\n$/.test(text)) return "unauthenticated";
        // Where nobody can be told apart from a bad set: it was taken for an authentication, and that failed.
        if (/^CLIENT_ERROR authentication failure\r\n$/.test(text)) return "unauthenticated";
        return /^CLIENT_ERROR not allowed[^\r\n]*\r\n/.test(text) ? "forbidden" : null;
      },
    },
    rows,
  );
});

describe("memcache, binary", () => {
  const keyed: Record<string, Need> = { get: "get", put: "put", delete: "admin" };
  const plain: Record<string, Need> = { "flush-all": "admin", version: "none", quit: "none" };
  const rows = binaryOperations.flatMap((operation, opcode): Row[] => {
    const name = `0x${opcode.toString(16)} ${operation?.action ?? "unknown"}`;
    if (operation === undefined) return opcode < 0x30 ? [[name, "user", requestFrame({ opcode })]] : [];
    const { action, extrasSizes } = operation;
    const extras = "00".repeat(extrasSizes[0]!);
    const value = operation.hasValue ? "y" : "";
    if (action in keyed) return [[name, keyed[action]!, requestFrame({ opcode, extras, key: queue, value })]];
    if (action.startsWith("sasl"))
      return action === "sasl-list" ? [[name, "none", requestFrame({ opcode })]] : [];
    return [[name, plain[action] ?? "user", requestFrame({ opcode, extras })]];
  });
  rows.push(
    ["an alias", "put", requestFrame({ opcode: 1, extras: "00".repeat(8), key: "all", value: "y" })],
    ["a reliable read", "get", requestFrame({ opcode: 0, key: `${queue}/open/t=1` })],
    ["a quiet get", "get", requestFrame({ opcode: 0x0d, key: `${queue}/peek` })],
    ["stats with a key", "user", requestFrame({ opcode: 0x10, key: "items" })],
  );

  tryEach(
    {
      door: "memcache",
      authenticate: saslFrame,
      refusalIn(answer, isAuthenticated) {
        const answers = readAnswerFrames(answer);
        if (isAuthenticated) {
          expect(answers.shift()).toEqual({ opcode: 0x21, status: 0, value: "Authenticated" });
        }
        const { status } = answers.at(-1) ?? { status: 0 };
        return status === 0x20 ? "unauthenticated" : status === 0x08 ? "forbidden" : null;
      },
    },
    rows,
  );
});

describe("text", () => {
  const row = (text: string, need: Need): Row => [JSON.stringify(text), need, Buffer.from(text)];
  const rows: Row[] = [
    row(`put ${queue}:\ny\n\n`, "put"),
    row("put all:\ny\n\n", "put"),
    row(`get ${queue}\n`, "get"),
    row(`peek ${queue}\n`, "get"),
    row(`monitor ${queue} 0\n`, "get"),
    row(`confirm ${queue} 1\n`, "get"),
    row(`flush ${queue}\n`, "admin"),
    row(`delete ${queue}\n`, "admin"),
    row("status READONLY\n", "admin"),
    row("shutdown\n", "admin"),
    row("status\n", "user"),
    row("put\n", "user"),
    row("nonsense\n", "user"),
    row("\n", "user"),
    row("version\n", "none"),
    row("quit\n", "none"),
  ];

  test("is all here", () => {
    const verbs = rows.map(([what]) => JSON.parse(what).split(/[ \n]/)[0]);
    expect(verbs).toEqual(expect.arrayContaining(Object.keys(textCommands)));
  });

  tryEach(
    {
      door: "text",
      authenticate: (user, password) => Buffer.from(`auth ${user} ${password}\n`),
      refusalIn(answer, isAuthenticated) {
        const lines = answer.toString().split("\n");
        if (isAuthenticated) expect(lines.shift()).toBe("+0");
        if (lines[0] === "-Not authenticated.") return "unauthenticated";
        return lines[0]!.startsWith("-not allowed") ? "forbidden" : null;
      },
    },
    rows,
  );
});

describe("thrift", () => {
  const { Type } = thrift.Thrift;
  const text = (to: Writer, id: number, value: string): void => {
    to.writeFieldBegin!("", Type.STRING, id);
    to.writeString!(value);
  };
  const number = (to: Writer, id: number, value: number): void => {
    to.writeFieldBegin!("", Type.I32, id);
    to.writeI32!(value);
  };
  const frame = (name: string, write?: (to: Writer) => void): Buffer => frameOf(name, call, 7, write);
  const onQueue = (name: string): Buffer => frame(name, (to) => text(to, 1, queue));
  const put = (to: Writer): void => {
    to.writeFieldBegin!("", Type.LIST, 2);
    to.writeListBegin!(Type.STRING, 1);
    to.writeString!("y");
  };
  const authenticate = (user: string, password: string): Buffer =>
    frame("authenticate", (to) => {
      text(to, 1, user);
      text(to, 2, password);
    });
  const openByGet = frame("get", (to) => {
    text(to, 1, queue);
    number(to, 2, 1);
    number(to, 4, 60_000);
  });
  /** A call about an item that one with the right has open. */
  const onLent = (name: string) => async (): Promise<Buffer> => {
    const answer = await converse("thrift", Buffer.concat([authenticate("get", "get secret"), openByGet]));
    // The id is the last thing of the only item: 8 bytes, and the ends of two structs.
    const id = answer.subarray(answer.length - 10, answer.length - 2);
    return frame(name, (to) => {
      text(to, 1, "other");
      to.writeFieldBegin!("", Type.SET, 2);
      to.writeSetBegin!(Type.I64, 1);
      to.writeI64!(int64(id.toString("hex")));
    });
  };
  const rows: Row[] = [
    [
      "put",
      "put",
      frame("put", (to) => {
        text(to, 1, queue);
        put(to);
      }),
    ],
    [
      "put into an alias",
      "put",
      frame("put", (to) => {
        text(to, 1, "all");
        put(to);
      }),
    ],
    [
      "get",
      "get",
      frame("get", (to) => {
        text(to, 1, queue);
        number(to, 2, 1);
      }),
    ],
    ["get with auto-abort", "get", openByGet],
    ["confirm", "get", onLent("confirm")],
    ["abort", "get", onLent("abort")],
    ["peek", "get", onQueue("peek")],
    ["flush_queue", "admin", onQueue("flush_queue")],
    ["flush_all_queues", "admin", frame("flush_all_queues")],
    ["delete_queue", "admin", onQueue("delete_queue")],
    ["set_status", "admin", frame("set_status", (to) => number(to, 1, 2))],
    ["current_status", "user", frame("current_status")],
    ["get_version", "none", frame("get_version")],
    ["get_stats", "user", onQueue("get_stats")],
  ];

  test("what is lent stays lent, whoever without the right says that it is done", async () => {
    await start();
    const confirm = await onLent("confirm")();
    const getter = authenticate("get", "get secret");
    await converse("thrift", confirm);
    await converse("thrift", Buffer.concat([authenticate("admin", "admin secret"), confirm]));
    const answer = await converse("thrift", Buffer.concat([getter, confirm]));
    // The number of those that were open, and the end of the struct.
    expect(answer.subarray(-5)).toEqual(Buffer.from([0, 0, 0, 1, 0]));
  });

  test("is all here", () => {
    const names = [...rows.map(([what]) => what), "authenticate"];
    expect(names).toEqual(expect.arrayContaining(methods.map(({ name }) => name)));
  });

  tryEach(
    {
      door: "thrift",
      authenticate,
      refusalIn(answer, isAuthenticated) {
        const answers = readAnswers(answer);
        if (isAuthenticated) {
          expect(answers.shift()).toEqual({ name: "authenticate", isException: false, sequenceId: 7 });
        }
        const { message = "" } = answers[0]!;
        if (message === "not authenticated") return "unauthenticated";
        return message.startsWith("not allowed") ? "forbidden" : null;
      },
    },
    rows,
  );
});
