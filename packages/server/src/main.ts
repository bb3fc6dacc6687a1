/** The program `kestrel`: one node until a signal, or a client's `shutdown`, stops it. */
import { type Flags, FlagsError, help, parseFlags } from "./flags.ts";
import { createLogger } from "./logging.ts";
import { KestrelServer, type KestrelServerOptions } from "./server.ts";
import { version } from "./version.ts";

const exitFailed = 1;
const exitUsage = 2;
/** Something that can't be has happened. The journal is the recovery. */
const exitBroken = 70;

try {
  await run(parseFlags(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`kestrel: ${(error as Error).message}\n`);
  if (error instanceof FlagsError) process.stderr.write("kestrel --help shows the flags\n");
  process.exitCode = error instanceof FlagsError ? exitUsage : exitFailed;
}

async function run(flags: Flags): Promise<void> {
  switch (flags.action) {
    case "help":
      process.stdout.write(help);
      break;
    case "version":
      process.stdout.write(`${version}\n`);
      break;
    case "check-config":
      await loadConfig(flags.file);
      process.stdout.write(`${flags.file} is right\n`);
      break;
    case "serve":
      await serve({
        ...(flags.configFile === null ? {} : await loadConfig(flags.configFile)),
        ...flags.settings,
      });
      break;
  }
}

/** The checker of settings is loaded only when there is something to check. */
async function loadConfig(file: string): Promise<KestrelServerOptions> {
  const { loadSettings } = await import("./settings/load-settings.ts");
  const { server, queues } = await loadSettings(file);
  return { ...server, rules: queues, loadRules: async () => (await loadSettings(file)).queues };
}

async function serve(options: KestrelServerOptions): Promise<void> {
  const logger = createLogger(options.logLevel ?? "info");
  process.on("uncaughtException", (err) => {
    logger.error({ err }, "broken: this can't be");
    process.exit(exitBroken);
  });
  const server = await KestrelServer.start({ ...options, logger });
  const stopOnSignal = (signal: NodeJS.Signals): void => {
    process.once(signal, () => process.exit(128 + (signal === "SIGINT" ? 2 : 15)));
    server.stop().catch(() => {});
  };
  process.once("SIGTERM", stopOnSignal);
  process.once("SIGINT", stopOnSignal);
  // The log has what went wrong, if anything did.
  process.on("SIGHUP", () => server.reload().catch(() => {}));
  const { pid } = process;
  process.stdout.write(`${JSON.stringify({ ready: true, version, pid, listeners: server.listeners })}\n`);
  await server.stopped;
}
