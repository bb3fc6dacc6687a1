/**
 * Errors in the words of somebody who wants to get on: one line, what happened and what to do about it.
 */
import type { KestrelClientError } from "@kestrel-mq/client";

/** The code of a client's or the system's error; undefined when it has none. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as Partial<KestrelClientError & NodeJS.ErrnoException>;
  return typeof code === "string" ? code : undefined;
}

/** One line without a line feed. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return oneLine(String(error));
  const advice = adviceFor(error);
  return oneLine(advice === undefined ? error.message : `${error.message}: ${advice}`);
}

function adviceFor(error: Error): string | undefined {
  switch (codeOf(innermost(error))) {
    case "ECONNREFUSED":
      return "is it running? `kq serve` starts one, --servers or KESTREL_SERVERS name others";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "no such host; check the names in --servers";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ETIMEDOUT":
      return "the host cannot be reached; check the network and --servers";
    default:
      break;
  }
  if (codeOf(error) === "unavailable") {
    return "the node's status forbids it; see `kq status`";
  }
  return undefined;
}

function innermost(error: Error): Error {
  let inner = error;
  for (let depth = 0; depth < 10 && inner.cause instanceof Error; depth++) inner = inner.cause;
  return inner;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*[\r\n]+\s*/g, " ").trim();
}
