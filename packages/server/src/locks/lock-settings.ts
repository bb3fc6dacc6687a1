/** Users, and the files for TLS, as the settings have them. */

export interface UserSettings {
  readonly name: string;
  /** As `kestrel --hash-password` prints it; null: no password lets this user in. */
  readonly password: string | null;
  /** As `kestrel --make-token` prints it, for the admin port; null: no token does. */
  readonly token: string | null;
  /** Names of queues, `*` in them for any characters. */
  readonly put: readonly string[];
  readonly get: readonly string[];
  /** May flush and delete queues, change the status, reload and stop the server. */
  readonly admin: boolean;
}

/** The ports that can have TLS. */
export const doorNames = ["memcache", "text", "thrift", "admin"] as const;
export type DoorName = (typeof doorNames)[number];

/** Paths of PEM files. */
export interface TlsFiles {
  /** The certificate, and behind it those that lead to a known authority. */
  readonly cert: string;
  readonly key: string;
  /** Authorities whose clients are let in. */
  readonly ca: string | null;
  /** Only clients with a certificate of `ca` are let in. */
  readonly clientCert: boolean;
}

export type TlsSettings = Readonly<Record<DoorName, TlsFiles | null>>;

export const noTls: TlsSettings = { memcache: null, text: null, thrift: null, admin: null };
