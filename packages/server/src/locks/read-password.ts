/** A password from standard input: one line, which a terminal does not show. */
import { once } from "node:events";
import { passwordBytesMax } from "./password.ts";

interface Input extends NodeJS.ReadableStream {
  isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
}

const backspace = "\u007f";
const endOfText = "\u0003";
const endOfFile = "\u0004";

/** Rejects when there is none, or when it can't be one: the wires have no room for control characters. */
export async function readPassword(input: Input, prompts: NodeJS.WritableStream): Promise<Buffer> {
  const text = input.isTTY ? await readHidden(input, prompts) : await readLine(input);
  const password = Buffer.from(text);
  if (password.length === 0) throw new Error("there is no password on standard input");
  if (password.length > passwordBytesMax) {
    throw new Error(`a password has at most ${passwordBytesMax} bytes`);
  }
  if (/\p{Cc}/u.test(text)) throw new Error("a password is one line without control characters");
  return password;
}

/** All there is, without the line end behind it. */
async function readLine(input: Input): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk);
    chunks.push(bytes);
    size += bytes.length;
    if (size > passwordBytesMax + 2) break;
  }
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}

async function readHidden(input: Input, prompts: NodeJS.WritableStream): Promise<string> {
  prompts.write("password: ");
  input.setRawMode?.(true);
  input.setEncoding("utf8");
  input.resume();
  const typed: string[] = [];
  try {
    for (;;) {
      const [keys] = (await once(input, "data")) as [string];
      for (const key of keys) {
        if (key === "\r" || key === "\n" || key === endOfFile) return typed.join("");
        if (key === endOfText) throw new Error("interrupted");
        if (key === backspace) typed.pop();
        else typed.push(key);
      }
    }
  } finally {
    input.setRawMode?.(false);
    input.pause();
    prompts.write("\n");
  }
}
