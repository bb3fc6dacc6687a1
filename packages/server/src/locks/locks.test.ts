import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { QueueRules } from "../settings/queue-rules.ts";
import { CollectedLog } from "../testing/collected-log.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { keepQuickly, makeUser } from "../testing/quick-passwords.ts";
import type { Identity } from "./identity.ts";
import type { UserSettings } from "./lock-settings.ts";
import { Locks } from "./locks.ts";
import { makeToken } from "./token.ts";

const derived = vi.hoisted(() => ({
  passwords: [] as string[],
  /** How each was worked out. */
  options: [] as object[],
  /** How often two secrets, or what was made of them, were compared. */
  comparisons: 0,
  running: 0,
  runningMax: 0,
}));

/** The real functions; but it is seen what is worked out, and how much of it at a time. */
vi.mock("node:crypto", async (load) => {
  const crypto = await load<typeof import("node:crypto")>();
  return {
    ...crypto,
    timingSafeEqual: (one: Buffer, other: Buffer) => {
      derived.comparisons++;
      return crypto.timingSafeEqual(one, other);
    },
    scrypt: (password: Buffer, salt: Buffer, size: number, options: object, done: (...args: []) => void) => {
      derived.passwords.push(password.toString());
      derived.options.push(options);
      derived.runningMax = Math.max(derived.runningMax, ++derived.running);
      crypto.scrypt(password, salt, size, options, (...args) => {
        derived.running--;
        (done as (...args: unknown[]) => void)(...args);
      });
    },
  };
});

class Port {
  readonly clock = new FakeClock();
  readonly log = new CollectedLog();
  readonly locks: Locks;

  constructor(users: readonly UserSettings[], rules = new QueueRules()) {
    this.locks = new Locks({ users, rules, clock: this.clock, logger: this.log });
    derived.passwords.length = 0;
    derived.options.length = 0;
    derived.comparisons = 0;
    derived.runningMax = 0;
  }

  /** Time goes by until the answer is there. Gives the user's name, or how long it took to be refused. */
  async ask(answer: Promise<Identity | null>): Promise<string | number> {
    let identity: Identity | null | undefined;
    const began = this.clock.now();
    answer.then((given) => (identity = given));
    while (identity === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      if (derived.running === 0 && identity === undefined) this.clock.advance(10);
    }
    return identity === null ? this.clock.now() - began : (identity.user?.name ?? "nobody");
  }

  try(user: string, password: string, address = "10.0.0.1"): Promise<string | number> {
    return this.ask(this.locks.authenticate(user, Buffer.from(password), address));
  }
}

describe("a password", () => {
  test("lets its own user in", async () => {
    const port = new Port([await makeUser("shop", "secret"), await makeUser("other", "word")]);
    expect(await port.try("shop", "secret")).toBe("shop");
    expect(await port.try("other", "word")).toBe("other");
    for (const [user, password] of [
      ["shop", "word"],
      ["shop", ""],
      ["shop", "secret\0"],
      ["shop", "SECRET"],
      ["", "secret"],
      ["Shop", "secret"],
      ["nobody", "secret"],
      ["__proto__", "secret"],
    ] as const) {
      expect(await port.try(user, password), user).toBeTypeOf("number");
    }
    expect(port.locks.isOpen).toBe(false);
  });

  test("that nobody is asked for is any", async () => {
    const port = new Port([]);
    expect(await port.try("anybody", "anything")).toBe("nobody");
    expect(port.locks.isOpen).toBe(true);
    expect(derived.passwords).toEqual([]);
  });

  test("is worked out once, however many connections bring it", async () => {
    const port = new Port([await makeUser("shop", "secret")]);
    const many = Array.from({ length: 3000 }, () => port.try("shop", "secret"));
    expect(new Set(await Promise.all(many))).toEqual(new Set(["shop"]));
    expect(await port.try("shop", "secret")).toBe("shop");
    expect(derived.passwords).toEqual(["secret"]);
    // However it is known again, how long that takes says nothing.
    expect(derived.comparisons).toBe(2);
  });

  test("that is wrong is worked out once, too", async () => {
    const port = new Port([await makeUser("shop", "secret")]);
    for (let i = 0; i < 5; i++) expect(await port.try("shop", "old")).toBeTypeOf("number");
    expect(derived.passwords).toEqual(["old"]);
  });

  test("of a user that doesn't exist is worked out as one of a user that does", async () => {
    const port = new Port([
      await makeUser("shop", "secret"),
      await makeUser("token only", "", { password: null }),
    ]);
    for (const user of ["nobody", "shop", "token only", "somebody"]) await port.try(user, "guess", user);
    expect(derived.passwords).toEqual(["guess", "guess", "guess", "guess"]);
    expect(new Set(derived.options.map((options) => JSON.stringify(options))).size).toBe(1);
    expect(derived.comparisons).toBe(4);
    for (const user of ["nobody", "shop", "token only", "somebody"]) await port.try(user, "guess", user);
    expect(derived.passwords.length).toBe(4);
  });
});

