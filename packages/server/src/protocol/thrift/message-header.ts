/**
 * The beginning of a thrift call in a frame. Numbers are big-endian.
 *
 *      0 frame size (4), of all that follows
 *      4 0x80 0x01 0x00, message type (1)        4 name size (4)
 *      8 name size (4)                           8 name
 *     12 name                                      message type (1)
 *        sequence id (4)                           sequence id (4)
 *        arguments: a struct                       arguments: a struct
 *
 * On the left as clients write it now, on the right as they did once; each is answered in its own way.
 */

/** What begins a call, with its sequence id, which comes back as it went. */
export interface MessageHeader {
  readonly name: string;
  readonly isStrict: boolean;
  readonly isOneway: boolean;
  readonly sequenceId: number;
  /** Offset of the arguments, and of the end of the frame. */
  readonly argumentsStart: number;
  readonly frameEnd: number;
}

export const messageTypes = { call: 1, reply: 2, exception: 3, oneway: 4 } as const;

export const frameHeadSize = 4;
const versionMask = 0xffff_0000;
export const version1 = 0x8001_0000;
const frameBytesMax = 0x7fff_ffff;
/** Of a call whose name is empty, in the old way; what has fewer is no call, and is not waited for. */
const frameBytesMin = 9;
/** Nobody's method is called longer. */
const nameBytesMax = 256;

/**
 * The header at `input[at, end)`; "partial" when not all of it is there yet, "malformed" when it can't be one. Of
 * something else that is sent here by mistake eight bytes are usually enough to tell.
 */
export function parseHeader(input: Buffer, at: number, end: number): MessageHeader | "partial" | "malformed" {
  if (end - at < frameHeadSize) return "partial";
  const frameSize = input.readUInt32BE(at);
  if (frameSize < frameBytesMin || frameSize > frameBytesMax) return "malformed";
  if (end - at < 8) return "partial";
  const first = input.readUInt32BE(at + 4);
  const isStrict = first > frameBytesMax;
  if (isStrict && (first & versionMask) >>> 0 !== version1) return "malformed";
  if (isStrict && end - at < 12) return "partial";
  const nameSize = isStrict ? input.readUInt32BE(at + 8) : first;
  if (nameSize > nameBytesMax) return "malformed";
  const nameStart = at + (isStrict ? 12 : 8);
  const nameEnd = nameStart + nameSize;
  const argumentsStart = nameEnd + (isStrict ? 4 : 5);
  const frameEnd = at + frameHeadSize + frameSize;
  if (argumentsStart > frameEnd) return "malformed";
  if (argumentsStart > end) return "partial";
  const type = isStrict ? first & 0xff : input[nameEnd];
  if (type !== messageTypes.call && type !== messageTypes.oneway) return "malformed";
  return {
    name: input.toString("latin1", nameStart, nameEnd),
    isStrict,
    isOneway: type === messageTypes.oneway,
    sequenceId: input.readUInt32BE(argumentsStart - 4),
    argumentsStart,
    frameEnd,
  };
}
