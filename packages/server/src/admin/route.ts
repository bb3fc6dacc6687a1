/** Which handler a request is for, by method and path. Paths are decoded segment by segment. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Identity } from "../locks/identity.ts";
import { type Answer, HttpError } from "./answer.ts";

export interface AdminRequest {
  /** Who asks. */
  readonly identity: Identity;
  readonly method: Method;
  /** What stood in the place of `:name` in the route's path; empty when there is none. */
  readonly name: string;
  readonly query: URLSearchParams;
  readonly message: IncomingMessage;
  /** For a handler that takes it over and gives no answer. */
  readonly response: ServerResponse;
  /** Undefined when the request has none. Null, text and so on are left to the handler. */
  readonly body: unknown;
}

type Method = "GET" | "POST" | "DELETE";
/** Null: the handler has taken the response over. Throws HttpError or KestrelError. */
type Handler = (request: AdminRequest) => Answer | null | Promise<Answer>;

/** One path and what can be done with it. `:name` stands for any one segment. GET answers HEAD too. */
export interface Route {
  readonly path: string;
  /** Anybody may ask it. */
  readonly isOpen?: true;
  readonly GET?: Handler;
  readonly POST?: Handler;
  readonly DELETE?: Handler;
}

export interface Match {
  readonly handler: Handler;
  readonly isOpen: boolean;
  readonly method: Method;
  readonly name: string;
  readonly query: URLSearchParams;
}

const targetSizeMax = 4096;

export class Router {
  readonly #routes: readonly { segments: readonly string[]; route: Route }[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map((route) => ({ segments: route.path.split("/").slice(1), route }));
  }

  /** Throws HttpError: 404, 405 (with the methods that there are), or 400 when the path can't be read. */
  match(method: string, target: string): Match {
    if (target.length > targetSizeMax) throw new HttpError(414, "the address is too long");
    const mark = target.indexOf("?");
    const path = mark < 0 ? target : target.slice(0, mark);
    const query = new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1));
    const asked = path.split("/").slice(1).map(decode);
    for (const { segments, route } of this.#routes) {
      const name = matchSegments(segments, asked);
      if (name === undefined) continue;
      const known = method === "HEAD" ? "GET" : method;
      if (known === "GET" || known === "POST" || known === "DELETE") {
        const handler = route[known];
        if (handler !== undefined) {
          return { handler, isOpen: route.isOpen === true, method: known, name, query };
        }
      }
      throw new HttpError(405, `${method} is not for ${route.path}`, { allow: methodsOf(route).join(", ") });
    }
    throw new HttpError(404, "there is nothing here");
  }
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new HttpError(400, "the address is not properly encoded");
  }
}

/** The name in it, "" when the route has none; undefined when it is another route. */
function matchSegments(segments: readonly string[], asked: readonly string[]): string | undefined {
  if (segments.length !== asked.length) return undefined;
  let name = "";
  for (const [index, segment] of segments.entries()) {
    if (segment === ":name") name = asked[index]!;
    else if (segment !== asked[index]) return undefined;
  }
  return name;
}

function methodsOf(route: Route): string[] {
  const methods = [];
  if (route.GET) methods.push("GET", "HEAD");
  if (route.POST) methods.push("POST");
  if (route.DELETE) methods.push("DELETE");
  return methods;
}
