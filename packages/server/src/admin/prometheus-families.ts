/** The metrics that Prometheus gets: names by its conventions, base units, counters that end in `_total`. */
import { findHeadTime } from "../queue/browse.ts";
import { queueMemoryBytes } from "../queue/queue-stats.ts";
import { serverStatuses } from "../settings/server-settings.ts";
import { renderStatus } from "../status/node-status.ts";
import { version } from "../version.ts";
import {
  histogram,
  ofQueue,
  ofServer,
  one,
  type QueueMetricFamily,
  type ServerMetricFamily,
  summary,
} from "./metric-family.ts";

const statuses = serverStatuses.map(renderStatus);
const microsPerSecond = 1_000_000;
const msPerSecond = 1000;

export const serverMetricFamilies: readonly ServerMetricFamily[] = [
  {
    name: "kestrel_info",
    help: "The version that runs.",
    type: "gauge",
    read: () => one(1, { version, node_version: process.versions.node }),
  },
  {
    name: "kestrel_status",
    help: "1 for the status that the node has, 0 for the others.",
    type: "gauge",
    read: ({ controls }) =>
      statuses.map((status) => ({
        labels: { status: status.toLowerCase() },
        value: Number(status === controls.status),
      })),
  },
  ofServer("gauge", "kestrel_items", "Items in all queues.", ({ queues }) => queues.items),
  ofServer("gauge", "kestrel_bytes", "Bytes of data in all queues.", ({ queues }) => queues.bytes),
  ofServer("gauge", "kestrel_queues", "Queues that exist.", ({ queues }) => queues.names().length),
  ofServer(
    "gauge",
    "kestrel_queues_omitted",
    "Queues that are not listed here, by setting.",
    (_, { omitted }) => omitted,
  ),
  ofServer(
    "gauge",
    "kestrel_journal_memory_ratio",
    "Share of maxMemory that is in use.",
    ({ queues }) => queues.memoryRatio,
  ),
  ofServer(
    "gauge",
    "kestrel_connections",
    "Clients connected now.",
    ({ counters }) => counters.currConnections,
  ),
  ofServer(
    "counter",
    "kestrel_connections_total",
    "Clients that have connected.",
    ({ counters }) => counters.totalConnections,
  ),
  ofServer(
    "gauge",
    "kestrel_unread_bytes",
    "Answers that clients haven't read yet, without a few KB of each connection.",
    ({ counters }) => counters.unreadBytes,
  ),
  ofServer(
    "counter",
    "kestrel_unread_closed_total",
    "Connections closed because their clients read too little while memory for answers was used up.",
    ({ counters }) => counters.unreadClosed,
  ),
  ofServer("counter", "kestrel_put_requests_total", "Puts asked for.", ({ counters }) => counters.cmdSet),
  ofServer(
    "counter",
    "kestrel_get_requests_total",
    "Gets asked for, without peeks.",
    ({ counters }) => counters.cmdGet,
  ),
  ofServer("counter", "kestrel_peek_requests_total", "Peeks asked for.", ({ counters }) => counters.cmdPeek),
  ofServer(
    "counter",
    "kestrel_get_hits_total",
    "Gets and peeks that found an item.",
    ({ counters }) => counters.getHits,
  ),
  ofServer(
    "counter",
    "kestrel_get_misses_total",
    "Gets and peeks that found none.",
    ({ counters }) => counters.getMisses,
  ),
  ofServer(
    "counter",
    "kestrel_items_total",
    "Items put into queues.",
    ({ queues }) => queues.counters.totalItems,
  ),
  ofServer(
    "counter",
    "kestrel_received_bytes_total",
    "Bytes from clients.",
    ({ counters }) => counters.bytesRead,
  ),
  ofServer(
    "counter",
    "kestrel_sent_bytes_total",
    "Bytes to clients.",
    ({ counters }) => counters.bytesWritten,
  ),
  ofServer(
    "counter",
    "kestrel_queues_created_total",
    "Queues created.",
    ({ queues }) => queues.counters.creates,
  ),
  ofServer(
    "counter",
    "kestrel_queues_deleted_total",
    "Queues deleted.",
    ({ queues }) => queues.counters.deletes,
  ),
  ofServer(
    "counter",
    "kestrel_queues_expired_total",
    "Queues deleted for their age.",
    ({ queues }) => queues.counters.expires,
  ),
  histogram(
    "put_duration",
    "From a put to its answer, inside the node.",
    "set_latency_usec",
    microsPerSecond,
  ),
  histogram(
    "get_duration",
    "From a get that found an item to its answer, inside the node.",
    "get_hit_latency_usec",
    microsPerSecond,
  ),
  histogram(
    "delivery_delay",
    "How long items had waited when they were handed out.",
    "delivery_latency_msec",
    msPerSecond,
  ),
  ofServer(
    "gauge",
    "process_start_time_seconds",
    "When the node started, in seconds since the epoch.",
    ({ counters }) => counters.startedAt / msPerSecond,
  ),
  ofServer("gauge", "process_resident_memory_bytes", "Memory of the process.", () =>
    process.memoryUsage.rss(),
  ),
  ofServer("counter", "process_cpu_seconds_total", "Processor time of the process.", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / microsPerSecond;
  }),
];

