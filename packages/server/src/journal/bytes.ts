/** Little-endian 64-bit numbers. Ids, times and sizes stay below 2^53, so a JavaScript number holds each exactly. */

const high = 0x1_0000_0000;

export function readU64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * high + view.getUint32(at, true);
}

export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / high), true);
}

/** A view of exactly the bytes of `buffer`. */
export function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
