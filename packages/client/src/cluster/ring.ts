// The only file that knows hashring. Places names on nodes, consistently: a node that comes or goes moves its
// own share of the names and no others. Members are the stable ids of nodes, never their addresses.
//
// hashring 3.2.0 keeps its cache in a plain object, so `get("__proto__")` would change Object.prototype for
// the whole process: we use `range`, which has no cache, and prefix every name. Its own weights are relative to
// the other members (a new node would move names between old ones) and lose points to rounding: we give each
// member a number of points of its own.

import HashRing from "hashring";

export interface RingMember {
  readonly id: string;
  readonly weight: number;
}

/** Points per unit of weight, in hashes; each hash gives 4 points, as in ketama. */
const HASHES_PER_WEIGHT = 40;
const POINTS_PER_HASH = 4;
/** No member has it, so that hashring takes every member's number of hashes as it is. */
const NO_DEFAULT = -1;

export class Ring {
  readonly #ring: HashRing | undefined;
  readonly #length: number;

  /** A ring never changes; a cluster that does gets a new one. */
  constructor(members: readonly RingMember[]) {
    const hashes: Record<string, { vnodes: number }> = {};
    for (const { id, weight } of members) {
      hashes[`n:${id}`] = { vnodes: Math.max(1, Math.round(weight * HASHES_PER_WEIGHT)) };
    }
    this.#length = members.length;
    if (members.length > 0) {
      this.#ring = new HashRing(hashes, "md5", { "vnode count": NO_DEFAULT, replicas: POINTS_PER_HASH });
    }
  }

  /** The ids of all members, in the order in which they are to be tried for this name; the first is its home. */
  order(name: string): string[] {
    if (this.#ring === undefined) return [];
    return this.#ring.range(`q:${name}`, this.#length).map((member) => member.slice(2));
  }

  /** The id of the member that the name belongs to. */
  home(name: string): string | undefined {
    return this.#ring?.range(`q:${name}`, 1)[0]?.slice(2);
  }
}
