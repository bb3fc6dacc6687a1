/**
 * Passwords as they are kept: a text that says all that is needed to check one, and from which nobody gets the
 * password back.
 *
 *     scrypt$<cost>$<block size>$<parallelization>$<salt>$<hash>      salt and hash in base64url
 *
 * Checking is slow on purpose, and done outside the event loop (`password-check.ts` sees to it that it is rare).
 */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";

export interface PasswordHash {
  /** As it stands in the settings. */
  readonly text: string;
  readonly cost: number;
  readonly blockSize: number;
  readonly parallelization: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** What a password may be is bounded, and so is what a wrong one may cost. */
export const passwordBytesMax = 1024;
/** A check takes 128 bytes times cost times block size: no settings file may ask for more. */
const checkBytesMax = 256 * 1024 * 1024;
const parallelizationMax = 16;
const saltSize = 16;
const hashSize = 32;

/** A twentieth of a second and 16 MB a check: much for who tries a list of words, little for who does it once. */
const usual = { cost: 2 ** 14, blockSize: 8, parallelization: 1 } as const;

/** The text to keep; another one each time. `cost` is a power of two. */
export async function hashPassword(password: Buffer, cost: number = usual.cost): Promise<string> {
  const salt = randomBytes(saltSize);
  const { blockSize, parallelization } = usual;
  const hash = await derive(password, { cost, blockSize, parallelization, salt }, hashSize);
  return `scrypt$${cost}$${blockSize}$${parallelization}$${salt.toString("base64url")}$${hash.toString("base64url")}`;
}

/** Undefined when the text is no such hash. */
export function parsePasswordHash(text: string): PasswordHash | undefined {
  const match = /^scrypt\$(\d{1,7})\$(\d{1,3})\$(\d{1,2})\$([\w-]{11,86})\$([\w-]{43,86})$/.exec(text);
  if (match === null) return undefined;
  const [cost, blockSize, parallelization] = match.slice(1, 4).map(Number) as [number, number, number];
  const isPower = cost > 1 && (cost & (cost - 1)) === 0;
  const isBounded =
    blockSize > 0 &&
    parallelization > 0 &&
    parallelization <= parallelizationMax &&
    128 * cost * blockSize <= checkBytesMax;
  if (!isPower || !isBounded) return undefined;
  const [salt, hash] = match.slice(4).map((part) => Buffer.from(part, "base64url")) as [Buffer, Buffer];
  return { text, cost, blockSize, parallelization, salt, hash };
}

/** A hash that no password has, at the usual cost: for users that don't exist. */
export function makeDecoy({ cost, blockSize, parallelization }: Cost = usual): PasswordHash {
  const [salt, hash] = [randomBytes(saltSize), randomBytes(hashSize)];
  return { text: "", cost, blockSize, parallelization, salt, hash };
}

type Cost = Pick<PasswordHash, "cost" | "blockSize" | "parallelization">;

/** How long it takes tells nothing about the password. */
export async function verifyPassword(kept: PasswordHash, password: Buffer): Promise<boolean> {
  const isSame = timingSafeEqual(await derive(password, kept, kept.hash.length), kept.hash);
  // To the function, zeros behind a password are nothing; to us they are another password.
  return isSame && !password.includes(0);
}

function derive(
  password: Buffer,
  { cost, blockSize, parallelization, salt }: Cost & Pick<PasswordHash, "salt">,
  size: number,
): Promise<Buffer> {
  const options: ScryptOptions = {
    cost,
    blockSize,
    parallelization,
    // Its own bound is just below what it needs.
    maxmem: 2 * 128 * blockSize * (cost + parallelization),
  };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, size, options, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}
