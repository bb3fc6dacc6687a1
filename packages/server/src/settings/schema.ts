/**
 * Checks what a settings file holds and turns it into settings. Finds every problem, not only the first, and
 * names the setting by its path: `queues[2].maxItems: expected a whole number of items, got "many"`.
 */

import * as v from "valibot";
import { findCloseWord } from "./did-you-mean.ts";
import { count, type Kind, period, port, queueName, show, text } from "./kinds.ts";
import { findNameProblems } from "./name-checks.ts";
import { QueueRules } from "./queue-rules.ts";
import { defaultServerSettings, type ServerSettings, type ZookeeperSettings } from "./server-settings.ts";
import type { QueueSettings } from "./settings.ts";
import { queueTable, type SettingTable, serverTable } from "./tables.ts";
import { everyoneReadCreatorAll, openUnsafe, zookeeperAcl } from "./zookeeper-acl.ts";

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
  problems.push(...findNameProblems(config));
  if (!checked.success || problems.length > 0) throw new SettingsError(source, problems);
  return toSettings(checked.output);
}

type Schema<T = unknown> = v.GenericSchema<unknown, T>;
/** Settings by their names in the file, read by their kinds. */
type Section = Record<string, unknown>;

function setting(kind: Kind<unknown>): Schema {
  return v.pipe(
    v.unknown(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const value = kind.parse(dataset.value);
      if (value !== undefined) return value;
      addIssue({ message: `expected ${kind.expected}, got ${show(dataset.value)}` });
      return NEVER;
    }),
  );
}

/** An object with these settings and no others: what it doesn't know may be a slip of the fingers. */
function section(required: Record<string, Schema>, optional: Record<string, Schema>): Schema<Section> {
  const entries = {
    ...required,
    ...Object.fromEntries(Object.entries(optional).map(([key, schema]) => [key, v.optional(schema)])),
  };
  return v.pipe(
    v.custom<Section>(isSection, (issue) => `expected an object of settings, got ${show(issue.input)}`),
    v.looseObject(entries, "missing"),
    v.rawCheck(({ dataset, addIssue }) => {
      const input = dataset.value as Section;
      for (const key of Object.keys(input).filter((key) => !Object.hasOwn(entries, key))) {
        addIssue({
          message: `no such setting${hintFor(key, Object.keys(entries))}`,
          path: [{ type: "object", origin: "key", input, key, value: input[key] }],
        });
      }
    }),
  );
}

function isSection(input: unknown): input is Section {
  return typeof input === "object" && input !== null && !Array.isArray(input);
}

/** What Kestrel's own files call otherwise. */
const namesElsewhere: ReadonlyMap<string, string> = new Map([
  ["whiteListClientIdForEnqueue", "clientIdForEnqueue"],
  ["whiteListClientIdForDequeue", "clientIdForDequeue"],
  ["loggers", "logLevel"],
]);

function hintFor(key: string, known: readonly string[]): string {
  const close = findCloseWord(namesElsewhere.get(key) ?? key, known);
  if (close !== undefined) return `, did you mean ${close}?`;
  const isOfQueues = Object.values(queueTable).some(({ name }) => name === key);
  return isOfQueues ? ', it belongs to a queue, or to "default" for all queues' : "";
}

function list(item: Schema): Schema<unknown[]> {
  return v.array(item, (issue) => `expected a list, got ${show(issue.input)}`);
}

function entriesOf<T>(table: SettingTable<T, string>): Record<string, Schema> {
  const rows: { name: string; kind: Kind<never> }[] = Object.values(table);
  return Object.fromEntries(rows.map(({ name, kind }) => [name, setting(kind as Kind<unknown>)]));
}

const absolutePath: Kind<string> = {
  ...text('a path that begins with "/"'),
  parse: (raw) => (typeof raw === "string" && /^\/[^/]/.test(raw) ? raw.replace(/\/+$/, "") : undefined),
};

const zookeeperSchema = v.pipe(
  section(
    { host: setting(text("a host name or an address")), pathPrefix: setting(absolutePath) },
    {
      port: setting({ ...port, parse: (raw) => port.parse(raw) || undefined, expected: "a port" }),
      sessionTimeout: setting(period),
      credentials: v.nullable(
        section({ username: setting(text("a text")), password: setting(text("a text")) }, {}),
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
      ...pick<Omit<ServerSettings, "adminPort" | "metricsQueuesMax" | "zookeeper">>(serverTable, file),
      ...(admin.httpPort === undefined ? {} : { adminPort: admin.httpPort }),
      ...(admin.metricsQueuesMax === undefined ? {} : { metricsQueuesMax: admin.metricsQueuesMax }),
      zookeeper: toZookeeper(file.zookeeper as Section | null | undefined),
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
  return {
    host: section.host as string,
    port: (section.port ?? 2181) as number,
    pathPrefix: section.pathPrefix as string,
    sessionTimeoutMs: (section.sessionTimeout ?? 10_000) as number,
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