describe("who guesses", () => {
  test("waits longer and longer for the answer, also for what was answered before", async () => {
    const port = new Port([await makeUser("shop", "secret")]);
    const waits: (string | number)[] = [];
    for (const guess of ["1", "2", "2", "2", "2", "3"]) waits.push(await port.try("shop", guess));
    expect(waits).toEqual([100, 200, 400, 800, 800, 800]);
    expect(await port.try("shop", "guess", "10.0.0.2")).toBe(100);
    // Who knows the password is not made to wait, whoever else is at this address.
    expect(await port.try("shop", "secret")).toBe("shop");
  });

  test("is in the log now and then, with neither password nor what may be one", async () => {
    const port = new Port([await makeUser("shop", "secret")]);
    for (let i = 0; i < 9; i++) await port.try("shop", `guess${i}`);
    await port.try("guess", "shop", "10.0.0.2");
    expect(
      port.log.having("somebody was not let in").map(({ level, fields }) => ({ level, ...fields })),
    ).toEqual([
      ...[1, 2, 4, 8].map((failures) => ({ level: "warn", user: "shop", address: "10.0.0.1", failures })),
      { level: "warn", user: "unknown", address: "10.0.0.2", failures: 1 },
    ]);
    expect(JSON.stringify(port.log.lines)).not.toContain("guess");
  });

  test("takes neither the threads nor the turn of others", async () => {
    const port = new Port([await makeUser("shop", "secret")]);
    const guesses = Array.from({ length: 50 }, (_, i) => port.try("shop", `guess${i}`));
    const own = port.try("shop", "secret", "10.0.0.2");
    expect(await own).toBe("shop");
    expect(derived.passwords.indexOf("secret")).toBeLessThan(6);
    await Promise.all(guesses);
    expect(derived.passwords.length).toBe(51);
    expect(derived.runningMax).toBe(2);
  });

  test("from everywhere at once is not even looked at beyond a bound", async () => {
    const port = new Port([await makeUser("shop", "secret")]);
    const guesses = Array.from({ length: 3000 }, (_, i) => port.try("shop", `guess${i}`));
    for (const wait of await Promise.all(guesses)) expect(wait).toBeTypeOf("number");
    expect(derived.passwords.length).toBeLessThan(1100);
    expect(await port.try("shop", "secret")).toBe("shop");
  });
});

describe("a token", () => {
  test("stands for its user", async () => {
    const { token, hash } = makeToken();
    const port = new Port([
      await makeUser("shop", "secret"),
      await makeUser("scraper", "", { password: null, token: hash }),
    ]);
    const ask = (text: string): Promise<string | number> =>
      port.ask(port.locks.authenticateToken(text, "10.0.0.1"));
    expect(await ask(token)).toBe("scraper");
    expect(await ask(makeToken().token)).toBe(100);
    expect(await ask(hash)).toBe(200);
    expect(await ask("")).toBe(400);
    expect(await port.try("scraper", token)).toBe(800);
  });
});

