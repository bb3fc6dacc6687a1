/** The node as a whole: is it there, what is it, its status, and its end. */
import { version } from "../version.ts";
import type { AdminHost } from "./admin-host.ts";
import { type Answer, HttpError, json, text } from "./answer.ts";
import { carryOut } from "./command.ts";
import { renderHistory } from "./history-api.ts";
import type { AdminRequest, Route } from "./route.ts";

/** What Ostrich, Kestrel's admin library, says when something is done. */
const done: Answer = json({ response: "ok" });

export function serverRoutes(host: AdminHost): Route[] {
  const info = (): Answer => json(describeServer(host));
  const showStatus = (): Answer => json({ status: host.controls.status, ...describeAnnouncement(host) });
  const setStatus = async (status: string, { identity }: AdminRequest): Promise<Answer> => {
    await carryOut(host, { kind: "set-status", status }, identity);
    return showStatus();
  };
  return [
    { path: "/ping", isOpen: true, GET: () => text("pong") },
    { path: "/server_info", GET: info },
    { path: "/server_info.json", GET: info },
    {
      path: "/status",
      GET: showStatus,
      POST: (request) => setStatus(statusIn(request), request),
    },
    { path: "/quiesce", POST: (request) => setStatus("QUIESCENT", request) },
    {
      path: "/reload",
      POST: async ({ identity }) => {
        await carryOut(host, { kind: "reload" }, identity);
        return done;
      },
    },
    {
      path: "/shutdown",
      POST: async ({ identity }) => {
        await carryOut(host, { kind: "shutdown" }, identity);
        return done;
      },
    },
    {
      path: "/history",
      GET: ({ query }) => json(renderHistory(host.metrics.server.details!.history, query)),
    },
  ];
}

function describeServer({ counters, clock }: AdminHost): object {
  return {
    name: "kestrel",
    version,
    build: version,
    build_revision: version,
    start_time: new Date(counters.startedAt).toString(),
    uptime: clock.now() - counters.startedAt,
  };
}

function describeAnnouncement({ announcer }: AdminHost): object {
  if (announcer === null) return {};
  const { isConnected, sets, problem } = announcer.state;
  return { zookeeper: { connected: isConnected, sets, problem } };
}

function statusIn({ body }: AdminRequest): string {
  const status =
    typeof body === "object" && body !== null ? (body as { status?: unknown }).status : undefined;
  if (typeof status !== "string") throw new HttpError(400, 'the body is to be like {"status":"READONLY"}');
  return status;
}
