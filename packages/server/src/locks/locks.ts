/**
 * Who may come in. Knows the users of now, checks who somebody says to be, and slows down those who guess. What a
 * session may do is in its identity; here is the one place where a name becomes one.
 */
import type { Clock } from "../clock.ts";
import type { Logger } from "../logging.ts";
import type { QueueRules } from "../settings/queue-rules.ts";
import { Failures, groupOf, pauseMsOf } from "./failures.ts";
import { Identity } from "./identity.ts";
import type { UserSettings } from "./lock-settings.ts";
import { makeDecoy, type PasswordHash, parsePasswordHash } from "./password.ts";
import { PasswordCheck } from "./password-check.ts";
import { digestToken, isSameDigest, parseTokenHash } from "./token.ts";

export interface LocksOptions {
  readonly users: readonly UserSettings[];
  readonly rules: QueueRules;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Known {
  readonly identity: Identity;
  readonly password: PasswordHash | null;
  readonly token: Buffer | null;
}

export class Locks {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #check: PasswordCheck;
  readonly #failures: Failures;
  #settings: readonly UserSettings[] = [];
  #users: ReadonlyMap<string, Known> = new Map();
  /** What takes as long to check as the slowest of the passwords, for those who have none. */
  #decoy: PasswordHash = makeDecoy();
  #nobody: Identity;
  #isOpen = true;

  /** Throws Error when something that is to be kept of a password or a token is not of that kind. */
  constructor({ users, rules, clock, logger }: LocksOptions) {
    this.#clock = clock;
    this.#logger = logger;
    this.#check = new PasswordCheck(clock);
    this.#failures = new Failures(clock);
    this.#nobody = new Identity({ user: null, rules, isLocked: false });
    this.change(users, rules);
  }

  /** There are no users, and no queue is there for one alone: nothing has to be asked. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** There are users: who isn't one may nothing. */
  get isLocked(): boolean {
    return this.#users.size > 0;
  }

  /** Of now. */
  get users(): readonly UserSettings[] {
    return this.#settings;
  }

  /** Who has not said yet who it is. */
  get nobody(): Identity {
    return this.#nobody;
  }

  /** These users and rules hold from now on. Throws as the constructor does, and has changed nothing. */
  change(users: readonly UserSettings[], rules: QueueRules): void {
    const isLocked = users.length > 0;
    const next = new Map(users.map((user) => [user.name, makeKnown(user, rules)]));
    for (const { identity } of this.#users.values()) identity.isStale = true;
    this.#nobody.isStale = true;
    this.#nobody = new Identity({ user: null, rules, isLocked });
    this.#settings = users;
    this.#users = next;
    this.#decoy = decoyFor([...next.values()]);
    this.#isOpen = !isLocked && !rules.isForClients;
  }

  /** Who a stale identity is now: somebody whose password is another one has to say it again. */
  renew({ user }: Identity): Identity {
    const known = user === null ? undefined : this.#users.get(user.name);
    const now = known?.identity.user;
    return known !== undefined && now?.password === user?.password && now?.token === user?.token
      ? known.identity
      : this.#nobody;
  }

  /** Null, after a while: there is no such user, or the password is another one. Without users everybody may. */
  async authenticate(name: string, password: Buffer, address: string): Promise<Identity | null> {
    if (!this.isLocked) return this.#nobody;
    const began = this.#clock.now();
    const kept = this.#users.get(name)?.password ?? null;
    const group = groupOf(address);
    const isRight = await this.#check
      .verify(kept ?? this.#decoy, name, password, group)
      .catch((error: unknown) => this.#logger.error({ err: error }, "a password could not be checked"));
    // They may have changed in the meantime.
    const known = this.#users.get(name);
    if (isRight === true && known !== undefined && known.password?.text === kept?.text) return known.identity;
    await this.#refuse(known === undefined ? null : name, address, began);
    return null;
  }

  /** The same with a token of the admin port. */
  async authenticateToken(token: string, address: string): Promise<Identity | null> {
    if (!this.isLocked) return this.#nobody;
    const began = this.#clock.now();
    const digest = digestToken(token);
    for (const known of this.#users.values()) {
      if (known.token !== null && isSameDigest(known.token, digest)) return known.identity;
    }
    await this.#refuse(null, address, began);
    return null;
  }

  /**
   * Counted, logged without the password, and answered late. The name is logged only if there is such a user: people
   * type their password there, too.
   */
  async #refuse(user: string | null, address: string, began: number): Promise<void> {
    const length = this.#failures.add(groupOf(address));
    const isPowerOf2 = (length & (length - 1)) === 0;
    if (isPowerOf2) {
      this.#logger.warn({ user: user ?? "unknown", address, failures: length }, "somebody was not let in");
    }
    const leftMs = began + pauseMsOf(length) - this.#clock.now();
    if (leftMs > 0) await new Promise<void>((resolve) => this.#clock.after(leftMs, resolve));
  }
}

function makeKnown(user: UserSettings, rules: QueueRules): Known {
  const password = user.password === null ? null : parsePasswordHash(user.password);
  const token = user.token === null ? null : parseTokenHash(user.token);
  if (password === undefined)
    throw new Error(`what is kept of the password of ${user.name} is no hash of one`);
  if (token === undefined) throw new Error(`what is kept of the token of ${user.name} is no hash of one`);
  return { identity: new Identity({ user, rules, isLocked: true }), password, token };
}

function decoyFor(users: readonly Known[]): PasswordHash {
  const work = ({ cost, blockSize, parallelization }: PasswordHash): number =>
    cost * blockSize * parallelization;
  const hashes = users.flatMap(({ password }) => (password === null ? [] : [password]));
  return makeDecoy(hashes.toSorted((one, other) => work(other) - work(one))[0]);
}
