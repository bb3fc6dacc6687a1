/** Users whose passwords are quickly checked: for tests. */
import type { UserSettings } from "../locks/lock-settings.ts";
import { hashPassword } from "../locks/password.ts";

/** No password that anybody should have. */
const quickCost = 16;

/** What the settings keep of a password. */
export function keepQuickly(password: string): Promise<string> {
  return hashPassword(Buffer.from(password), quickCost);
}

/** A user with a password, and no rights unless given. */
export async function makeUser(
  name: string,
  password: string,
  rights: Partial<UserSettings> = {},
): Promise<UserSettings> {
  const kept = await keepQuickly(password);
  return { name, password: kept, token: null, put: [], get: [], admin: false, ...rights };
}
