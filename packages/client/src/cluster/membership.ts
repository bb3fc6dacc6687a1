// Who is in the cluster: makes nodes of their descriptions, lets them in and out, and tells of it.

import { KestrelClientError } from "../errors.ts";
import { type ResolvedNodeSpec, resolveNodeSpec, type ServerSpec } from "../node-address.ts";
import type { ResolvedOptions } from "../options.ts";
import { createTransport } from "../transport/create-transport.ts";
import type { Cluster } from "./cluster.ts";
import type { Departures } from "./departures.ts";
import { ClusterNode } from "./node.ts";

export class Membership {
  readonly #options: ResolvedOptions;
  readonly #cluster: Cluster;
  readonly #departures: Departures;

  /** Throws `bad-request` when the servers can't be a cluster. */
  constructor(servers: readonly ServerSpec[], parts: MembershipParts) {
    this.#options = parts.options;
    this.#cluster = parts.cluster;
    this.#departures = parts.departures;
    const specs = servers.map((server) => resolveNodeSpec(server, parts.options.defaultPort));
    const twice = specs.find((spec, index) => specs.findIndex(({ id }) => id === spec.id) !== index);
    if (twice !== undefined)
      throw new KestrelClientError("bad-request", `two servers have the id "${twice.id}"`);
    if (specs.length === 0 && !parts.mayBeEmpty)
      throw new KestrelClientError("bad-request", "a cluster needs at least one server");
    this.#cluster.setNodes(specs.map((spec) => this.#createNode(spec)));
  }

  /** Lets a node in. Throws `bad-request` if there is one with its id. */
  add(server: ServerSpec): string {
    const spec = resolveNodeSpec(server, this.#options.defaultPort);
    const isKnown = [...this.#cluster.nodes, ...this.#departures.nodes].some(({ id }) => id === spec.id);
    if (isKnown)
      throw new KestrelClientError("bad-request", `there is a server with the id "${spec.id}" already`);
    this.#cluster.setNodes([...this.#cluster.nodes, this.#createNode(spec)]);
    return spec.id;
  }

  /** Changes a node's share of what is put from now on, and of the names; or whether it is put to at all. */
  update(id: string, { weight, takesPuts }: { weight: number; takesPuts: boolean }): void {
    const node = this.#cluster.findNode(id);
    if (node === undefined) return;
    node.takesPuts = takesPuts;
    if (node.weight === weight) return;
    node.weight = weight;
    this.#cluster.setNodes(this.#cluster.nodes);
  }

  /**
   * Lets a node go, as Departures says. Throws `bad-request` if there is no such node, or no other.
   * `onChange` is called each time it has changed what is to be read where.
   */
  remove(id: string, queues: Iterable<string>, signal: AbortSignal, onChange: () => void): Promise<boolean> {
    const node = this.#cluster.findNode(id);
    if (node === undefined)
      throw new KestrelClientError("bad-request", `there is no server with the id "${id}"`);
    if (this.#cluster.length === 1) {
      throw new KestrelClientError("bad-request", "the last server of a cluster can't be removed");
    }
    this.#cluster.setNodes(this.#cluster.nodes.filter((each) => each !== node));
    const departed = this.#departures.depart(node, queues, signal, onChange);
    onChange();
    return departed;
  }

  async close(): Promise<void> {
    const nodes = [...this.#cluster.nodes, ...this.#departures.nodes];
    await Promise.all(nodes.map((node) => node.close()));
  }

  #createNode(spec: ResolvedNodeSpec): ClusterNode {
    const options = this.#options;
    return new ClusterNode({
      ...spec,
      transport: createTransport(spec, options),
      retry: options.retry,
      onChange: (node, change) => this.#cluster.announce(node, change),
      observe: options.observe,
    });
  }
}

export interface MembershipParts {
  readonly options: ResolvedOptions;
  readonly cluster: Cluster;
  readonly departures: Departures;
  /** Nodes are found later. */
  readonly mayBeEmpty: boolean;
}
