/** What a request to the admin port is answered with, and how it gets onto the wire. */
import type { ServerResponse } from "node:http";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Pieces are made while they are sent: a long answer holds up nobody else, and fills no memory. */
  readonly body: string | Buffer | Iterable<string>;
}

/** A request that can't be carried out: its status and a sentence for people. */
export class HttpError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = "HttpError";
    this.status = status;
    this.headers = headers;
  }
}

const jsonType = "application/json; charset=utf-8";
const textType = "text/plain; charset=utf-8";

/** For everything: nobody is to guess types, frame the page, load answers into theirs, or learn where one was. */
const commonHeaders: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { "content-type": jsonType, ...headers }, body: `${JSON.stringify(value)}\n` };
}

export function jsonPieces(body: Iterable<string>): Answer {
  return { status: 200, headers: { "content-type": jsonType }, body };
}

export function text(body: string | Iterable<string>, type: string = textType): Answer {
  return { status: 200, headers: { "content-type": type }, body };
}

export function refusal({ status, message, headers }: HttpError): Answer {
  return json({ error: message }, status, headers);
}

/** Sends an answer; resolves when it has been handed over, or when the client is gone. */
export async function send(response: ServerResponse, answer: Answer): Promise<void> {
  const { status, headers, body } = answer;
  for (const [name, value] of Object.entries({ ...commonHeaders, ...headers }))
    response.setHeader(name, value);
  response.statusCode = status;
  if (typeof body === "string" || Buffer.isBuffer(body)) {
    if (status !== 304) response.setHeader("content-length", Buffer.byteLength(body));
    response.end(body);
  } else if (response.req.method === "HEAD") {
    response.end();
  } else {
    await sendPieces(response, body);
  }
}

/** Of a long answer, so much is made before others get their turn. */
const sliceBytes = 32 * 1024;
const sliceMs = 2;

async function sendPieces(response: ServerResponse, pieces: Iterable<string>): Promise<void> {
  let slice = "";
  let began = performance.now();
  for (const piece of pieces) {
    slice += piece;
    if (slice.length < sliceBytes && performance.now() - began < sliceMs) continue;
    if (response.destroyed) return;
    const isTaken = response.write(slice);
    slice = "";
    if (!isTaken) await drained(response);
    await new Promise((resolve) => setImmediate(resolve));
    began = performance.now();
  }
  response.end(slice);
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off("drain", settle);
      response.off("close", settle);
      resolve();
    };
    response.on("drain", settle);
    response.on("close", settle);
  });
}
