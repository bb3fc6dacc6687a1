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

/** One line without a line feed: what happened, and what to do about it if that can be guessed. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return oneLine(String(error));
  const advice = adviceFor(error);
  return oneLine(advice === undefined ? plain(error.message) : `${plain(error.message)}. ${advice}`);
}

/** The same for what one node by itself could not do, of which a client tells as of a cluster. */
export function explainOfNode(error: unknown): string {
  return explain(error).replace(/^nothing found, but some nodes could not be asked: /, "");
}

function adviceFor(error: Error): string | undefined {
  const causes = causesOf(error);
  if (codeOf(error) === "unauthorized" || error.name === "WireFailure") {
    const advice = accessAdvice(error.message);
    if (advice !== undefined) return advice;
  }
  const tls = tlsAdvice(error.message);
  if (tls !== undefined) return tls;
  switch (codeOf(causes.at(-1))) {
    case "ECONNREFUSED":
      return "Is it running? `kq serve` starts a node, --servers or KESTREL_SERVERS name others";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "There is no such host: check the names in --servers";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ETIMEDOUT":
      return "The host cannot be reached: check the network and --servers";
    default:
      break;
  }
  if (codeOf(error) === "unavailable" && /takes no/.test(error.message))
    return "`kq status` shows which nodes take what";
  // Of a node that fell silent it cannot be said whether it is a node at all.
  const isSilent = causes.some((cause) =>
    ["no-answer", "unreachable"].includes((cause as { kind?: string }).kind ?? ""),
  );
  return isSilent ? "Is that the memcache port of a node? A longer --timeout may help, too" : undefined;
}

function accessAdvice(message: string): string | undefined {
  if (/unauthenticated|not authenticated|authentication required/.test(message))
    return "The node has users: say who you are with --user and --password-file, or KESTREL_USER and KESTREL_PASSWORD";
  if (/authentication failure|credentials refused/.test(message))
    return "User or password is wrong: see --user and --password-file";
  return /not allowed/.test(message)
    ? "The user has no right to that: the node's settings say who has"
    : undefined;
}

function tlsAdvice(message: string): string | undefined {
  if (/certificate was not accepted: (Hostname|Host:|IP:|.*altnames)/.test(message))
    return "--tls-name says which name to expect";
  if (/certificate was not accepted/.test(message)) return "--tls-ca says whom to trust";
  if (/did not accept our certificate/.test(message))
    return "--tls-cert and --tls-key name one that it knows";
  return /(speaks no|instead of agreeing on) TLS/.test(message)
    ? "kq was asked for it by --tls or KESTREL_TLS"
    : undefined;
}

/** The error and what lies behind it, outermost first. */
function causesOf(error: Error): Error[] {
  const causes = [error];
  for (let inner = error.cause; inner instanceof Error && causes.length < 10; inner = inner.cause)
    causes.push(inner);
  return causes;
}

/** The system's words for what a user meets often, in ours. */
function plain(message: string): string {
  return message
    .replaceAll(/connect ECONNREFUSED [^\s;]+/g, "connection refused")
    .replaceAll(/getaddrinfo (ENOTFOUND|EAI_AGAIN) [^\s;]+/g, "unknown host");
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*[\r\n]+\s*/g, " ").trim();
}