describe("new users and rules", () => {
  test("hold at once, and only who has another password has to say it again", async () => {
    const [shop, other, gone] = await Promise.all(
      ["shop", "other", "gone"].map((name) => makeUser(name, "secret", { get: ["q"] })),
    );
    const { locks } = new Port([shop!, other!, gone!]);
    const before = await Promise.all(
      ["shop", "other", "gone"].map((name) => locks.authenticate(name, Buffer.from("secret"), "")),
    );
    const nobody = locks.nobody;
    const rules = new QueueRules({ queues: [["q", { clientIdForDequeue: "other" }]] });
    locks.change(
      [
        { ...shop!, put: ["q"] },
        { ...other!, password: await keepQuickly("new") },
      ],
      rules,
    );
    expect(before.map((identity) => identity!.isStale)).toEqual([true, true, true]);
    const after = before.map((identity) => locks.renew(identity!));
    expect(after.map(({ user, isBarred }) => [user?.name, isBarred])).toEqual([
      ["shop", false],
      [undefined, true],
      [undefined, true],
    ]);
    expect([after[0]!.may("put", "q"), after[0]!.may("get", "q")]).toEqual([true, false]);
    expect(nobody.isStale).toBe(true);
    expect(locks.renew(nobody)).toBe(locks.nobody);
    expect(await locks.authenticate("other", Buffer.from("new"), "")).not.toBeNull();
  });

  test("can close a node that was open, and open it again", async () => {
    const { locks } = new Port([]);
    const visitor = locks.nobody;
    expect([locks.isOpen, visitor.isBarred]).toEqual([true, false]);
    locks.change([await makeUser("shop", "secret")], new QueueRules());
    expect([locks.isOpen, visitor.isStale, locks.renew(visitor).isBarred]).toEqual([false, true, true]);
    locks.change([], new QueueRules());
    expect([locks.isOpen, locks.nobody.isBarred]).toEqual([true, false]);
    locks.change([], new QueueRules({ queues: [["q", { clientIdForEnqueue: "shop" }]] }));
    expect([locks.isOpen, locks.nobody.isBarred]).toEqual([false, false]);
  });

  test("that come while a password is checked count", async () => {
    const shop = await makeUser("shop", "secret");
    const changed = { ...shop, password: await keepQuickly("new") };
    const port = new Port([shop]);
    const asked = port.try("shop", "secret");
    port.locks.change([changed], new QueueRules());
    expect(await asked).toBeTypeOf("number");
  });

  test("that make no sense change nothing", async () => {
    const shop = await makeUser("shop", "secret");
    const { locks } = new Port([shop]);
    for (const wrong of [{ password: "secret" }, { token: "secret" }]) {
      expect(() => locks.change([{ ...shop, ...wrong }], new QueueRules())).toThrow("of shop is no hash");
      expect(() => locks.change([{ ...shop, ...wrong }], new QueueRules())).not.toThrow("secret");
    }
    expect(locks.nobody.isStale).toBe(false);
    expect(await locks.authenticate("shop", Buffer.from("secret"), "")).not.toBeNull();
  });
});

test("whatever is said, only the password itself lets its user in", async () => {
  const port = new Port([await makeUser("shop", "secret"), await makeUser("bäcker", "brot\u00a0")]);
  const known: Record<string, string> = { shop: "secret", bäcker: "brot\u00a0" };
  const user = fc.oneof(fc.constantFrom("shop", "bäcker"), fc.string({ unit: "binary" }));
  const password = fc.oneof(fc.constantFrom("secret", "brot\u00a0", "brot "), fc.string({ unit: "binary" }));
  await fc.assert(
    fc.asyncProperty(user, password, fc.string(), async (name, word, address) => {
      const isRight = Object.hasOwn(known, name) && Buffer.from(known[name]!).equals(Buffer.from(word));
      const answer = await port.try(name, word, address);
      if (isRight) expect(answer).toBe(name);
      else expect(answer).toBeTypeOf("number");
    }),
    { numRuns: 150 },
  );
});
