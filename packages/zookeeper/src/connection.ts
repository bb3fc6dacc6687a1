/** What a connection to ZooKeeper is to those who use it, whoever does the talking. */
import type { ZookeeperError } from "./zookeeper-error.ts";

export interface ZookeeperAddress {
  readonly host: string;
  readonly port: number;
}

/** What it takes to go on with a session on another connection. */
export interface ZookeeperSession {
  readonly id: Buffer;
  readonly password: Buffer;
  /** The last change that was seen in it: no server is taken that lags behind it. */
  readonly zxid: Buffer;
  /** As agreed with the server. */
  readonly timeoutMs: number;
}

export interface ZookeeperAclEntry {
  readonly scheme: string;
  readonly id: string;
  /** Letters of "cdrwa". */
  readonly permissions: string;
}

export interface ZookeeperOptions {
  /** How long a session outlives its connection; the server has the last word. */
  readonly sessionTimeoutMs: number;
  readonly credentials: { readonly username: string; readonly password: string } | null;
}

/** What is told of a node that there is. */
export interface ZookeeperStat {
  /** Of the session that it goes with, in hexadecimal; zeros for a node that stays. */
  readonly owner: string;
}

/** A connection with a session. Requests reject with ZookeeperError. */
export interface ZookeeperConnection {
  readonly session: ZookeeperSession;
  /** Milliseconds since the server was last heard of. */
  readonly silenceMs: number;
  /** Why it ended; undefined while it hasn't. */
  readonly failure: ZookeeperError | undefined;
  /** Resolves when it has ended. */
  readonly ended: Promise<ZookeeperError>;
  /** Gives the path of the new node, which has a number at its end if it is ephemeral. */
  create(
    path: string,
    data: Buffer,
    acl: readonly ZookeeperAclEntry[],
    kind: "persistent" | "ephemeral-sequential",
  ): Promise<string>;
  /** False: there was no such node. */
  remove(path: string): Promise<boolean>;
  /** Null: there is no such node. `onChange` is called once, when that has changed. */
  stat(path: string, onChange?: () => void): Promise<ZookeeperStat | null>;
  /** Null: there is no such node. `onChange` is called once, when that, or the list, has changed. */
  children(path: string, onChange?: () => void): Promise<string[] | null>;
  /** Null: there is no such node. */
  data(path: string): Promise<Buffer | null>;
  /** Ends the session, and the connection in any case. */
  close(): Promise<void>;
}

/** Opens a connection, going on with that session if there is one. Rejects with ZookeeperError; when aborted, at once. */
export type ConnectZookeeper = (
  address: ZookeeperAddress,
  signal: AbortSignal,
  session?: ZookeeperSession,
) => Promise<ZookeeperConnection>;
