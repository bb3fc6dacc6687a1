/**
 * The flags that all load tests have, with the letters and defaults of Kestrel's own, and the nodes they mean.
 */
import { parseNodeAddress, resolveTls } from "@kestrel-mq/client";
import { parseCount } from "../arguments/count.ts";
import { parseDurationMs } from "../arguments/duration.ts";
import { UsageError } from "../exit-code.ts";
import { clusterOptions, uncheckedOptions, withNodesNamed } from "../nodes/cluster.ts";
import { type CredentialsArguments, credentialsFlags, findCredentials } from "../nodes/credentials.ts";
import { findTls, type TlsArguments, tlsFlags } from "../nodes/tls.ts";
import type { Surroundings } from "../surroundings.ts";
import { MemcacheWire } from "./memcache-wire.ts";
import { ThriftWire } from "./thrift-wire.ts";
import type { ConnectWire, WireTarget } from "./wire.ts";

const ownFlags = {
  queue: { type: "string", alias: "q", requiresArg: true, default: "spam", describe: "The queue" },
  host: { type: "string", alias: "h", requiresArg: true, describe: "One node's host, instead of --servers" },
  port: {
    type: "string",
    alias: "p",
    requiresArg: true,
    coerce: (text: string): number => parseCount(text, 1),
    describe: "Its port [22133; thrift 2229]",
  },
  thrift: { type: "boolean", describe: "Over thrift; the nodes are then named with their thrift ports" },
  "no-flush": { type: "boolean", alias: "F", describe: "Don't flush the queue first" },
  json: { type: "boolean", group: "Output:", describe: "Put out JSON, for programs" },
  servers: {
    type: "string",
    group: "Cluster:",
    requiresArg: true,
    describe: "The nodes, as host:port,host:port",
  },
  "servers-file": { type: "string", group: "Cluster:", requiresArg: true, describe: "A file of nodes" },
  node: { type: "string", group: "Cluster:", requiresArg: true, describe: "Only this one of the nodes" },
  timeout: {
    type: "string",
    group: "Cluster:",
    requiresArg: true,
    default: "10s",
    coerce: (text: string): number => parseDurationMs(text),
    describe: "How long a node may take to answer",
  },
} as const;

export const loadFlags: typeof ownFlags & typeof credentialsFlags & typeof tlsFlags = {
  ...ownFlags,
  ...credentialsFlags,
  ...tlsFlags,
};

/** A whole number from 1, with Kestrel's letter for it. */
export function countFlag(
  letter: string,
  defaultCount: number,
  describe: string,
): {
  readonly type: "string";
  readonly alias: string;
  readonly requiresArg: true;
  readonly default: string;
  readonly coerce: (text: string) => number;
  readonly describe: string;
} {
  return {
    type: "string",
    alias: letter,
    requiresArg: true,
    default: String(defaultCount),
    coerce: (text) => parseCount(text, 0),
    describe,
  };
}

/** The parsed values of `loadFlags`. */
export interface LoadArguments extends CredentialsArguments, TlsArguments {
  queue: string;
  host: string | undefined;
  port: number | undefined;
  thrift: boolean | undefined;
  noFlush: boolean | undefined;
  json: boolean | undefined;
  servers: string | undefined;
  serversFile: string | undefined;
  node: string | undefined;
  timeout: number;
}

/** Where the load goes, and by which protocol. Throws UsageError. */
export async function loadTargets(
  args: LoadArguments,
  surroundings: Surroundings,
): Promise<{ targets: WireTarget[]; connect: ConnectWire }> {
  const credentials = await findCredentials(args, surroundings);
  const tls = await findTls(args, surroundings);
  const shared = {
    timeoutMs: args.timeout,
    ...(credentials === undefined ? {} : { credentials }),
    ...(tls === undefined ? {} : { tls: resolveTls(tls) }),
  };
  const [connect, defaultPort] =
    args.thrift === true ? [ThriftWire.connect, 2229] : [MemcacheWire.connect, 22133];
  if (args.host !== undefined || args.port !== undefined) {
    if (args.servers !== undefined || args.serversFile !== undefined) {
      throw new UsageError("-h and -p name one node, --servers several: use either");
    }
    const target = { host: args.host ?? "localhost", port: args.port ?? defaultPort, ...shared };
    return { targets: [target], connect };
  }
  const find = args.thrift === true ? uncheckedOptions : clusterOptions;
  const { servers } = await withNodesNamed(
    await find({ ...args, strategy: "round-robin" }, surroundings),
    surroundings,
  );
  const targets = servers.map((server) => {
    const { host, port } = parseNodeAddress(server);
    return { host, port: /:\d+$/.test(server) ? port : defaultPort, ...shared };
  });
  return { targets, connect };
}
