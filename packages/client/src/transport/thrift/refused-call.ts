// A call that the node has answered with an exception.

import { TransportError, type TransportErrorKind } from "../transport-error.ts";
import type { AnswerReader } from "./answer-reader.ts";
import { TYPE } from "./call-writer.ts";

/** Kinds of TApplicationException. */
const EXCEPTION = { unknownMethod: 1, internalError: 6 } as const;

/** What our nodes say in a field of their own; others have only words for people. */
const KINDS: ReadonlyMap<string, TransportErrorKind> = new Map([
  ["bad-name", "invalid"],
  ["bad-request", "invalid"],
  ["read-open", "invalid"],
  ["too-many-open", "invalid"],
  ["too-large", "invalid"],
  ["unavailable", "unavailable"],
  ["unauthenticated", "unauthorized"],
  ["forbidden", "forbidden"],
]);

export class RefusedCall extends TransportError {
  /** The node has no such method: it is another's, or older. */
  readonly isUnknownMethod: boolean;
  /** Too large for the node to look at. */
  readonly isTooLarge: boolean;

  constructor(type: number, text: string, code: string | undefined) {
    const unknown = type === EXCEPTION.internalError ? "failed" : "invalid";
    super((code === undefined ? undefined : KINDS.get(code)) ?? unknown, `the node answered "${text}"`);
    this.isUnknownMethod = type === EXCEPTION.unknownMethod;
    this.isTooLarge = code === "too-large";
  }
}

/** Reads the exception behind an answer's header. Throws MalformedAnswer. */
export function readRefusal(reader: AnswerReader): RefusedCall {
  let text = "";
  let type = 0;
  let code: string | undefined;
  while (reader.nextField()) {
    if (reader.isField(1, TYPE.string)) text = reader.text().slice(0, 200);
    else if (reader.isField(2, TYPE.i32)) type = reader.int32();
    else if (reader.isField(3, TYPE.string)) code = reader.text();
    else reader.skipField();
  }
  return new RefusedCall(type, text, code);
}
