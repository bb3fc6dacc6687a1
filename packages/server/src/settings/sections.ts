/** The shapes that settings have in a file: single ones, sections, lists; and what is said of anything else. */
import * as v from "valibot";
import { findCloseWord } from "./did-you-mean.ts";
import { type Kind, show } from "./kinds.ts";
import { queueTable, type SettingTable } from "./tables.ts";

export type Schema<T = unknown> = v.GenericSchema<unknown, T>;
/** Settings by their names in the file, read by their kinds. */
export type Section = Record<string, unknown>;

/** A value of this kind. */
export function setting(kind: Kind<unknown>): Schema {
  return v.pipe(
    v.unknown(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const value = kind.parse(dataset.value);
      if (value !== undefined) return value;
      const got = kind.isSecret ? "something else" : show(dataset.value);
      addIssue({ message: `expected ${kind.expected}, got ${got}` });
      return NEVER;
    }),
  );
}

/** An object with these settings and no others: what it doesn't know may be a slip of the fingers. */
export function section(required: Record<string, Schema>, optional: Record<string, Schema>): Schema<Section> {
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

/** A list of these, and nothing else. */
export function list(item: Schema): Schema<unknown[]> {
  return v.array(item, (issue) => `expected a list, got ${show(issue.input)}`);
}

/** The settings of a table, for a section. */
export function entriesOf<T>(table: SettingTable<T, string>): Record<string, Schema> {
  const rows: { name: string; kind: Kind<never> }[] = Object.values(table);
  return Object.fromEntries(rows.map(({ name, kind }) => [name, setting(kind as Kind<unknown>)]));
}
