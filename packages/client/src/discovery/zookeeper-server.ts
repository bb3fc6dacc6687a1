// A path in ZooKeeper under which nodes announce themselves, as users write it: "zk://zoo1:2181,zoo2:2181/kestrel", with
// credentials if need be, "zk://user:password@zoo1/kestrel".

import { KestrelClientError } from "../errors.ts";
import { type NodeAddress, parseNodeAddress, renderNodeAddress } from "../node-address.ts";

export interface ZookeeperServer {
  readonly kind: "zookeeper";
  /** With all ports and without the password: may be shown. */
  readonly text: string;
  readonly addresses: readonly NodeAddress[];
  /** The sets are `<pathPrefix>/read` and `<pathPrefix>/write`. */
  readonly pathPrefix: string;
  readonly credentials: { readonly username: string; readonly password: string } | null;
}

const ZOOKEEPER_PORT = 2181;

/** Undefined: it is no path in ZooKeeper. Throws `bad-request` when it looks like one and can't be. */
export function parseZookeeperServer(text: string): ZookeeperServer | undefined {
  if (!text.startsWith("zk://")) return undefined;
  const [, user, hosts, path] = /^zk:\/\/(?:([^@/]*)@)?([^@/]+)((?:\/[^/]+)+)\/?$/.exec(text) ?? [];
  if (hosts === undefined || path === undefined || /\/\.{1,2}(\/|$)/.test(path)) {
    // The text may hold a password.
    throw badServer('a path in ZooKeeper is like "zk://zoo1:2181,zoo2:2181/kestrel"');
  }
  const addresses = hosts.split(",").map((host) => parseNodeAddress(host, ZOOKEEPER_PORT));
  const shown = `zk://${addresses.map(renderNodeAddress).join(",")}${path}`;
  return {
    kind: "zookeeper",
    text: shown,
    addresses,
    pathPrefix: path,
    credentials: user === undefined ? null : parseCredentials(user, shown),
  };
}

function parseCredentials(user: string, shown: string): { username: string; password: string } {
  const colon = user.indexOf(":");
  if (colon < 1) throw badServer(`"${shown}" has credentials that are no "user:password"`);
  try {
    return {
      username: decodeURIComponent(user.slice(0, colon)),
      password: decodeURIComponent(user.slice(colon + 1)),
    };
  } catch {
    throw badServer(`"${shown}" has credentials with a "%" that begins nothing: write it as "%25"`);
  }
}

function badServer(message: string): KestrelClientError {
  return new KestrelClientError("bad-request", message);
}
