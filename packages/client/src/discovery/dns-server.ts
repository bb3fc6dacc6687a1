// Names that stand for nodes which DNS knows, as users write them among the servers:
// "dns+srv://_memcache._tcp.example" and "dns://host:port". Nothing is looked up here.

import { isIP } from "node:net";
import { KestrelClientError } from "../errors.ts";
import { parseNodeAddress } from "../node-address.ts";

export type DnsServer =
  | { readonly kind: "srv"; readonly text: string; readonly name: string }
  | { readonly kind: "addresses"; readonly text: string; readonly name: string; readonly port: number };

/** Undefined: it is no name in DNS. Throws `bad-request` when it looks like one and can't be. */
export function parseDnsServer(text: string, defaultPort: number): DnsServer | undefined {
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
