/** Memcache on a port: ASCII and binary on the same one, as memcached does. */
import type { Codec, Wire } from "../codec.ts";
import { AsciiCodec } from "./ascii-codec.ts";
import { BinaryCodec } from "./binary-codec.ts";
import { requestMagic } from "./binary-frame.ts";
import type { MemcacheHost } from "./memcache-host.ts";

/** A codec for a new connection, which has sent its first byte. */
export function makeMemcacheCodec(firstByte: number, wire: Wire, host: MemcacheHost): Codec {
  return firstByte === requestMagic ? new BinaryCodec(wire, host) : new AsciiCodec(wire, host);
}
