/** Queues: the list, one of them, what lies at its head, and emptying or deleting it. None of it creates one. */
import { latencyNames } from "../metrics/latency-set.ts";
import { browse } from "../queue/browse.ts";
import type { Queue } from "../queue/queue.ts";
import { requireRight } from "../session/rights.ts";
import { renderSettings } from "../settings/queue-rules.ts";
import type { AdminHost } from "./admin-host.ts";
import { type Answer, HttpError, json, jsonPieces } from "./answer.ts";
import { carryOut } from "./command.ts";
import { readWhole, renderHistory } from "./history-api.ts";
import { renderItem } from "./item-report.ts";
import { reportAll, reportQueue } from "./queue-report.ts";
import type { AdminRequest, Route } from "./route.ts";

const itemsMax = 100;
const itemsDefault = 10;
const itemBytesMax = 64 * 1024;
const itemBytesDefault = 4 * 1024;
/** Data in one answer, shared out evenly: a stranger on every connection may ask for it and not read. */
const answerBytesMax = itemsDefault * itemBytesMax;

export function queueRoutes(host: AdminHost): Route[] {
  const queueOf = ({ name }: AdminRequest): Queue => {
    const queue = host.queues.find(name);
    if (queue === undefined) throw new HttpError(404, `there is no queue ${JSON.stringify(name)}`);
    return queue;
  };
  const remove = async (request: AdminRequest): Promise<Answer> => {
    const { name } = queueOf(request);
    await carryOut(host, { kind: "delete", queue: name }, request.identity);
    return json({ deleted: name });
  };
  return [
    { path: "/queues", GET: () => jsonPieces(renderAll(host)) },
    { path: "/queues/:name", GET: (request) => json(describe(host, queueOf(request))), DELETE: remove },
    { path: "/queues/:name/delete", POST: remove },
    {
      path: "/queues/:name/flush",
      POST: async (request) => {
        const queue = queueOf(request);
        const before = queue.length;
        await carryOut(host, { kind: "flush", queue: queue.name }, request.identity);
        return json({ flushed: queue.name, items: before });
      },
    },
    {
      path: "/queues/:name/items",
      GET: (request) => {
        const { identity, name, query } = request;
        requireRight(identity, { kind: "inspect", queue: name }, host.lentReads);
        return json(renderHead(queueOf(request), query));
      },
    },
    {
      path: "/queues/:name/history",
      GET: (request) => json(renderHistory(host.metrics.watch(queueOf(request)).history, request.query)),
    },
  ];
}

function* renderAll(host: AdminHost): Generator<string> {
  let separator = '{"queues":[\n';
  for (const report of reportAll(host)) {
    yield separator + JSON.stringify(report);
    separator = ",\n";
  }
  yield separator.startsWith("{") ? '{"queues":[]}\n' : "\n]}\n";
}

function describe({ queues, metrics }: AdminHost, queue: Queue): object {
  const { name, settings } = queue;
  const meter = metrics.find(queue);
  const latencies = latencyNames.map((latency) => [
    latency,
    {
      total: meter?.details?.latencies.summary(latency, false) ?? null,
      lastMinute: meter?.details?.latencies.summary(latency, true) ?? null,
    },
  ]);
  return {
    ...reportQueue(queue, meter),
    fanouts: queues.childrenOf(name),
    statistics: Object.fromEntries(queues.stats(name) ?? []),
    settings: Object.fromEntries(renderSettings(settings)),
    latencies: Object.fromEntries(latencies),
  };
}

function renderHead(queue: Queue, query: URLSearchParams): object {
  const first = readWhole(query, "first", 0, itemsMax) ?? itemsDefault;
  const bytes = readWhole(query, "bytes", 0, itemBytesMax) ?? itemBytesDefault;
  const bytesEach = Math.min(bytes, Math.floor(answerBytesMax / Math.max(1, first)));
  const { items, isCut } = browse(queue.reader, first, bytesEach);
  return {
    queue: queue.name,
    length: queue.length,
    items: items.map(renderItem),
    /** There are more, but only in the journal's file, which is not read for this. */
    isRestInFile: isCut,
  };
}
