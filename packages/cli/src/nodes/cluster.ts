/**
 * From the command line to a cluster: which servers are meant, and a client for them. Servers come from
 * `--servers`, else a file of them, else KESTREL_SERVERS, else `~/.kestrel_cluster`, else localhost.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type ClusterOptions, KestrelClientError, type KestrelClusterClient } from "@kestrel-mq/client";
import { parseDurationMs } from "../arguments/duration.ts";
import { UsageError } from "../exit-code.ts";
import type { Surroundings } from "../surroundings.ts";
import { type CredentialsArguments, credentialsFlags, findCredentials } from "./credentials.ts";
import { refuseStrangers } from "./node-identity.ts";
import { findTls, type TlsArguments, tlsFlags } from "./tls.ts";

/** What kq needs of a KestrelClusterClient; tests put something simpler in its place. */
export type Cluster = Pick<
  KestrelClusterClient,
  | "put"
  | "get"
  | "open"
  | "peek"
  | "delete"
  | "flush"
  | "stats"
  | "nodes"
  | "nodeFor"
  | "discovered"
  | "close"
>;

export type Connect = (options: ClusterOptions) => Cluster;

const defaultServer = "localhost:22133";
/** A password takes a node a while, and more so when there are many; TLS takes a few ways there and back. */
const introductionMs = 5000;

const serversFlags = {
  servers: {
    type: "string",
    group: "Cluster:",
    requiresArg: true,
    describe:
      "The nodes: host:port,host:port, dns+srv://name or zk://host:port/path [KESTREL_SERVERS, else localhost:22133]",
  },
  "servers-file": {
    type: "string",
    group: "Cluster:",
    requiresArg: true,
    describe: "A file of nodes, one host[:port] a line; - reads standard input [~/.kestrel_cluster]",
  },
  strategy: {
    choices: ["round-robin", "hash", "random"],
    group: "Cluster:",
    default: "round-robin",
    requiresArg: true,
    describe: "How a node is chosen for each item",
  },
  timeout: {
    type: "string",
    group: "Cluster:",
    requiresArg: true,
    coerce: (text: string): number => parseDurationMs(text),
    describe: "How long to wait for an answer, e.g. 5s",
  },
} as const;

/** Options of every command that talks to a cluster and takes its node as an argument. */
export const otherClusterFlags: typeof serversFlags & typeof credentialsFlags & typeof tlsFlags = {
  ...serversFlags,
  ...credentialsFlags,
  ...tlsFlags,
};

const nodeFlag = {
  node: {
    type: "string",
    group: "Cluster:",
    requiresArg: true,
    describe: "Only this one of the nodes; its port is enough",
  },
} as const;

/** Options of every command that talks to a cluster. */
export const clusterFlags: typeof otherClusterFlags & typeof nodeFlag = { ...otherClusterFlags, ...nodeFlag };

/** The parsed values of `clusterFlags`. */
export interface ClusterArguments extends CredentialsArguments, TlsArguments {
  servers: string | undefined;
  serversFile: string | undefined;
  node: string | undefined;
  strategy: string;
  timeout: number | undefined;
}

/** What a client needs to know; the nodes are named as the user named them. */
export interface ChosenCluster extends ClusterOptions {
  readonly servers: readonly string[];
}

/**
 * The options of a client for the cluster that the command line means. Throws UsageError, and CommandError when
 * something that is no Kestrel answers for a node of it.
 */
export async function clusterOptions(
  args: ClusterArguments,
  surroundings: Surroundings,
): Promise<ChosenCluster> {
  const options = await uncheckedOptions(args, surroundings);
  await refuseStrangers(options, surroundings);
  return options;
}