/** Only of nodes that are announced there. */
export const zookeeperMetricFamilies: readonly ServerMetricFamily[] = [
  ofServer(
    "gauge",
    "kestrel_zookeeper_connected",
    "1 while there is a session with ZooKeeper.",
    ({ announcer }) => Number(announcer?.state.isConnected),
  ),
  {
    name: "kestrel_zookeeper_member",
    help: "1 for each server set that the node is in, 0 for the others.",
    type: "gauge",
    read: ({ announcer }) =>
      ["read", "write"].map((set) => ({
        labels: { set },
        value: Number(announcer?.state.sets.some((each) => each === set)),
      })),
  },
];

export const queueMetricFamilies: readonly QueueMetricFamily[] = [
  ofQueue("gauge", "items", "Items that can be had.", (queue) => queue.length),
  ofQueue("gauge", "bytes", "Bytes of their data.", (queue) => queue.bytes),
  ofQueue("gauge", "open_reads", "Items set aside by readers.", (queue) => queue.openLength),
  ofQueue("gauge", "waiters", "Readers that wait for an item.", (queue) => queue.waiterLength),
  ofQueue("gauge", "memory_bytes", "Bytes of its data in memory, at most.", queueMemoryBytes),
  ofQueue(
    "gauge",
    "journal_bytes",
    "Bytes of its journal, which it shares with its fanouts.",
    ({ reader }) => (reader.log.isDurable ? reader.log.size : 0),
  ),
  ofQueue(
    "gauge",
    "oldest_item_timestamp_seconds",
    "When the item at the head was put, in seconds since the epoch.",
    ({ reader }) => {
      const time = findHeadTime(reader);
      return time === undefined ? undefined : time / msPerSecond;
    },
  ),
  ofQueue("counter", "put_items_total", "Items put.", ({ counters }) => counters.totalItems),
  ofQueue("counter", "put_bytes_total", "Bytes put.", ({ counters }) => counters.putBytes),
  ofQueue(
    "counter",
    "get_items_total",
    "Items handed out, each time again.",
    ({ counters }) => counters.getHits,
  ),
  ofQueue("counter", "get_misses_total", "Gets that found nothing.", ({ counters }) => counters.getMisses),
  ofQueue(
    "counter",
    "opened_reads_total",
    "Items handed out as open reads.",
    ({ counters }) => counters.transactions,
  ),
  ofQueue(
    "counter",
    "aborted_reads_total",
    "Open reads that went back.",
    ({ counters }) => counters.canceledTransactions,
  ),
  ofQueue("counter", "expired_items_total", "Items that expired.", ({ counters }) => counters.expiredItems),
  ofQueue(
    "counter",
    "discarded_items_total",
    "Items dropped because the queue was full.",
    ({ counters }) => counters.discarded,
  ),
  ofQueue("counter", "flushes_total", "Times it was flushed.", ({ counters }) => counters.totalFlushes),
  summary("put_duration", "From a put to its answer, inside the node.", "set_latency_usec", microsPerSecond),
  summary(
    "delivery_delay",
    "How long items had waited when they were handed out.",
    "delivery_latency_msec",
    msPerSecond,
  ),
];
