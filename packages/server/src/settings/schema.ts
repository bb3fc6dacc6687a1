/**
 * Checks what a settings file holds and turns it into settings. Finds every problem, not only the first, and
 * names the setting by its path: `queues[2].maxItems: expected a whole number of items, got "many"`.
 */

import * as v from "valibot";
import { count, type Kind, orNone, period, port, queueName, text } from "./kinds.ts";
import { tlsSchema, toTls, toUsers, usersSchema } from "./lock-schema.ts";
import { findNameProblems } from "./name-checks.ts";
import { QueueRules } from "./queue-rules.ts";
import { entriesOf, list, type Section, section, setting } from "./sections.ts";
import { defaultServerSettings, type ServerSettings, type ZookeeperSettings } from "./server-settings.ts";
import type { QueueSettings } from "./settings.ts";
import { type PlainServerSettings, queueTable, type SettingTable, serverTable } from "./tables.ts";
import { findUserProblems } from "./user-checks.ts";
import { everyoneReadCreatorAll, openUnsafe, zookeeperAcl } from "./zookeeper-acl.ts";
import { type ZookeeperServer, zookeeperPort, zookeeperServers } from "./zookeeper-servers.ts";

export interface Settings {
  readonly server: ServerSettings;
  readonly queues: QueueRules;
}

/** A settings file, or an object like it, that can't be used. Each problem names its setting. */
export class SettingsError extends Error {
  /** The path of the file. */
  readonly source: string;
  readonly problems: readonly string[];

  constructor(source: string, problems: readonly string[], options?: ErrorOptions) {
    super(`${source}: ${problems.join("; ")}`, options);
    this.name = "SettingsError";
    this.source = source;
    this.problems = problems;
  }
}

/** Makes settings of what a file holds, or of an object like it. Throws SettingsError, with all problems. */
export function readSettings(config: unknown, source = "settings"): Settings {
  const checked = v.safeParse(fileSchema, config);
  const problems = (checked.issues ?? []).map(renderIssue);
  problems.push(...findNameProblems(config), ...findUserProblems(config));
  if (!checked.success || problems.length > 0) throw new SettingsError(source, problems);
  return toSettings(checked.output);
}

const absolutePath: Kind<string> = {
  ...text('a path that begins with "/"'),
  parse: (raw) => (typeof raw === "string" && /^\/[^/]/.test(raw) ? raw.replace(/\/+$/, "") : undefined),
};

const zookeeperSchema = v.pipe(
  section(
    { host: setting(zookeeperServers), pathPrefix: setting(absolutePath) },
    {
      port: setting({ ...port, parse: (raw) => port.parse(raw) || undefined, expected: "a port" }),
      sessionTimeout: setting(period),
      advertise: setting(orNone(text("a host name or an address"))),
      credentials: v.nullable(
        section(
          { username: setting(text("a text")), password: setting({ ...text("a text"), isSecret: true }) },
          {},
        ),
      ),
      acl: setting(zookeeperAcl),
    },
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    const { acl, credentials } = dataset.value as Partial<ZookeeperSettings>;
    if (acl === everyoneReadCreatorAll && !credentials) {
      addIssue({ message: 'the acl "everyone-read-creator-all" needs credentials' });
    }
  }),
);

const fileSchema = section(
  {},
  {
    ...entriesOf(serverTable),
    admin: section({}, { httpPort: setting(port), metricsQueuesMax: setting(count("queues")) }),
    zookeeper: v.nullable(zookeeperSchema),
    users: usersSchema,
    tls: tlsSchema,
    default: section({}, entriesOf(queueTable)),
    queues: list(section({ name: setting(queueName) }, entriesOf(queueTable))),
    aliases: list(
      section(
        {
          name: setting(queueName),
          destinationQueues: v.pipe(
            list(setting(queueName)),
            v.minLength(1, "expected at least one queue, got none"),
          ),
        },
        {},
      ),
    ),
  },
);

/** From names in the file to fields in the program; what was left out stays out. */
function pick<T>(table: SettingTable<T, string>, from: Section): Partial<T> {
  const fields = Object.keys(table) as (keyof T)[];
  const picked = fields.filter((field) => from[table[field].name] !== undefined);
  return Object.fromEntries(picked.map((field) => [field, from[table[field].name]])) as Partial<T>;
}

/** The casts hold since the schema has let it pass. */
function toSettings(file: Section): Settings {
  const admin = (file.admin ?? {}) as { httpPort?: number | null; metricsQueuesMax?: number };
  const queues = (file.queues ?? []) as (Section & { name: string })[];
  const aliases = (file.aliases ?? []) as { name: string; destinationQueues: string[] }[];
  return {
    server: {
      ...defaultServerSettings,
      ...pick<PlainServerSettings>(serverTable, file),
      ...(admin.httpPort === undefined ? {} : { adminPort: admin.httpPort }),
      ...(admin.metricsQueuesMax === undefined ? {} : { metricsQueuesMax: admin.metricsQueuesMax }),
      zookeeper: toZookeeper(file.zookeeper as Section | null | undefined),
      users: toUsers(file.users),
      tls: toTls(file.tls),
    },
    queues: new QueueRules({
      default: pick<QueueSettings>(queueTable, (file.default ?? {}) as Section),
      queues: queues.map((queue) => [queue.name, pick<QueueSettings>(queueTable, queue)]),
      aliases: aliases.map((alias) => [alias.name, alias.destinationQueues]),
    }),
  };
}

function toZookeeper(section: Section | null | undefined): ZookeeperSettings | null {
  if (section == null) return null;
  const port = (section.port ?? zookeeperPort) as number;
  return {
    servers: (section.host as ZookeeperServer[]).map((server) => ({
      host: server.host,
      port: server.port ?? port,
    })),
    pathPrefix: section.pathPrefix as string,
    sessionTimeoutMs: (section.sessionTimeout ?? 10_000) as number,
    advertise: (section.advertise ?? null) as string | null,
    credentials: (section.credentials ?? null) as ZookeeperSettings["credentials"],
    acl: (section.acl ?? openUnsafe) as ZookeeperSettings["acl"],
  };
}

function renderIssue(issue: v.BaseIssue<unknown>): string {
  const path = (issue.path ?? []).map(({ key }) => {
    if (typeof key === "number") return `[${key}]`;
    return /^[a-z_$][\w$]*$/i.test(String(key)) ? `.${key}` : `[${JSON.stringify(String(key))}]`;
  });
  return path.length === 0 ? issue.message : `${path.join("").replace(/^\./, "")}: ${issue.message}`;
}
