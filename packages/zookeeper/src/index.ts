/** A session with ZooKeeper, on connections that are thrown away on any failure. */
export type {
  ConnectZookeeper,
  ZookeeperAclEntry,
  ZookeeperAddress,
  ZookeeperConnection,
  ZookeeperOptions,
  ZookeeperSession,
  ZookeeperStat,
} from "./connection.ts";
export { loadZookeeper } from "./load-zookeeper.ts";
export { ZookeeperError } from "./zookeeper-error.ts";
