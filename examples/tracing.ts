/**
 * A trace that goes through a queue, with OpenTelemetry: the span of an order leads to the span of its put, and that one,
 * in another place and later, to the span of the handler and all that happens there, also when it is tried again.
 * The trace context travels in the items, as a field of their JSON that others need know nothing of. Promises that each
 * order is one trace, with each span under the right one. Exits with 1 otherwise.
 */

import { deepEqual, equal, ok } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { type Instrumentation, json, KestrelClusterClient } from "@kestrel-mq/client";
import { KestrelServer } from "@kestrel-mq/server";
import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";

// What a program sets up once, commonly by the OpenTelemetry SDK for Node, with an exporter to some collector.
const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
trace.setGlobalTracerProvider(provider);
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
const tracer = trace.getTracer("shop");

/** Runs something in a span of its own, which tells of its failure. */
async function inSpan<T>(span: Span, run: () => Promise<T>): Promise<T> {
  try {
    return await context.with(trace.setSpan(context.active(), span), run);
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) });
    throw error;
  } finally {
    span.end();
  }
}

/** What makes spans of puts and handlers, by the semantic conventions for messaging. */
const instrument: Instrumentation = {
  put: (call, next) => {
    const attributes = { "messaging.system": "kestrel", "messaging.destination.name": call.queue };
    const span = tracer.startSpan(`send ${call.queue}`, { kind: SpanKind.PRODUCER, attributes });
    return inSpan(span, async () => {
      const carrier: Record<string, string> = {};
      propagation.inject(context.active(), carrier);
      const value = { ...(JSON.parse(call.data.toString()) as object), ...carrier };
      const outcome = await next({ ...call, data: Buffer.from(JSON.stringify(value)) });
      span.setAttribute("server.address", outcome.node);
      return outcome;
    });
  },
  handle: (item, next) => {
    const attributes = { "messaging.system": "kestrel", "messaging.destination.name": item.queue };
    const sender = propagation.extract(context.active(), item.json());
    const options = { kind: SpanKind.CONSUMER, attributes: { ...attributes, attempt: item.attempt } };
    return inSpan(tracer.startSpan(`process ${item.queue}`, options, sender), next);
  },
};

interface Order {
  readonly number: number;
}

const orderCount = 10;

// KESTREL_SERVERS names nodes as "host:port,host:port"; without it, one is started here, in memory.
const given = process.env.KESTREL_SERVERS;
await using node = given ? null : await KestrelServer.start({ memcachePort: 0, queuePath: null });
const servers = given ? given.split(",") : [node!.listeners.memcache!];
await using client = new KestrelClusterClient({ servers, namespace: `tracing-${randomUUID()}`, instrument });
client.on("item:failed", ({ item, action }) => console.log(`${item.text()}: ${action}`));

const orders = client.queue("orders", json<Order>());
for (let number = 1; number <= orderCount; number++) {
  await inSpan(tracer.startSpan(`order ${number}`), async () => {
    ok((await orders.put({ number })).stored, `order ${number} was refused`);
  });
}

const shipper = orders.consume(
  async ({ number }, { attempt }) => {
    if (number === 5 && attempt === 1) throw new Error("the van has a flat tyre");
    tracer.startSpan(`ship ${number}`).end();
  },
  { concurrency: 4, onFailure: { maxAttempts: 2, backoff: { minMs: 1, maxMs: 1 } } },
);
while (shipper.handled < orderCount) await pause(5);
await shipper.stop();
await client.delete("orders");

const spans = exporter.getFinishedSpans();
/** The names of a span and of those it is under, the innermost first. */
function pathOf(spanId: string | undefined): string[] {
  const span = spans.find((each) => each.spanContext().spanId === spanId);
  return span === undefined ? [] : [span.name, ...pathOf(span.parentSpanContext?.spanId)];
}
for (let number = 1; number <= orderCount; number++) {
  const name = `ship ${number}`;
  const shipping = spans.find((span) => span.name === name)!;
  deepEqual(pathOf(shipping.spanContext().spanId), [
    name,
    "process orders",
    "send orders",
    `order ${number}`,
  ]);
}
const traces = new Set(spans.map((span) => span.spanContext().traceId));
equal(traces.size, orderCount);
const failed = spans.filter(({ status }) => status.code === SpanStatusCode.ERROR);
deepEqual(
  failed.map(({ name, attributes }) => [name, attributes.attempt]),
  [["process orders", 1]],
);
console.log(
  `${orderCount} orders, ${spans.length} spans: each order is one trace, from its put to its shipping.`,
);
