/**
 * Bytes as written in transcripts: `\r`, `\n`, `\s` (space), `\0`, `\\` and `\x80` stand for one byte, and
 * `\[ab*3]` for `ababab`; all else for itself, as Latin-1.
 */

const escapes: Record<string, string> = { r: "\r", n: "\n", s: " ", "0": "\0", "\\": "\\" };

/** The bytes that the text stands for. Throws on an escape that is none of the above. */
export function readBytes(text: string): Buffer {
  const plain = text.replace(
    /\\(?:x([0-9a-f]{2})|\[([^*]+)\*(\d+)\]|(.))/gi,
    (whole, hex?: string, repeated?: string, count?: string, letter?: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (repeated !== undefined) return repeated.repeat(Number(count));
      const byte = escapes[letter!];
      if (byte === undefined) throw new Error(`unknown escape ${whole} in a transcript`);
      return byte;
    },
  );
  return Buffer.from(plain, "latin1");
}
