/** The program's flags: what they are called, what they may be, and the page of help. */
import { parseArgs } from "node:util";
import { type LogLevel, logLevels, type ServerSettings } from "./settings/server-settings.ts";

export const help = `kestrel: a queue node

Usage: kestrel [flags]

  --listen HOST           address to listen on (127.0.0.1; 0.0.0.0 for every network)
  --memcache-port PORT    memcache, ASCII and binary (22133)
  --text-port PORT        text protocol (2222)
  --thrift-port PORT      thrift (2229)
  --admin-port PORT       admin HTTP: page, statistics, metrics (2223)
                          a PORT is a number, 0 for any free one, or off; with another memcache port
                          than its own, and no --config, the others are off unless given
  --queue-path FOLDER     folder of the journals (kestrel-spool in the current folder)
  --log-level LEVEL       trace, debug, info, warn, error or silent (info)
  --config FILE           settings, JSON or an ES module; flags come on top
  --check-config FILE     say whether the settings are right, and exit
  --hash-password         read a password from standard input, print what the settings keep of it, and exit
  --make-token            print a new token for the admin port and what the settings keep of it, and exit
  --version, --help

When it is ready it prints one line of JSON on standard output with the addresses it listens on; its log goes to
standard error. SIGTERM and SIGINT stop it cleanly, a second one at once; SIGHUP reads the rules of the queues, the
users and the certificates anew.
Under systemd it tells when it is ready, reloads, stops, and that it lives (Type=notify, NotifyAccess=all).

Exit codes: 0 stopped cleanly; 1 could not start or stop; 2 wrong flags or settings; 70 something that can't be, after
which the journal is the recovery.

Examples:
  kestrel
  kestrel --listen 0.0.0.0 --queue-path /var/spool/kestrel
  kestrel --memcache-port 0 --log-level warn
  kestrel --config /etc/kestrel.json
`;

/** The flags can't be understood; the message says which. */
export class FlagsError extends Error {
  override readonly name: string = "FlagsError";
}

export type Flags =
  | { readonly action: "help" | "version" | "hash-password" | "make-token" }
  | { readonly action: "check-config"; readonly file: string }
  | {
      readonly action: "serve";
      readonly configFile: string | null;
      readonly settings: Partial<ServerSettings>;
    };

/** Throws FlagsError. */
export function parseFlags(args: readonly string[]): Flags {
  const values = parseValues(args);
  if (values.help) return { action: "help" };
  if (values.version) return { action: "version" };
  if (values["hash-password"]) return { action: "hash-password" };
  if (values["make-token"]) return { action: "make-token" };
  const file = values["check-config"];
  if (file !== undefined) return { action: "check-config", file };
  const settings: Partial<ServerSettings> = {};
  if (values.listen !== undefined) settings.listenAddress = values.listen;
  if (values["queue-path"] !== undefined) settings.queuePath = values["queue-path"];
  if (values["log-level"] !== undefined) settings.logLevel = parseLevel(values["log-level"]);
  for (const [flag, field] of Object.entries(portFlags) as [keyof typeof portFlags, PortField][]) {
    const port = values[flag];
    if (port !== undefined) settings[field] = parsePort(flag, port);
  }
  return { action: "serve", configFile: values.config ?? null, settings };
}

type PortField = "memcachePort" | "textPort" | "thriftPort" | "adminPort";

const portFlags = {
  "memcache-port": "memcachePort",
  "text-port": "textPort",
  "thrift-port": "thriftPort",
  "admin-port": "adminPort",
} as const;

function parseValues(args: readonly string[]): ReturnType<typeof parseArgs<typeof config>>["values"] {
  try {
    return parseArgs({ ...config, args: [...args] }).values;
  } catch (error) {
    throw new FlagsError((error as Error).message);
  }
}

const config = {
  options: {
    listen: { type: "string" },
    "memcache-port": { type: "string" },
    "text-port": { type: "string" },
    "thrift-port": { type: "string" },
    "admin-port": { type: "string" },
    "queue-path": { type: "string" },
    "log-level": { type: "string" },
    config: { type: "string" },
    "check-config": { type: "string" },
    "hash-password": { type: "boolean" },
    "make-token": { type: "boolean" },
    version: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  },
} as const;

function parseLevel(text: string): LogLevel {
  const level = logLevels.find((known) => known === text);
  if (level === undefined)
    throw new FlagsError(`--log-level is one of ${logLevels.join(", ")}, not "${text}"`);
  return level;
}

function parsePort(flag: string, text: string): number | null {
  if (text === "off") return null;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) {
    throw new FlagsError(`--${flag} is a number up to 65535, 0 for any free port, or off, not "${text}"`);
  }
  return port;
}
