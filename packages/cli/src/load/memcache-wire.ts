/**
 * A load test's connection in the memcache ASCII protocol.
 */
import type { Credentials } from "../nodes/credentials.ts";
import { Exchange, excerpt, type ParseAnswer } from "./exchange.ts";
import { type OpenedItem, type Wire, WireFailure, type WireTarget } from "./wire.ts";

const crlf = "\r\n";
const lineMax = 1024;

export class MemcacheWire implements Wire {
  readonly #exchange: Exchange;

  private constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  static async connect(target: WireTarget): Promise<Wire> {
    const exchange = await Exchange.connect(target);
    if (target.credentials === undefined) return new MemcacheWire(exchange);
    const answer = await exchange.ask(logIn(target.credentials), 0, parseLine);
    if (answer === "STORED") return new MemcacheWire(exchange);
    exchange.destroy();
    if (answer.startsWith("CLIENT_ERROR auth"))
      throw new WireFailure(`${target.host}:${target.port}: authentication failure`);
    // The node has no users; whatever it made of this, another connection knows nothing of it.
    return new MemcacheWire(await Exchange.connect(target));
  }

  async put(queue: string, items: readonly Buffer[]): Promise<void> {
    const request = Buffer.concat(
      items.flatMap((data) => [
        Buffer.from(`set ${queue} 0 0 ${data.length}${crlf}`),
        data,
        Buffer.from(crlf),
      ]),
    );
    await this.#exchange.ask(request, 0, expectLines(items.length, "STORED"));
  }

  async take(queue: string, waitMs: number): Promise<Buffer | null> {
    const wait = waitMs > 0 ? `/t=${waitMs}` : "";
    const items = await this.#exchange.ask(`get ${queue}${wait}${crlf}`, waitMs, parseItems(queue, 1));
    return items[0] ?? null;
  }

  async open(queue: string, waitMs: number, lengthMax: number): Promise<OpenedItem[]> {
    const wait = waitMs > 0 ? `/t=${waitMs}` : "";
    const items =
      lengthMax === 1
        ? await this.#exchange.ask(`get ${queue}${wait}/open${crlf}`, waitMs, parseItems(queue, 1))
        : await this.#monitor(queue, waitMs, lengthMax);
    return items.map((data) => ({ data, id: null }));
  }

  async confirm(queue: string, items: readonly OpenedItem[]): Promise<void> {
    const request = items.length === 1 ? `get ${queue}/close` : `confirm ${queue} ${items.length}`;
    await this.#exchange.ask(`${request}${crlf}`, 0, expectLines(1, "END"));
  }

  async flush(queue: string): Promise<void> {
    await this.#exchange.ask(`flush ${queue}${crlf}`, 0, expectLines(1, "END"));
  }

  destroy(): void {
    this.#exchange.destroy();
  }

  /** The wait of a monitor is in whole seconds, and it goes on until all are there or the time is over. */
  #monitor(queue: string, waitMs: number, lengthMax: number): Promise<Buffer[]> {
    const seconds = Math.max(1, Math.ceil(waitMs / 1000));
    return this.#exchange.ask(
      `monitor ${queue} ${seconds} ${lengthMax}${crlf}`,
      seconds * 1000,
      parseMonitored(queue, lengthMax),
    );
  }
}

/** A `set` of user and password, as memcached has it; of a name that no queue can have, should there be no users. */
function logIn({ username, password }: Credentials): string {
  const data = `${username} ${password}`;
  return `set ~ 0 0 ${Buffer.byteLength(data)}${crlf}${data}${crlf}`;
}

const parseLine: ParseAnswer<string> = (received) => {
  const end = lineEnd(received, 0);
  return end === undefined ? undefined : { size: end + 2, value: received.toString("latin1", 0, end) };
};

function expectLines(length: number, wanted: string): ParseAnswer<void> {
  const answer = Buffer.from(`${wanted}${crlf}`.repeat(length));
  return (received) => {
    const size = Math.min(received.length, answer.length);
    if (received.compare(answer, 0, size, 0, size) !== 0) {
      throw new WireFailure(`${wanted} was expected, and ${excerpt(received)} came`);
    }
    return size < answer.length ? undefined : { size, value: undefined };
  };
}

/** `VALUE … END`, or `END` alone. */
function parseItems(queue: string, lengthMax: number): ParseAnswer<Buffer[]> {
  return (received) => {
    const items: Buffer[] = [];
    let offset = 0;
    for (;;) {
      const end = lineEnd(received, offset);
      if (end === undefined) return undefined;
      const line = received.toString("latin1", offset, end);
      if (line === "END") return { size: end + 2, value: items };
      const item = parseValue(received, line, end + 2, queue);
      if (item === undefined) return undefined;
      items.push(item.data);
      offset = item.end;
      if (items.length > lengthMax) throw new WireFailure(`more than ${lengthMax} items came`);
    }
  };
}

/** Each item as `VALUE … END`, then an `END` of its own. */
function parseMonitored(queue: string, lengthMax: number): ParseAnswer<Buffer[]> {
  const parseOne = parseItems(queue, 1);
  return (received) => {
    const items: Buffer[] = [];
    let offset = 0;
    for (;;) {
      const one = parseOne(received.subarray(offset));
      if (one === undefined) return undefined;
      offset += one.size;
      if (one.value.length === 0) return { size: offset, value: items };
      items.push(one.value[0]!);
      if (items.length > lengthMax) throw new WireFailure(`more than ${lengthMax} items came`);
    }
  };
}

function lineEnd(received: Buffer, offset: number): number | undefined {
  const end = received.indexOf(crlf, offset, "latin1");
  if (end !== -1) return end;
  if (received.length - offset > lineMax)
    throw new WireFailure(`no line: ${excerpt(received.subarray(offset))}`);
  return undefined;
}

function parseValue(
  received: Buffer,
  line: string,
  start: number,
  queue: string,
): { data: Buffer; end: number } | undefined {
  const [, name, size] = /^VALUE (\S+) \d+ (\d+)$/.exec(line) ?? [];
  if (name !== queue) throw new WireFailure(`an item of ${queue} was expected, and "${line}" came`);
  const end = start + Number(size);
  if (received.length < end + 2) return undefined;
  // The item is kept longer than what was received.
  return { data: Buffer.from(received.subarray(start, end)), end: end + 2 };
}
