// The memcache binary protocol from the server's side, for the servers that tests run. Written from the
// protocol, not with memjs, so that both don't share a mistake.

export interface RequestFrame {
  readonly opcode: number;
  readonly key: string;
  readonly extras: Buffer;
  readonly value: Buffer;
  readonly opaque: number;
}

export interface ReplyParts {
  readonly status?: number;
  readonly extras?: Buffer;
  readonly key?: string;
  readonly value?: Buffer | string;
}

const HEADER_BYTES = 24;

/** Takes whole requests off the front of the bytes; gives them with what is left over. */
export function parseRequests(bytes: Buffer): { requests: RequestFrame[]; rest: Buffer } {
  const requests: RequestFrame[] = [];
  let offset = 0;
  while (bytes.length - offset >= HEADER_BYTES) {
    if (bytes[offset] !== 0x80) throw new Error(`bad magic 0x${bytes[offset]!.toString(16)}`);
    const keySize = bytes.readUInt16BE(offset + 2);
    const extrasSize = bytes[offset + 4]!;
    const size = HEADER_BYTES + bytes.readUInt32BE(offset + 8);
    if (bytes.length - offset < size) break;
    const keyOffset = offset + HEADER_BYTES + extrasSize;
    requests.push({
      opcode: bytes[offset + 1]!,
      key: bytes.toString("utf8", keyOffset, keyOffset + keySize),
      extras: bytes.subarray(offset + HEADER_BYTES, keyOffset),
      value: bytes.subarray(keyOffset + keySize, offset + size),
      opaque: bytes.readUInt32BE(offset + 12),
    });
    offset += size;
  }
  return { requests, rest: bytes.subarray(offset) };
}

/** The bytes of one reply. */
export function renderReply(opcode: number, opaque: number, parts: ReplyParts = {}): Buffer {
  const extras = parts.extras ?? Buffer.alloc(0);
  const key = Buffer.from(parts.key ?? "");
  const value = Buffer.from(parts.value ?? "");
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = 0x81;
  header[1] = opcode;
  header.writeUInt16BE(key.length, 2);
  header[4] = extras.length;
  header.writeUInt16BE(parts.status ?? 0, 6);
  header.writeUInt32BE(extras.length + key.length + value.length, 8);
  header.writeUInt32BE(opaque, 12);
  return Buffer.concat([header, extras, key, value]);
}

/** The reply to a get that found something. */
export function renderItem(request: RequestFrame, data: Buffer | string, flags = 0): Buffer {
  const extras = Buffer.alloc(4);
  extras.writeUInt32BE(flags);
  return renderReply(request.opcode, request.opaque, { extras, value: data });
}

/** The reply to a get that found nothing. */
export function renderMiss(request: RequestFrame): Buffer {
  return renderReply(request.opcode, request.opaque, { status: 1, value: "Not found" });
}
