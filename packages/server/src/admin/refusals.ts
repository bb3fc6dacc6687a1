/** The engine's refusals in HTTP's words. */
import type { KestrelError, KestrelErrorCode } from "../errors.ts";
import { HttpError } from "./answer.ts";

const statuses: Readonly<Record<KestrelErrorCode, number>> = {
  "bad-name": 400,
  "bad-request": 400,
  "read-open": 409,
  "too-many-open": 409,
  unavailable: 503,
  unauthenticated: 401,
  forbidden: 403,
  disk: 507,
  memory: 503,
};

export function httpErrorOf(error: KestrelError): HttpError {
  return new HttpError(statuses[error.code], error.message);
}
