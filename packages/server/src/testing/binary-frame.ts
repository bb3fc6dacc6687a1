/** Frames of the memcache binary protocol, by hand. */

export interface FrameFields {
  readonly opcode: number;
  readonly opaque?: number;
  /** In hex. */
  readonly extras?: string;
  readonly key?: string;
  readonly value?: string | Buffer;
}

const headerSize = 24;

export function requestFrame(fields: FrameFields): Buffer {
  const extras = Buffer.from(fields.extras ?? "", "hex");
  const key = Buffer.from(fields.key ?? "");
  const value = Buffer.from(fields.value ?? "");
  const header = Buffer.alloc(headerSize);
  header[0] = 0x80;
  header[1] = fields.opcode;
  header.writeUInt16BE(key.length, 2);
  header[4] = extras.length;
  header.writeUInt32BE(extras.length + key.length + value.length, 8);
  header.writeUInt32BE(fields.opaque ?? 0, 12);
  return Buffer.concat([header, extras, key, value]);
}

export function saslFrame(user: string, password: string, mechanism = "PLAIN"): Buffer {
  return requestFrame({ opcode: 0x21, key: mechanism, value: `\0${user}\0${password}` });
}

export interface AnswerFrame {
  readonly opcode: number;
  readonly status: number;
  readonly value: string;
}

/** Whole frames; throws on anything else. */
export function readAnswerFrames(bytes: Buffer): AnswerFrame[] {
  const answers: AnswerFrame[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] !== 0x81) throw new Error(`no answer: ${bytes.toString("latin1", at)}`);
    const end = at + headerSize + bytes.readUInt32BE(at + 8);
    if (end > bytes.length) throw new Error("half an answer");
    const valueStart = at + headerSize + bytes[at + 4]! + bytes.readUInt16BE(at + 2);
    const value = bytes.toString("latin1", valueStart, end);
    answers.push({ opcode: bytes[at + 1]!, status: bytes.readUInt16BE(at + 6), value });
    at = end;
  }
  return answers;
}
