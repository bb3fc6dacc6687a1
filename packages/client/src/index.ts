export { AdminConnection, type AdminConnectionOptions } from "./admin/admin-connection.ts";
export type { BackoffOptions } from "./cluster/backoff.ts";
export type { NodeState } from "./cluster/node.ts";
export type { Guarantee, PutOutcome } from "./cluster/puts.ts";
export type { StrategyName } from "./cluster/strategy.ts";
export {
  type ClusterEvents,
  type GetOptions,
  KestrelClusterClient,
  type NodeInfo,
  type NodeResult,
  type NodeStats,
  type PutOptions,
} from "./cluster-client.ts";
export { KestrelClientError, type KestrelClientErrorCode } from "./errors.ts";
export { Item, OpenItem } from "./item.ts";
export {
  DEFAULT_PORT,
  type NodeAddress,
  type NodeSpec,
  parseNodeAddress,
  type ServerSpec,
} from "./node-address.ts";
