/** Who a session is, and what that is good for: nobody at first, and whoever it has shown to be from then on. */
import type { Identity } from "../locks/identity.ts";
import type { Locks } from "../locks/locks.ts";
import type { LentReads } from "./lent-reads.ts";
import type { AuthenticateRequest, Request } from "./request.ts";
import { requireRight } from "./rights.ts";

export interface PassHost {
  readonly locks: Locks;
  readonly lentReads: LentReads;
}

export class Pass {
  readonly #host: PassHost;
  #identity: Identity;

  /** `identity`: who it is, where that is known already. */
  constructor(host: PassHost, identity: Identity) {
    this.#host = host;
    this.#identity = identity;
  }

  /** It may do nothing but say who it is. */
  get isBarred(): boolean {
    return !this.#host.locks.isOpen && this.#current.isBarred;
  }

  /** Throws KestrelError when this session may not ask that. */
  require(request: Request): void {
    if (!this.#host.locks.isOpen) requireRight(this.#current, request, this.#host.lentReads);
  }

  /** For who waits: a right may be taken away meanwhile. */
  mayGet(queue: string): boolean {
    return this.#host.locks.isOpen || this.#current.may("get", queue);
  }

  /** False, after a while: user and password are not right, and it stays who it was. */
  async show({ user, password }: AuthenticateRequest, address: string): Promise<boolean> {
    const identity = await this.#host.locks.authenticate(user, password, address);
    if (identity !== null) this.#identity = identity;
    return identity !== null;
  }

  /** Users may have changed. */
  get #current(): Identity {
    if (this.#identity.isStale) this.#identity = this.#host.locks.renew(this.#identity);
    return this.#identity;
  }
}
