/**
 * Conversations with a server, written down and replayed byte for byte.
 *
 *     # a comment
 *     > set hello 0 0 3          these bytes and CRLF are sent
 *     >| 12\n                    these bytes and nothing else
 *     < STORED                   these bytes and CRLF come back
 *     <| VALUE\s                 these bytes come back
 *     >> set key=q value=abc     a frame of the binary protocol, see frames.ts
 *     << set status=0 cas=*
 *     closed                     the server closes the connection, and sends nothing before
 *     hang up                    we end the connection at once
 *     b> get q/t=1000            the same on a second connection, named b
 *
 * Texts are written as notation.ts says; besides, in an answer `\d` stands for one or more digits, and `\*` for
 * what is left of the line.
 */

import { frameMatcher, parseFrame } from "./frames.ts";
import { readBytes } from "./notation.ts";
import { literal, type Matcher, Mismatch, type WireSession } from "./wire-session.ts";

interface Step {
  /** Line of the transcript, from 1. */
  line: number;
  connection: string;
  send?: Buffer;
  expect?: Matcher[];
  isClose?: boolean;
  isHangUp?: boolean;
}

/**
 * How a transcript is replayed: each line sent when it is its turn; all that one connection sends before another
 * one has its turn in one piece; or each byte in a packet of its own. The answers must be the same.
 */
export type Pace = "as written" | "glued together" | "byte by byte";

export const paces: readonly Pace[] = ["as written", "glued together", "byte by byte"];

/** Reads a transcript. Throws on a line that is none of the forms above. */
export function parseTranscript(text: string): Step[] {
  const steps: Step[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const form =
      /^(?<connection>\w*?)\s*(?<sign>>>|<<|>\||<\||>|<|closed$|hang up$)(?: (?<content>.*))?$/.exec(
        line,
      )?.groups;
    if (form === undefined) throw new Error(`line ${index + 1} of the transcript is not understood: ${line}`);
    steps.push({
      line: index + 1,
      connection: form.connection ?? "",
      ...parseContent(form.sign!, form.content ?? ""),
    });
  }
  return steps;
}

/** Replays a transcript. Throws with the transcript's line when an answer is not the expected one. */
export async function replay(
  steps: readonly Step[],
  pace: Pace,
  connect: () => Promise<WireSession>,
): Promise<void> {
  const sessions = new Map<string, WireSession>();
  try {
    for (const turn of pace === "glued together" ? glue(steps) : steps) {
      let session = sessions.get(turn.connection);
      if (session === undefined) sessions.set(turn.connection, (session = await connect()));
      await play(turn, pace, session);
    }
  } finally {
    for (const session of sessions.values()) await session[Symbol.asyncDispose]();
  }
}

async function play(step: Step, pace: Pace, session: WireSession): Promise<void> {
  try {
    if (step.send !== undefined) {
      if (pace === "byte by byte") await session.sendByteByByte(step.send);
      else session.send(step.send);
    }
    if (step.expect !== undefined) await session.expectMatch(step.expect);
    if (step.isClose) await session.expectClose();
    if (step.isHangUp) session.destroy();
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    throw new Mismatch(`line ${step.line} of the transcript, ${pace}: ${error.message}`);
  }
}

/** Puts all sends of a connection's turn before all its answers. */
function glue(steps: readonly Step[]): Step[] {
  const glued: Step[] = [];
  for (let i = 0; i < steps.length; ) {
    const { connection, line } = steps[i]!;
    const turn: Step[] = [];
    while (i < steps.length && steps[i]!.connection === connection) turn.push(steps[i++]!);
    glued.push({ connection, line, send: Buffer.concat(turn.flatMap((step) => step.send ?? [])) });
    glued.push(...turn.filter((step) => step.send === undefined));
  }
  return glued;
}

function parseContent(sign: string, content: string): Partial<Step> {
  switch (sign) {
    case ">":
      return { send: readBytes(`${content}\\r\\n`) };
    case ">|":
      return { send: readBytes(content) };
    case ">>":
      return { send: parseFrame(content) };
    case "<":
      return { expect: matchersOf(`${content}\\r\\n`) };
    case "<|":
      return { expect: matchersOf(content) };
    case "<<":
      return { expect: [frameMatcher(content)] };
    case "closed":
      return { isClose: true };
    default:
      return { isHangUp: true };
  }
}

function matchersOf(content: string): Matcher[] {
  return content
    .split(/(\\d|\\\*)/)
    .map((part) => (part === "\\d" ? digits : part === "\\*" ? restOfLine : literal(readBytes(part))));
}

const digits: Matcher = (received, offset) => {
  let end = offset;
  while (end < received.length && received[end]! >= 0x30 && received[end]! <= 0x39) end++;
  if (end === received.length) return undefined;
  if (end === offset) throw new Mismatch(`expected digits, received ${received.toString("latin1", offset)}`);
  return end;
};

const restOfLine: Matcher = (received, offset) => {
  const end = received.indexOf("\r\n", offset);
  return end < 0 ? undefined : end;
};
