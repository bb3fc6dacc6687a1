// One look into DNS: which nodes does a name stand for at present. Knows records, not what to do about failures.

import type { SrvRecord } from "node:dns";
import { renderNodeAddress } from "../node-address.ts";
import type { DnsServer } from "./dns-server.ts";
import type { FoundNode, FoundNodes } from "./source.ts";

/** What is needed of DNS: a part of `Resolver` of node:dns/promises. */
export interface DnsResolver {
  /** SRV records; rejects with the code ENODATA or ENOTFOUND when there are none. */
  resolveSrv(name: string): Promise<SrvRecord[]>;
  /** IPv4 addresses; rejects likewise. */
  resolve4(name: string): Promise<string[]>;
  /** IPv6 addresses; rejects likewise. */
  resolve6(name: string): Promise<string[]>;
  /** Ends lookups that are under way; called when the client is closed. */
  cancel?(): void;
}

export interface DnsAnswer {
  /** By their ids, which are "target:port". */
  readonly nodes: FoundNodes;
  /** Why the answer may be incomplete. */
  readonly error: Error | undefined;
}

/** The codes of "there is no such record", which is an answer. */
const NOTHING = new Set(["ENODATA", "ENOTFOUND"]);

/**
 * Looks a name up. When only the IPv4 or only the IPv6 addresses could not be had, those in `last` stand for them. No
 * nodes at all is an error too. Never rejects.
 */
export async function lookUp(server: DnsServer, resolver: DnsResolver, last: FoundNodes): Promise<DnsAnswer> {
  const { nodes, error } =
    server.kind === "srv"
      ? await lookUpService(server.name, resolver)
      : await lookUpAddresses(server.name, server.port, resolver, [...last.values()]);
  const empty = nodes.length === 0 ? new Error(`DNS knows no nodes for ${server.name}`) : undefined;
  return { nodes: new Map(nodes.map((node) => [node.id, node])), error: error ?? empty };
}

interface Found {
  readonly nodes: readonly FoundNode[];
  readonly error: Error | undefined;
}

/**
 * All targets, whatever their priority: each has items of its own. The largest weight of the answer counts as 1, since
 * weights of DNS mean something only beside each other; 0, which stands for "no weight", is taken for 1 of DNS.
 */
async function lookUpService(name: string, resolver: DnsResolver): Promise<Found> {
  const { found, error } = await ask(() => resolver.resolveSrv(name));
  const heaviest = Math.max(1, ...found.map(({ weight }) => weight));
  const nodes = found.flatMap((record): FoundNode[] => {
    const host = record.name.replace(/\.$/, "").toLowerCase();
    // A target of "." says that there is no such service.
    if (host === "" || record.port < 1) return [];
    return [nodeAt(host, record.port, Math.max(1, record.weight) / heaviest)];
  });
  return { nodes, error };
}

async function lookUpAddresses(
  name: string,
  port: number,
  resolver: DnsResolver,
  last: readonly FoundNode[],
): Promise<Found> {
  const [four, six] = await Promise.all([
    ask(() => resolver.resolve4(name)),
    ask(() => resolver.resolve6(name)),
  ]);
  const hosts = [
    ...(four.error === undefined ? four.found : hostsOf(last, (host) => !host.includes(":"))),
    ...(six.error === undefined ? six.found : hostsOf(last, (host) => host.includes(":"))),
  ];
  return { nodes: hosts.map((host) => nodeAt(host, port, 1)), error: four.error ?? six.error };
}

/** What there is; nothing, and why, if that could not be found out. */
async function ask<T>(question: () => Promise<T[]>): Promise<{ found: T[]; error: Error | undefined }> {
  try {
    return { found: await question(), error: undefined };
  } catch (reason) {
    const error = reason instanceof Error ? reason : new Error(String(reason));
    const isAnswer = NOTHING.has((error as NodeJS.ErrnoException).code ?? "");
    return { found: [], error: isAnswer ? undefined : error };
  }
}

function hostsOf(nodes: readonly FoundNode[], isMeant: (host: string) => boolean): string[] {
  return nodes.map(({ host }) => host).filter(isMeant);
}

function nodeAt(host: string, port: number, weight: number): FoundNode {
  return { host, port, weight, id: renderNodeAddress({ host, port }), takesPuts: true };
}
