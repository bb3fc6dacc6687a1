/**
 * A network of its own, for a node that is cut off for real: the kernel's network namespace, joined to ours by
 * links (veth pairs) that can be taken down at either end. Needs root and iproute2 on Linux. Nothing in it reaches any
 * other network.
 */

import { spawnSync } from "node:child_process";

/** An end of a link: ours, or the namespace's. Where it is down, the kernel knows; at the other end it is silence. */
export type LinkEnd = "ours" | "theirs";

const living = new Set<NetworkNamespace>();
process.on("exit", () => {
  for (const namespace of living) namespace.remove();
});
let created = 0;

export class NetworkNamespace implements Disposable {
  readonly name: string;
  /** The namespace's address on each link. */
  readonly hosts: readonly string[];

  private constructor(linkCount: number) {
    const number = created++;
    this.name = `kestrel-${process.pid}-${number}`;
    // Of the addresses for private use: four for each link, by our process id so that two runs seldom meet.
    const net = (process.pid * 4 + number) % 4096;
    this.hosts = Array.from(
      { length: linkCount },
      (_, link) => `10.${208 + (net >> 8)}.${net & 255}.${link * 4 + 2}`,
    );
  }

  /** Null where this machine doesn't allow it. */
  static create(linkCount: number): NetworkNamespace | null {
    const namespace = new NetworkNamespace(linkCount);
    if (!ip("netns", "add", namespace.name)) return null;
    living.add(namespace);
    const isJoined = namespace.hosts.every((host, link) => namespace.#join(link, host));
    if (isJoined) return namespace;
    namespace.remove();
    return null;
  }

  /** Words that stand before a program and its arguments to run it in there. */
  get command(): readonly string[] {
    return ["ip", "netns", "exec", this.name];
  }

  /** From now on nothing passes, and nobody is told. */
  cut(link: number, end: LinkEnd): void {
    this.#set(link, end, "down");
  }

  mend(link: number): void {
    this.#set(link, "ours", "up");
    this.#set(link, "theirs", "up");
  }

  remove(): void {
    living.delete(this);
    // The links end with their ends in there.
    ip("netns", "del", this.name);
  }

  [Symbol.dispose](): void {
    this.remove();
  }

  #join(link: number, host: string): boolean {
    const [ours, theirs] = [this.#device(link, "ours"), this.#device(link, "theirs")];
    const ourHost = host.replace(/\d+$/, (last) => String(Number(last) - 1));
    return (
      ip("link", "add", ours, "type", "veth", "peer", "name", theirs) &&
      ip("link", "set", theirs, "netns", this.name) &&
      ip("address", "add", `${ourHost}/30`, "dev", ours) &&
      ip("-n", this.name, "address", "add", `${host}/30`, "dev", theirs) &&
      ip("link", "set", ours, "up") &&
      ip("-n", this.name, "link", "set", theirs, "up")
    );
  }

  #set(link: number, end: LinkEnd, state: "up" | "down"): void {
    const place = end === "ours" ? [] : ["-n", this.name];
    if (!ip(...place, "link", "set", this.#device(link, end), state)) {
      throw new Error(`link ${link} of ${this.name} cannot be set ${state}`);
    }
  }

  /** At most 15 characters. */
  #device(link: number, end: LinkEnd): string {
    return `k${this.name.slice("kestrel-".length)}-${link}${end[0]}`;
  }
}

function ip(...args: string[]): boolean {
  return spawnSync("ip", args).status === 0;
}