/** The same, without a look at the nodes. */
export async function uncheckedOptions(
  args: ClusterArguments,
  surroundings: Surroundings,
): Promise<ChosenCluster> {
  const servers = await findServers(args, surroundings);
  const credentials = await findCredentials(args, surroundings);
  const tls = await findTls(args, surroundings);
  const isPlain = credentials === undefined && tls === undefined;
  const whole: ChosenCluster = {
    servers,
    strategy: args.strategy as NonNullable<ClusterOptions["strategy"]>,
    ...(isPlain ? {} : { connectTimeoutMs: introductionMs }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(tls === undefined ? {} : { tls }),
    ...(args.timeout === undefined ? {} : { timeoutMs: args.timeout, connectTimeoutMs: args.timeout }),
  };
  return args.node === undefined ? whole : await onlyNode(whole, args.node, surroundings);
}

/**
 * The same cluster with each node under its own name: names in DNS are looked up once, for work that is done node by
 * node. Rejects when nobody knows nodes for them.
 */
export async function withNodesNamed(
  options: ChosenCluster,
  surroundings: Surroundings,
): Promise<ChosenCluster> {
  if (!options.servers.some((server) => dnsName.test(server) || zookeeperPath.test(server))) return options;
  const cluster = surroundings.connect(options);
  try {
    await cluster.discovered();
    const servers = cluster.nodes().map(({ id }) => id);
    if (servers.length > 0) return { ...options, servers };
    throw new KestrelClientError(
      "no-node",
      `no nodes are known for ${options.servers.map(withoutPassword).join(", ")}`,
    );
  } finally {
    await cluster.close();
  }
}

/** A node must be named as it is in the list, in DNS or in ZooKeeper, or by its port alone. Throws UsageError. */
async function onlyNode(
  options: ChosenCluster,
  node: string,
  surroundings: Surroundings,
): Promise<ChosenCluster> {
  const { servers } = await withNodesNamed(options, surroundings);
  const named = servers.filter(
    (server) => server === node || server.endsWith(`:${node}`) || server === node.replace(/:22133$/, ""),
  );
  if (named.length === 1) return { ...options, servers: named };
  const problem = named.length === 0 ? "is none of the nodes" : "is more than one of the nodes";
  throw new UsageError(`${node} ${problem}: ${servers.join(", ")}`);
}

async function findServers(args: ClusterArguments, surroundings: Surroundings): Promise<string[]> {
  if (args.servers !== undefined && args.serversFile !== undefined) {
    throw new UsageError("--servers and --servers-file exclude each other");
  }
  if (args.servers !== undefined) return parseServers(args.servers, "--servers");
  if (args.serversFile === "-") return parseServers(await readText(surroundings), "standard input");
  if (args.serversFile !== undefined) return await readServersFile(args.serversFile);
  const named = surroundings.env.KESTREL_SERVERS ?? "";
  if (named.trim() !== "") return parseServers(named, "KESTREL_SERVERS");
  return (await findHomeList(surroundings.homeFolder)) ?? [defaultServer];
}

/**
 * Server names separated by commas or white space; `#` starts a comment. `origin` says in an error where the
 * text came from. Throws UsageError when there is no name in it, a name is no host[:port] and none in DNS or ZooKeeper, or
 * one comes twice.
 */
export function parseServers(text: string, origin: string): string[] {
  const names = text.replaceAll(/#.*$/gm, "").match(anyName) ?? [];
  if (names.length === 0) throw new UsageError(`${origin} names no server: write host:port,host:port`);
  const seen = new Set<string>();
  for (const name of names) {
    const server = [zookeeperPath, dnsName].find((kind) => kind.test(name)) ?? serverName;
    const port = server.exec(name)?.[1] ?? "22133";
    if (/^[^/]*@/.test(name)) {
      throw new UsageError(
        `a node in ${origin} has a user before its @: say that with --user and --password-file`,
      );
    }
    if (!server.test(name) || Number(port) < 1 || Number(port) > 65_535) {
      const shown = withoutPassword(name);
      throw new UsageError(`"${shown}" in ${origin} is no server: write host, host:port or [::1]:port`);
    }
    if (seen.has(name)) throw new UsageError(`${origin} names ${withoutPassword(name)} twice`);
    seen.add(name);
  }
  return names;
}

/** Servers of ZooKeeper are separated by commas too. */
const anyName = /zk:\/\/[^\s/]+\/[^\s,]+|[^\s,]+/g;

/** What the client follows in ZooKeeper: zk://host:port,host:port/path, with user:password@ if need be. */
const zookeeperPath = /^zk:\/\/(?:[^\s@/]*@)?[^\s@/]+(?:\/[^\s/]+)+\/?$/;

function withoutPassword(name: string): string {
  return name.replace(/^(zk:\/\/[^@/]*):[^@/]*@/, "$1@");
}

/** What the client looks up in DNS: dns+srv://name, dns://host or dns://host:port. */
const dnsName = /^(?:dns\+srv:\/\/[^\s:[\]/]+|dns:\/\/[^\s:[\]/]+(?::(\d{1,5}))?)$/;

/** host, host:port, [ipv6] or [ipv6]:port. */
const serverName = /^(?:\[[0-9a-fA-F:.%]+\]|[^\s:[\]/]+)(?::(\d{1,5}))?$/;

async function readServersFile(path: string): Promise<string[]> {
  try {
    return parseServers(await readFile(path, "utf8"), path);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`cannot read the servers file ${path}: ${(error as Error).message}`);
  }
}

async function findHomeList(homeFolder: string): Promise<string[] | undefined> {
  const path = join(homeFolder, ".kestrel_cluster");
  try {
    return parseServers(await readFile(path, "utf8"), path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function readText(surroundings: Surroundings): Promise<string> {
  let text = "";
  for await (const chunk of surroundings.stdin) text += String(chunk);
  return text;
}
