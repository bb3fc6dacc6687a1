/** Users and TLS in a settings file: what they may be, and the settings that they come to. */
import * as v from "valibot";
import {
  type DoorName,
  doorNames,
  type TlsFiles,
  type TlsSettings,
  type UserSettings,
} from "../locks/lock-settings.ts";
import { parsePasswordHash } from "../locks/password.ts";
import { parseTokenHash } from "../locks/token.ts";
import { flag, type Kind, text } from "./kinds.ts";
import { queueNameProblem } from "./queue-name.ts";
import { list, type Schema, type Section, section, setting } from "./sections.ts";

const userName: Kind<string> = {
  ...text("the name of a user (1 to 128 bytes without colons, white space or control characters)"),
  parse: (raw) =>
    typeof raw === "string" && /^[^:\s\p{Cc}]+$/u.test(raw) && Buffer.byteLength(raw) <= 128
      ? raw
      : undefined,
};

const keptPassword: Kind<string> = {
  ...text("what kestrel --hash-password prints"),
  isSecret: true,
  parse: (raw) => (typeof raw === "string" && parsePasswordHash(raw) !== undefined ? raw : undefined),
};

const keptToken: Kind<string> = {
  ...text("what kestrel --make-token says is kept"),
  isSecret: true,
  parse: (raw) => (typeof raw === "string" && parseTokenHash(raw) !== undefined ? raw : undefined),
};

const queuePattern: Kind<string> = {
  ...text("the name of a queue, in which * stands for any characters"),
  parse: (raw) =>
    typeof raw === "string" && queueNameProblem(raw.replaceAll("*", "x")) === undefined ? raw : undefined,
};

export const usersSchema: Schema = list(
  v.pipe(
    section(
      { name: setting(userName) },
      {
        password: setting(keptPassword),
        token: setting(keptToken),
        put: list(setting(queuePattern)),
        get: list(setting(queuePattern)),
        admin: setting(flag),
      },
    ),
    v.rawCheck(({ dataset, addIssue }) => {
      const { password, token } = dataset.value as Section;
      if (password === undefined && token === undefined) {
        addIssue({ message: "has neither password nor token, so nobody could be this user" });
      }
    }),
  ),
);

const tlsFilesSchema = v.pipe(
  section(
    { cert: setting(text("the path of a certificate")), key: setting(text("the path of its key")) },
    { ca: setting(text("the path of certificates")), clientCert: setting(flag) },
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    const { ca, clientCert } = dataset.value as Section;
    if (clientCert === true && ca === undefined) {
      addIssue({ message: "clientCert needs ca, the authorities whose clients are let in" });
    }
  }),
);

export const tlsSchema: Schema = section(
  {},
  Object.fromEntries(["all", ...doorNames].map((name) => [name, v.nullable(tlsFilesSchema)])),
);

/** Of what the schema has let pass. */
export function toUsers(users: unknown): UserSettings[] {
  return ((users ?? []) as (Partial<UserSettings> & { name: string })[]).map((user) => ({
    password: null,
    token: null,
    put: [],
    get: [],
    admin: false,
    ...user,
  }));
}

/** Of what the schema has let pass. */
export function toTls(tls: unknown): TlsSettings {
  const given = (tls ?? {}) as Partial<Record<DoorName | "all", Partial<TlsFiles> | null>>;
  const filesFor = (name: DoorName): TlsFiles | null => {
    const files = given[name] === undefined ? given.all : given[name];
    return files ? ({ ca: null, clientCert: false, ...files } as TlsFiles) : null;
  };
  return Object.fromEntries(doorNames.map((name) => [name, filesFor(name)])) as TlsSettings;
}
