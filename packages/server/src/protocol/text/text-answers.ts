/** Replies as lines of the text protocol: a sign, what it is, a line feed. */
import type { Output } from "../output.ts";

const line = (text: string): Buffer => Buffer.from(`${text}\n`, "latin1");

export const nothing: Buffer = line("*");
export const zero: Buffer = line("+0");
export const notOpen: Buffer = line("-Not that many transactions open.");

const colon = Buffer.from(":");
const plus = Buffer.from("+");
const lineFeed = line("");

/** The data as it is: whoever puts line feeds into items knows how to read them. */
export function renderItem(output: Output, data: Buffer, start: number, end: number): void {
  output.constant(colon);
  output.data(data, start, end);
  output.constant(lineFeed);
}

export function renderNumber(output: Output, value: number): void {
  output.constant(plus);
  output.decimal(value);
  output.constant(lineFeed);
}

/** One line, whatever the text holds: a message may quote what a client sent. */
export function renderError(output: Output, message: string): void {
  output.text(`-${message.replace(/\p{Cc}/gu, "?")}\n`);
}

export function renderText(output: Output, text: string): void {
  output.text(`:${text}\n`);
}
