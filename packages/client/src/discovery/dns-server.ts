// Names that stand for nodes which DNS knows, as users write them among the servers:
// "dns+srv://_memcache._tcp.example" and "dns://host:port". Nothing is looked up here.

import { isIP } from "node:net";
import { KestrelClientError } from "../errors.ts";
import { DEFAULT_PORT, parseNodeAddress, type ServerSpec } from "../node-address.ts";

export type DnsServer =
  | { readonly kind: "srv"; readonly text: string; readonly name: string }
  | { readonly kind: "addresses"; readonly text: string; readonly name: string; readonly port: number };

export interface SplitServers {
  /** Those that name one node each. */
  readonly plain: ServerSpec[];
  readonly dns: DnsServer[];
}

/** Tells names in DNS from plain servers. Throws `bad-request` when a name in DNS can't be one, or comes twice. */
export function splitServers(
  servers: readonly ServerSpec[],
  defaultPort: number = DEFAULT_PORT,
): SplitServers {
  const plain: ServerSpec[] = [];
  const dns = new Map<string, DnsServer>();
  for (const server of servers) {
    const found = typeof server === "string" ? parseDnsServer(server, defaultPort) : undefined;
    if (found === undefined) plain.push(server);
    else if (dns.has(found.text)) throw badServer(`"${found.text}" is named twice`);
    else dns.set(found.text, found);
  }
  return { plain, dns: [...dns.values()] };
}

/** Undefined: it is no name in DNS but a plain server. Throws `bad-request` when it can be neither. */
function parseDnsServer(text: string, defaultPort: number): DnsServer | undefined {
  const [, scheme, rest] = /^(dns|dns\+srv):\/\/(.*)$/.exec(text) ?? [];
  if (scheme === undefined || rest === undefined) return undefined;
  if (scheme === "dns+srv") {
    if (!/^[^\s:[\]/@,]+$/.test(rest)) throw badServer(`"${text}" is no "dns+srv://_service._tcp.domain"`);
    return { kind: "srv", text, name: rest };
  }
  const { host, port } = parseNodeAddress(rest, defaultPort);
  if (isIP(host) !== 0) throw badServer(`"${text}" has an address where a name is to be looked up`);
  return { kind: "addresses", text, name: host, port };
}

function badServer(message: string): KestrelClientError {
  return new KestrelClientError("bad-request", message);
}
