/**
 * Who may ask what of the admin port. Here every request is judged before anything else is done with it, and here
 * is the place where one is authenticated. What it guards against now: a page of another site, opened in an
 * operator's browser, that reads queues or changes something.
 */
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { HttpError } from "./answer.ts";

/** `read` shows something, `change` does something. */
export type Right = "read" | "change";

export class Access {
  readonly #isLoopback: boolean;

  /** `address` is where the port listens. */
  constructor(address: string) {
    this.#isLoopback = address === "::1" || address.startsWith("127.") || address === "localhost";
  }

  /** Throws HttpError when this request must not be carried out. */
  require(right: Right, request: IncomingMessage): void {
    this.#authenticate(request, right);
    this.#requireOwnHost(request);
    if (right === "change") requireOwnPage(request);
  }

  /** Whoever can connect may do everything: locks have their place here. */
  #authenticate(_request: IncomingMessage, _right: Right): void {}

  /**
   * A port for this machine alone is asked for by its own names alone. Another site's name that suddenly leads here
   * (DNS rebinding) would make that site's pages ours in the eyes of a browser.
   */
  #requireOwnHost({ headers }: IncomingMessage): void {
    if (!this.#isLoopback || headers.host === undefined) return;
    const name = hostNameOf(headers.host);
    const isOwn =
      isIP(name) !== 0 ||
      name === "localhost" ||
      name.endsWith(".localhost") ||
      name === hostname().toLowerCase();
    if (!isOwn) throw new HttpError(421, `this port listens on loopback, it is not ${name}`);
  }
}

/** `example.com` of `Example.com:2223`, `::1` of `[::1]:2223`. */
function hostNameOf(host: string): string {
  const name = host.startsWith("[") ? host.slice(1, host.indexOf("]")) : host.replace(/:\d*$/, "");
  return name.toLowerCase();
}

/** What a browser lets a foreign page send on its own looks different from what our page, or a tool, sends. */
function requireOwnPage({ headers }: IncomingMessage): void {
  const site = headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin" && site !== "none") throw foreign();
  const { origin, host } = headers;
  if (origin !== undefined && !isSameHost(origin, host)) throw foreign();
  const isJson = /^application\/json\s*(;|$)/i.test(headers["content-type"] ?? "");
  if (!isJson && headers["x-kestrel"] === undefined) {
    throw new HttpError(
      415,
      "changes need the header content-type: application/json, or x-kestrel with any value",
    );
  }
}

function isSameHost(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && host !== undefined && new URL(origin).host === host.toLowerCase();
}

function foreign(): HttpError {
  return new HttpError(403, "a page of another site must not change anything here");
}
