/** Names in bytes that anybody may have sent. */

export const notUtf8 = "a queue's name is UTF-8";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Undefined: these bytes are no UTF-8. */
export function decodeUtf8(bytes: Buffer): string | undefined {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i]! >= 0x80) return decodeBeyondAscii(bytes);
  }
  return bytes.toString("latin1");
}

function decodeBeyondAscii(bytes: Buffer): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
