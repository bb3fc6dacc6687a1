/** The body of a request to the admin port: JSON, and small. */
import type { IncomingMessage } from "node:http";
import { HttpError } from "./answer.ts";

const bodySizeMax = 16 * 1024;

/** Undefined for no body. Throws HttpError 413 when it is too long, 400 when it is no JSON or ends early. */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const declared = Number(request.headers["content-length"] ?? 0);
  if (declared > bodySizeMax) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > bodySizeMax) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(400, "the request has ended before its body");
  }
  const content = Buffer.concat(chunks).toString("utf8").trim();
  if (content === "") return undefined;
  try {
    return JSON.parse(content);
  } catch {
    throw new HttpError(400, "the body is not JSON");
  }
}

function tooLarge(): HttpError {
  return new HttpError(413, `the body is larger than ${bodySizeMax} bytes`, { connection: "close" });
}
