// A client for Kestrel nodes and clusters of them.
export { AdminConnection, type AdminConnectionOptions } from "./admin/admin-connection.ts";
export type {
  BatchOutcome,
  CallOptions,
  ClusterHealth,
  ConsumeOptions,
  GetOptions,
  ItemData,
  NodeHealth,
  NodeInfo,
  NodeMetrics,
  NodeResult,
  NodeStats,
  PutOptions,
} from "./call-options.ts";
export type { BackoffOptions } from "./cluster/backoff.ts";
export type { NodeState } from "./cluster/node.ts";
export {
  LATENCY_BOUNDS_MS,
  type Operation,
  type OperationCounts,
  type OperationEvent,
  type OperationOutcome,
} from "./cluster/operations.ts";
export type { PutOutcome } from "./cluster/placement.ts";
export type { Guarantee } from "./cluster/puts.ts";
export type { StrategyName } from "./cluster/strategy.ts";
export { KestrelClusterClient } from "./cluster-client.ts";
export { type Codec, type EncodedItem, json, raw, text } from "./codec.ts";
export type {
  ConsumedItem,
  Consumer,
  FailureAction,
  Handler,
  ItemFailure,
  StopOptions,
  UnconfirmedItem,
} from "./consumer/consumer.ts";
export type { FailurePolicy, RetryPolicy } from "./consumer/failure-policy.ts";
export type { DnsResolver } from "./discovery/dns-lookup.ts";
export { KestrelClientError, type KestrelClientErrorCode } from "./errors.ts";
export type { ClusterEvents } from "./events.ts";
export type { Instrumentation, PutCall } from "./instrumentation.ts";
export { Item, OpenItem } from "./item.ts";
export {
  DEFAULT_PORT,
  DEFAULT_THRIFT_PORT,
  type NodeAddress,
  type NodeSpec,
  parseNodeAddress,
  type ServerSpec,
} from "./node-address.ts";
export type { ClusterOptions, DiscoveryOptions, TransportName } from "./options.ts";
export { connectToNode, type NodeEndpoint } from "./transport/node-socket.ts";
export { type NodeTls, resolveTls, type TlsOptions } from "./transport/tls-options.ts";
export type { TransportErrorKind } from "./transport/transport-error.ts";
export type { QueueCalls, TypedItem, TypedPutOptions, TypedQueue } from "./typed-queue.ts";
