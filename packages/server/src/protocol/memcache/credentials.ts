/** User and password as memcache clients send them. What can't be any is a user that nobody is. */
import type { AuthenticateRequest } from "../../session/request.ts";

/** Nobody means more than this. */
export const credentialBytesMax: number = 4 * 1024;

const space = 0x20;
const nul = 0;

/** `user password`, the data of a `set` in ASCII, as memcached has it. The password may have spaces. */
export function parseAsciiCredentials(data: Buffer): AuthenticateRequest {
  const at = data.indexOf(space);
  return at < 0
    ? request(data, data.subarray(data.length))
    : request(data.subarray(0, at), data.subarray(at + 1));
}

/** SASL PLAIN: `NUL user NUL password`; in front there may be who one wants to be, which is the user or nobody. */
export function parsePlain(data: Buffer): AuthenticateRequest {
  const first = data.indexOf(nul);
  const second = data.indexOf(nul, first + 1);
  const wanted = data.subarray(0, Math.max(0, first));
  const user = data.subarray(first + 1, second);
  const isPlain = first >= 0 && second > first && (wanted.length === 0 || wanted.equals(user));
  return isPlain ? request(user, data.subarray(second + 1)) : request(nobody, nobody);
}

const nobody: Buffer = Buffer.alloc(0);

/** Has a copy of the password: it is looked at when the data is gone. */
function request(user: Buffer, password: Buffer): AuthenticateRequest {
  return { kind: "authenticate", user: user.toString("utf8"), password: Buffer.from(password) };
}
