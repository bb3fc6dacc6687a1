/**
 * Whether a password is right, without working it out again for each of a thousand connections that bring the same
 * one. What was found out is remembered under a digest with a key of this process: whoever reads the memory of the
 * process finds no password in it, and no hash of one that could be tried at leisure.
 *
 * Working one out takes time on a thread that the disk needs too. So few are worked out at a time, few for each
 * address, and after a wrong one its place there stays taken for a while.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../clock.ts";
import { type PasswordHash, verifyPassword } from "./password.ts";
import { Turnstile } from "./turnstile.ts";

/** Node has four threads for this and for files. */
const atOnceMax = 2;
const perAddressMax = 4;
const waitingMax = 1024;
const pauseMs = 800;
const acceptedLengthMax = 10_000;
const rejectedLengthMax = 4096;

export class PasswordCheck {
  readonly #clock: Clock;
  readonly #key: Buffer = randomBytes(32);
  /** The digest of the right password, by the text that is kept of it. */
  readonly #accepted: Map<string, Buffer> = new Map();
  /** Digests of wrong ones, oldest first. */
  readonly #rejected: Set<string> = new Set();
  /** By digest. */
  readonly #running: Map<string, Promise<boolean | null>> = new Map();
  readonly #everywhere: Turnstile = new Turnstile(atOnceMax, waitingMax);
  readonly #perAddress: Turnstile = new Turnstile(perAddressMax, waitingMax);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Null: too many are being worked out; nobody has looked at it. */
  async verify(kept: PasswordHash, name: string, password: Buffer, address: string): Promise<boolean | null> {
    const digest = this.#digest(kept, name, password);
    const accepted = this.#accepted.get(kept.text);
    if (accepted !== undefined && timingSafeEqual(accepted, digest)) return true;
    const id = digest.toString("latin1");
    if (this.#rejected.has(id)) return false;
    let running = this.#running.get(id);
    if (running === undefined) {
      running = this.#run(kept, password, address).finally(() => this.#running.delete(id));
      this.#running.set(id, running);
    }
    const isRight = await running;
    if (isRight === true) this.#accept(kept, digest);
    else if (isRight === false) this.#reject(id);
    return isRight;
  }

  /** The name is in it, too: a user that doesn't exist has no password of its own. */
  #digest({ text }: PasswordHash, name: string, password: Buffer): Buffer {
    const who = JSON.stringify([text, name]);
    return createHmac("sha256", this.#key).update(who).update("\0").update(password).digest();
  }

  async #run(kept: PasswordHash, password: Buffer, address: string): Promise<boolean | null> {
    if (!(await this.#perAddress.enter(address))) return null;
    let isRight: boolean | null = null;
    try {
      isRight = await this.#workOut(kept, password);
      return isRight;
    } finally {
      if (isRight === false) this.#clock.after(pauseMs, () => this.#perAddress.leave(address));
      else this.#perAddress.leave(address);
    }
  }

  async #workOut(kept: PasswordHash, password: Buffer): Promise<boolean | null> {
    if (!(await this.#everywhere.enter(""))) return null;
    try {
      return await verifyPassword(kept, password);
    } finally {
      this.#everywhere.leave("");
    }
  }

  #accept({ text }: PasswordHash, digest: Buffer): void {
    if (this.#accepted.size >= acceptedLengthMax) this.#accepted.clear();
    this.#accepted.set(text, digest);
  }

  #reject(id: string): void {
    this.#rejected.add(id);
    if (this.#rejected.size <= rejectedLengthMax) return;
    const [oldest] = this.#rejected;
    this.#rejected.delete(oldest!);
  }
}
