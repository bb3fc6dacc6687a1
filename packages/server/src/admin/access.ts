/**
 * Who asks the admin port. Here every request is judged before anything else is done with it: whether it comes from
 * a page of another site, opened in an operator's browser, that reads queues or changes something; and whose it is.
 * What that user may do is the session's business, as for every protocol.
 */
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";
import type { Identity } from "../locks/identity.ts";
import type { Locks } from "../locks/locks.ts";
import { isLoopback } from "../locks/loopback.ts";
import { HttpError } from "./answer.ts";

/** `read` shows something, `change` does something. */
export type Purpose = "read" | "change";

export class Access {
  readonly #locks: Locks;
  readonly #isLoopback: boolean;

  /** `address` is where the port listens. */
  constructor(address: string, locks: Locks) {
    this.#locks = locks;
    this.#isLoopback = isLoopback(address);
  }

  /** Who asks. Rejects with HttpError when this request must not be carried out. `isOpen`: anybody may ask it. */
  async admit(purpose: Purpose, request: IncomingMessage, isOpen: boolean): Promise<Identity> {
    this.#requireOwnHost(request);
    if (purpose === "change") requireOwnPage(request);
    return isOpen || !this.#locks.isLocked ? this.#locks.nobody : await this.#authenticate(request);
  }

  async #authenticate({ headers, socket }: IncomingMessage): Promise<Identity> {
    const [, scheme = "", value = ""] = /^(\w+) +(\S+) *$/.exec(headers.authorization ?? "") ?? [];
    const address = socket.remoteAddress ?? "";
    let identity: Identity | null = null;
    if (scheme.toLowerCase() === "bearer") {
      identity = await this.#locks.authenticateToken(value, address);
    } else if (scheme.toLowerCase() === "basic") {
      const words = Buffer.from(value, "base64");
      const colon = words.indexOf(":");
      const name = words.toString("utf8", 0, Math.max(0, colon));
      identity = await this.#locks.authenticate(name, words.subarray(colon + 1), address);
    }
    if (identity === null) throw new HttpError(401, "a user and a password are needed here", challenge);
    return identity;
  }

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

const challenge = { "www-authenticate": 'Basic realm="kestrel", charset="UTF-8"' };

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
