/** What an item's data is, shown as text, as JSON, or byte by byte. */

/** An item's data as the admin port sends it: text where it is text. */
export interface ItemData {
  readonly text?: string;
  readonly base64?: string;
}

export type View = "auto" | "text" | "json" | "hex";

export interface Shown {
  /** What it is shown as: never `auto`. */
  readonly view: Exclude<View, "auto">;
  readonly content: string;
}

/** Null: it can't be shown that way, since it is no JSON. `auto` shows JSON, else text, else bytes. */
export function show(data: ItemData, view: View): Shown | null {
  if (view === "hex") return { view, content: renderHex(bytesOf(data)) };
  if (view === "text") return { view, content: visible(textOf(data)) };
  const json = data.text === undefined ? undefined : findJson(data.text, view === "json");
  if (json !== undefined) return { view: "json", content: json };
  if (view === "json") return null;
  return show(data, data.text === undefined || isBinary(data.text) ? "hex" : "text");
}

const previewLength = 160;

/** Its beginning on one line. */
export function preview(data: ItemData): string {
  const { view, content } = show(data, "auto")!;
  if (view === "hex") return content.slice(6, 54).trim();
  return visible(textOf(data).trim().replace(/\s+/g, " ").slice(0, previewLength));
}

/** Indented; a bare number or word is JSON only if somebody insists. */
function findJson(text: string, isInsisted: boolean): string | undefined {
  if (!isInsisted && !/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return undefined;
  }
}

function bytesOf({ text, base64 }: ItemData): Uint8Array {
  if (text !== undefined) return new TextEncoder().encode(text);
  return Uint8Array.from(atob(base64 ?? ""), (character) => character.charCodeAt(0));
}

function textOf(data: ItemData): string {
  return data.text ?? new TextDecoder().decode(bytesOf(data));
}

/** Control characters but white space, of which no text has many. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;

function isBinary(text: string): boolean {
  return (text.match(controls)?.length ?? 0) > text.length / 20;
}

/** Control characters as the pictures that Unicode has for them. */
function visible(text: string): string {
  return text.replace(controls, (character) =>
    character === "\u007f" ? "\u2421" : String.fromCharCode(0x2400 + character.charCodeAt(0)),
  );
}

const bytesPerLine = 16;

/** Place, sixteen bytes, and what of them is ASCII. */
function renderHex(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let start = 0; start < bytes.length; start += bytesPerLine) {
    const line = [...bytes.subarray(start, start + bytesPerLine)];
    const hex = line.map((byte) => byte.toString(16).padStart(2, "0"));
    const left = hex.slice(0, 8).join(" ");
    const right = hex.slice(8).join(" ");
    const ascii = line.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·"));
    lines.push(
      `${start.toString(16).padStart(4, "0")}  ${`${left}  ${right}`.padEnd(48)}  ${ascii.join("")}`,
    );
  }
  return lines.join("\n");
}
