// Which wire leads to a node.

import type { ResolvedNodeSpec } from "../node-address.ts";
import type { ResolvedOptions } from "../options.ts";
import { MemcacheTransport } from "./memcache/memcache-transport.ts";
import { ThriftTransport } from "./thrift/thrift-transport.ts";
import type { NodeTransport } from "./transport.ts";

/** What comes around an item in an answer: header and flags. */
const BYTES_AROUND_ITEM = 1024;
/** What a node may gather for one answer before the item that is the last. */
const GATHERED_BYTES_MAX = 8 * 1024 * 1024;

/** A transport to one node, connected when it is first used. */
export function createTransport({ host, port }: ResolvedNodeSpec, options: ResolvedOptions): NodeTransport {
  const { credentials, tls } = options;
  const common = {
    host,
    port,
    timeoutMs: options.timeoutMs,
    connectTimeoutMs: options.connectTimeoutMs,
    readConnectionsMax: options.readConnectionsMax,
    idleMs: options.idleMs,
    waitingMax: options.waitingPutsMax,
    waitingBytesMax: options.waitingPutBytesMax,
    ...(credentials !== undefined && { credentials }),
    ...(tls !== undefined && { tls }),
  };
  if (options.transport === "memcache") {
    return new MemcacheTransport({ ...common, replyBytesMax: options.itemBytesMax + BYTES_AROUND_ITEM });
  }
  return new ThriftTransport({
    ...common,
    answerBytesMax: options.itemBytesMax + GATHERED_BYTES_MAX,
    autoAbortMs: options.autoAbortMs,
  });
}
