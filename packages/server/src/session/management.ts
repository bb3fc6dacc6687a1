/** Requests that are answered at once and that nobody sends often: what operators ask for, in any protocol. */
import { type ReportSource, reportQueues, reportStatistics } from "../stats/report.ts";
import { requireWrites, type ServerControls } from "./controls.ts";
import type { ManageRequest, Reply } from "./request.ts";

interface ManagementHost extends ReportSource {
  readonly controls: ServerControls;
}

const done: Reply = { kind: "done" };

/** Carries it out. Throws KestrelError when it is not allowed now, or the disk refuses. */
export function manage(request: ManageRequest, host: ManagementHost): Reply {
  const { queues, controls } = host;
  switch (request.kind) {
    case "flush":
      requireWrites(controls);
      queues.flush(request.queue);
      return done;
    case "flush-all":
      requireWrites(controls);
      queues.flushAll();
      return done;
    case "delete":
      requireWrites(controls);
      queues.delete(request.queue);
      return done;
    case "flush-expired":
      requireWrites(controls);
      return { kind: "number", value: queues.flushExpired(request.queue) };
    case "flush-all-expired":
      requireWrites(controls);
      return { kind: "number", value: queues.flushAllExpired() };
    case "stats":
      return { kind: "stats", statistics: reportStatistics(host) };
    case "dump-stats":
      return { kind: "groups", groups: reportQueues(queues, request.queues) };
    case "dump-config":
      return { kind: "groups", groups: controls.describeQueues() };
    case "status":
      return { kind: "text", text: controls.status };
    case "set-status":
      controls.setStatus(request.status);
      return done;
    case "shutdown":
      controls.shutdown();
      return done;
  }
}
