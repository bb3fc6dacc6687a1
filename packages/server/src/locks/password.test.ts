import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hashPassword, makeDecoy, parsePasswordHash, verifyPassword } from "./password.ts";

/** Quick, for tests. */
const cost = 16;

async function keep(password: string): Promise<string> {
  return hashPassword(Buffer.from(password), cost);
}

describe("a kept password", () => {
  test("says how it was made, and is another one each time", async () => {
    const text = await hashPassword(Buffer.from("secret"));
    expect(text).toMatch(/^scrypt\$16384\$8\$1\$[\w-]{22}\$[\w-]{43}$/);
    expect(await verifyPassword(parsePasswordHash(text)!, Buffer.from("secret"))).toBe(true);
    expect(await verifyPassword(parsePasswordHash(text)!, Buffer.from("Secret"))).toBe(false);
    expect(await keep("secret")).not.toBe(await keep("secret"));
  });

  test("lets in the one password, whatever bytes it has", async () => {
    const bytes = fc.uint8Array({ min: 1, maxLength: 64 }).map((array) => Buffer.from(array));
    await fc.assert(
      fc.asyncProperty(bytes, bytes, async (password, other) => {
        const kept = parsePasswordHash(await hashPassword(password, cost))!;
        expect(await verifyPassword(kept, password)).toBe(true);
        expect(await verifyPassword(kept, other)).toBe(password.equals(other));
        expect(await verifyPassword(kept, Buffer.concat([password, Buffer.alloc(1)]))).toBe(false);
      }),
      { numRuns: 50 },
    );
  });

  test("a decoy lets nobody in", async () => {
    const decoy = makeDecoy({ cost, blockSize: 8, parallelization: 1 });
    for (const guess of ["", "secret", "decoy"]) {
      expect(await verifyPassword(decoy, Buffer.from(guess))).toBe(false);
    }
  });
});

describe("what is no kept password", () => {
  const salt = "A".repeat(22);
  const hash = "A".repeat(43);

  test.each([
    ["a password", "secret"],
    ["nothing", ""],
    ["another function", `bcrypt$16$8$1$${salt}$${hash}`],
    ["a cost that is no power of two", `scrypt$15$8$1$${salt}$${hash}`],
    ["no cost", `scrypt$1$8$1$${salt}$${hash}`],
    ["a cost that would take all memory", `scrypt$4194304$8$1$${salt}$${hash}`],
    ["a block size that would", `scrypt$1048576$999$1$${salt}$${hash}`],
    ["many rounds", `scrypt$16$8$99$${salt}$${hash}`],
    ["no block", `scrypt$16$0$1$${salt}$${hash}`],
    ["a short hash", `scrypt$16$8$1$${salt}$AAAA`],
    ["no salt", `scrypt$16$8$1$$${hash}`],
    ["a line end behind it", `scrypt$16$8$1$${salt}$${hash}\n`],
  ])("%s", (_, text) => {
    expect(parsePasswordHash(text)).toBeUndefined();
  });

  test("any text is one or is none", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parsePasswordHash(text)).toBeUndefined();
      }),
    );
  });
});
