/**
 * The status of a node, which says what it may be used for, and how to ask for it and set it.
 */
import { CommandError, UsageError } from "../exit-code.ts";
import type { Admin } from "./node-inquiry.ts";

/** What a user may write, and the node's word for it. */
const words: Readonly<Record<string, string>> = {
  up: "UP",
  readonly: "READONLY",
  "read-only": "READONLY",
  writeavoid: "WRITEAVOID",
  "write-avoid": "WRITEAVOID",
  quiescent: "QUIESCENT",
};

/** The node's word for a status; undefined when `text` names none. */
export function findStatus(text: string): string | undefined {
  return Object.hasOwn(words, text.toLowerCase()) ? words[text.toLowerCase()] : undefined;
}

/** The node's word for a status. Throws UsageError. */
export function parseStatus(text: string): string {
  const status = findStatus(text);
  if (status === undefined)
    throw new UsageError(`"${text}" is no status: up, readonly, writeavoid or quiescent`);
  return status;
}

export async function askStatus(admin: Admin): Promise<string> {
  return await admin.line("status");
}

/** Resolves with the status that the node has then, which may follow only after its grace period. */
export async function setStatus(admin: Admin, status: string): Promise<string> {
  const answer = await admin.line(`status ${status}`);
  if (answer !== "END") throw new CommandError(`the node answered "${answer}" to status ${status}`);
  return await askStatus(admin);
}
