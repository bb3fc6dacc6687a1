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
  const setStatus = async (status: string): Promise<Answer> => {
    await carryOut(host, { kind: "set-status", status });
    return json({ status: host.controls.status });
  };
  return [
    { path: "/ping", GET: () => text("pong") },
    { path: "/server_info", GET: info },
    { path: "/server_info.json", GET: info },
    {
      path: "/status",
      GET: () => json({ status: host.controls.status }),
      POST: (request) => setStatus(statusIn(request)),
    },
    { path: "/quiesce", POST: () => setStatus("QUIESCENT") },
    {
      path: "/reload",
      POST: async () => {
        await carryOut(host, { kind: "reload" });
        return done;
      },
    },
    {
      path: "/shutdown",
      POST: async () => {
        await carryOut(host, { kind: "shutdown" });
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

function statusIn({ body }: AdminRequest): string {
  const status =
    typeof body === "object" && body !== null ? (body as { status?: unknown }).status : undefined;
  if (typeof status !== "string") throw new HttpError(400, 'the body is to be like {"status":"READONLY"}');
  return status;
}
