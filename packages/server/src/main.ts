/** The program `kestrel`: one node until a signal, or a client's `shutdown`, stops it. */
import { setFlagsFromString } from "node:v8";
import { NodeDisk } from "./disk.ts";
import { type Flags, FlagsError, help, parseFlags } from "./flags.ts";
import { warnOfOldJournals } from "./kestrel2/old-journals.ts";
import { hashPassword } from "./locks/password.ts";
import { readPassword } from "./locks/read-password.ts";
import { readTls } from "./locks/tls.ts";
import { makeToken } from "./locks/token.ts";
import { createLogger } from "./logging.ts";
import { ReloadSignal } from "./reload-signal.ts";
import { KestrelServer } from "./server.ts";
import { ServiceManager } from "./service/service-manager.ts";
import { describeSettings } from "./settings/describe-settings.ts";
import type { SettingsError } from "./settings/schema.ts";
import { defaultServerSettings, type ServerSettings } from "./settings/server-settings.ts";
import type { SettingsFile } from "./settings/settings-file.ts";
import { version } from "./version.ts";

const exitFailed = 1;
/** Wrong flags or settings: a service manager need not try again. */
const exitUsage = 2;
/** Something that can't be has happened. The journal is the recovery. */
const exitBroken = 70;

// A node's heap is small, and its items pass by outside of it. V8 then collects everything each 60 ms under load, as
// measured with a fifth of the processor's time; with more room to the next collection it hardly ever has to.
setFlagsFromString("--heap-growing-percent=300");

try {
  await run(parseFlags(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`${problemsOf(error).join("\n")}\n`);
  if (error instanceof FlagsError) process.stderr.write("kestrel --help shows the flags\n");
  process.exitCode = error instanceof FlagsError || isSettingsError(error) ? exitUsage : exitFailed;
}

async function run(flags: Flags): Promise<void> {
  switch (flags.action) {
    case "help":
      process.stdout.write(help);
      break;
    case "version":
      process.stdout.write(`${version}\n`);
      break;
    case "check-config": {
      const { settings } = await openFile(flags.file);
      await readTls(settings.server.tls);
      process.stdout.write(`ok\n${describeSettings(settings).join("\n")}\n`);
      warnOfOldJournals(settings.server.queuePath, new NodeDisk(), {
        warn: (_, message) => process.stderr.write(`kestrel: ${message}\n`),
      });
      break;
    }
    case "hash-password":
      process.stdout.write(`${await hashPassword(await readPassword(process.stdin, process.stderr))}\n`);
      break;
    case "make-token": {
      const { token, hash } = makeToken();
      process.stdout.write(`token: ${token}\nkept as: ${hash}\n`);
      break;
    }
    case "serve": {
      const signal = new ReloadSignal();
      await serve(
        flags.settings,
        flags.configFile === null ? null : await openFile(flags.configFile),
        signal,
      );
      break;
    }
  }
}

/** What to say of an error, one line each: a settings file may have many. */
function problemsOf(error: unknown): string[] {
  if (!isSettingsError(error)) return [`kestrel: ${(error as Error).message}`];
  return error.problems.map((problem) => `${error.source}: ${problem}`);
}

/** Its class is loaded only with the checker of settings. */
function isSettingsError(error: unknown): error is SettingsError {
  return error instanceof Error && error.name === "SettingsError";
}

/**
 * The ports of the other protocols, where no file says which. A node whose memcache port was moved is probably one
 * of several on a machine: it opens no others unless told to.
 */
function portsBeside({ memcachePort }: Partial<ServerSettings>): Partial<ServerSettings> {
  const { memcachePort: usual, textPort, thriftPort, adminPort } = defaultServerSettings;
  const isMoved = typeof memcachePort === "number" && memcachePort !== usual;
  return isMoved ? {} : { textPort, thriftPort, adminPort };
}

/** The checker of settings is loaded only when there is something to check. */
async function openFile(path: string): Promise<SettingsFile> {
  const { SettingsFile } = await import("./settings/settings-file.ts");
  return await SettingsFile.open(path);
}

async function serve(
  flags: Partial<ServerSettings>,
  file: SettingsFile | null,
  reloadSignal: ReloadSignal,
): Promise<void> {
  const settings = { ...(file === null ? portsBeside(flags) : file.settings.server), ...flags };
  const logger = createLogger(settings.logLevel ?? "info");
  process.on("uncaughtException", (err) => {
    logger.error({ err }, "broken: this can't be");
    process.exit(exitBroken);
  });
  const manager = ServiceManager.fromEnvironment(process.env, logger);
  const rules = file === null ? {} : { rules: file.settings.queues, loadSettings: () => file.reload(logger) };
  const server = await KestrelServer.start({ ...settings, ...rules, logger });
  server.stopping.addEventListener("abort", () => manager.stopping());
  const stopOnSignal = (signal: NodeJS.Signals): void => {
    process.once(signal, () => process.exit(128 + (signal === "SIGINT" ? 2 : 15)));
    // How it ends is told by `stopped`, below.
    server.stop().catch(() => {});
  };
  process.once("SIGTERM", stopOnSignal);
  process.once("SIGINT", stopOnSignal);
  const where = describeListeners(server);
  const { pid } = process;
  process.stdout.on("error", (err) =>
    logger.warn({ err }, "cannot write the line that says that it is ready"),
  );
  process.stdout.write(`${JSON.stringify({ ready: true, version, pid, listeners: server.listeners })}\n`);
  manager.ready(where);
  reloadSignal.answerWith(() => {
    manager.reloading();
    server.reload().then(
      () => manager.ready(where),
      // The log has it too.
      (error: Error) => manager.ready(`${where}; cannot reload: ${error.message}`),
    );
  });
  await server.stopped;
}

function describeListeners({ listeners }: KestrelServer): string {
  const each = Object.entries(listeners).map(([name, { host, port }]) => `${name} ${host}:${port}`);
  return `listening: ${each.join(", ")}`;
}
