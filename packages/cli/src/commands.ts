/** The commands of kq, in the order in which its help lists them. */
import type { Command } from "./command.ts";
import { completionCommand } from "./commands/completion.ts";
import { configCommand } from "./commands/config.ts";
import { configCheckCommand } from "./commands/config-check.ts";
import { configExampleCommand } from "./commands/config-example.ts";
import { configShowCommand } from "./commands/config-show.ts";
import { deleteCommand } from "./commands/delete.ts";
import { drainCommand } from "./commands/drain.ts";
import { dumpCommand } from "./commands/dump.ts";
import { flushCommand } from "./commands/flush.ts";
import { getCommand } from "./commands/get.ts";
import { journalCommand } from "./commands/journal.ts";
import { journalDumpCommand } from "./commands/journal-dump.ts";
import { journalExportCommand } from "./commands/journal-export.ts";
import { journalImportCommand } from "./commands/journal-import.ts";
import { journalPackCommand } from "./commands/journal-pack.ts";
import { journalVerifyCommand } from "./commands/journal-verify.ts";
import { loadCommand } from "./commands/load.ts";
import { loadFloodCommand } from "./commands/load-flood.ts";
import { loadLeakyReaderCommand } from "./commands/load-leaky-reader.ts";
import { loadManyClientsCommand } from "./commands/load-many-clients.ts";
import { loadPackingCommand } from "./commands/load-packing.ts";
import { loadPutManyCommand } from "./commands/load-put-many.ts";
import { moveCommand } from "./commands/move.ts";
import { peekCommand } from "./commands/peek.ts";
import { pingCommand } from "./commands/ping.ts";
import { putCommand } from "./commands/put.ts";
import { queuesCommand } from "./commands/queues.ts";
import { reloadCommand } from "./commands/reload.ts";
import { ringCommand } from "./commands/ring.ts";
import { serveCommand } from "./commands/serve.ts";
import { shutdownCommand } from "./commands/shutdown.ts";
import { staleCommand } from "./commands/stale.ts";
import { statsCommand } from "./commands/stats.ts";
import { statusCommand } from "./commands/status.ts";
import { tailCommand } from "./commands/tail.ts";
import { topCommand } from "./commands/top.ts";
import { upCommand } from "./commands/up.ts";
import { versionCommand } from "./commands/version.ts";

export const commands: readonly Command[] = [
  putCommand,
  getCommand,
  peekCommand,
  tailCommand,
  queuesCommand,
  topCommand,
  staleCommand,
  statsCommand,
  flushCommand,
  deleteCommand,
  moveCommand,
  dumpCommand,
  loadCommand,
  ringCommand,
  pingCommand,
  versionCommand,
  statusCommand,
  drainCommand,
  reloadCommand,
  shutdownCommand,
  serveCommand,
  upCommand,
  journalCommand,
  configCommand,
  completionCommand,
  loadPutManyCommand,
  loadManyClientsCommand,
  loadFloodCommand,
  loadPackingCommand,
  loadLeakyReaderCommand,
  configCheckCommand,
  configShowCommand,
  configExampleCommand,
  journalImportCommand,
  journalExportCommand,
  journalDumpCommand,
  journalVerifyCommand,
  journalPackCommand,
];
