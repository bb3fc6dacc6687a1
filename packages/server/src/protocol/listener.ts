/** One port: accepts connections and ends them all in the end. */

import { type AddressInfo, createServer, type Server, type ServerOpts, type Socket } from "node:net";
import type { TlsOptions } from "../locks/tls.ts";
import { TlsServer } from "../locks/tls-server.ts";
import type { Admission } from "./admission.ts";
import { Connection, type ConnectionHost } from "./connection.ts";
import { receiveChunks, receiveShared } from "./shared-input.ts";

export interface ListenerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Connections that wait to be accepted; null: what the system thinks best. */
  readonly backlog: number | null;
  readonly admission: Admission;
  /** Null: not encrypted. */
  readonly tls: TlsOptions | null;
  /** Whether the begin and end of each connection is logged. */
  readonly tracesSessions: boolean;
}

/** What a listener gives to its connections: all but what it does for them itself. */
export type ListenerHost = Omit<ConnectionHost, "forget">;

/** A peer that is gone without a word is noticed after a minute or two of silence. */
const keepAliveMs = 60_000;
const socketOptions: ServerOpts = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: keepAliveMs,
  allowHalfOpen: true,
  pauseOnConnect: true,
};

/** For clients to see the end of an idle connection, and for those who still take their answers. */
const idleGraceMs = 100;
const busyGraceMs = 2_000;

export class Listener {
  readonly #server: Server;
  readonly #tlsServer: TlsServer | null;
  readonly #host: ConnectionHost;
  readonly #admission: Admission;
  readonly #tracesSessions: boolean;
  readonly #connections: Set<Connection> = new Set();
  /** Where it listens; the port is the real one. */
  address: { readonly host: string; readonly port: number } = { host: "", port: 0 };
  #whenEmpty: () => void = () => {};

  private constructor(host: ListenerHost, { admission, tls, tracesSessions }: ListenerOptions) {
    this.#host = {
      ...host,
      makeCodec: host.makeCodec.bind(host),
      forget: (connection) => this.#forget(connection),
    };
    this.#admission = admission;
    this.#tracesSessions = tracesSessions;
    const accept = (socket: Socket): void => this.#accept(socket);
    const bound = {
      begin: () => admission.beginHandshake(host.counters.currConnections),
      end: () => admission.endHandshake(),
    };
    this.#tlsServer = tls === null ? null : new TlsServer(socketOptions, tls, host.logger, bound, accept);
    this.#server = this.#tlsServer?.server ?? createServer(socketOptions, accept);
  }

  /** Rejects when the port can't be had, with a message that says which and why. */
  static async start(options: ListenerOptions, host: ListenerHost): Promise<Listener> {
    const listener = new Listener(host, options);
    const server = listener.#server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(cannotListen(options, error)));
      server.listen(
        {
          host: options.host,
          port: options.port,
          ...(options.backlog === null ? {} : { backlog: options.backlog }),
        },
        resolve,
      );
    });
    const { address, port } = server.address() as AddressInfo;
    listener.address = { host: address, port };
    server.removeAllListeners("error");
    server.on("error", (error) => host.logger.error({ err: error }, "a listening socket failed"));
    return listener;
  }

  #accept(accepted: Socket): void {
    const { counters } = this.#host;
    const controls = this.#admission.admit(counters.currConnections);
    if (controls === null) {
      accepted.destroy();
      return;
    }
    counters.currConnections++;
    counters.totalConnections++;
    // Once its handle is moved it knows no address any more.
    const client = this.#tracesSessions ? `${accepted.remoteAddress}:${accepted.remotePort}` : "";
    const receiveFrom = this.#tlsServer === null ? receiveShared : receiveChunks;
    const socket = receiveFrom(accepted, () => connection);
    const host = controls === this.#host.controls ? this.#host : { ...this.#host, controls };
    const connection: Connection = new Connection(socket, host);
    this.#connections.add(connection);
    if (this.#tracesSessions) this.#trace(socket, client);
  }

  #trace(socket: Socket, client: string): void {
    const { counters, logger } = this.#host;
    const fields = { session: counters.totalConnections, client, port: this.address.port };
    logger.info(fields, "a session begins");
    socket.once("close", () => logger.info(fields, "a session ends"));
  }

  #forget(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    this.#host.counters.currConnections--;
    if (this.#connections.size === 0) this.#whenEmpty();
  }

  /** New certificates, for connections to come. Nothing is encrypted that was not before, nor the other way round. */
  renewTls(tls: TlsOptions): void {
    this.#tlsServer?.renew(tls);
  }

  /** Takes no more connections and ends those there are: first politely, then at once. */
  async stop(): Promise<void> {
    this.#server.close();
    this.#tlsServer?.dismiss();
    for (const connection of this.#connections) connection.close();
    await this.#emptyWithin(idleGraceMs);
    for (const connection of this.#connections) if (connection.isFinished) connection.destroy();
    await this.#emptyWithin(busyGraceMs);
    for (const connection of this.#connections) connection.destroy();
    await this.#emptyWithin(busyGraceMs);
  }

  #emptyWithin(graceMs: number): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#whenEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "somebody else listens there",
  EACCES: "not allowed",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "no such host",
};

/** The error of a port that can't be had, for people. */
export function cannotListen(
  { host, port }: Pick<ListenerOptions, "host" | "port">,
  cause: NodeJS.ErrnoException,
): Error {
  const reason = reasons[cause.code ?? ""] ?? cause.message;
  return new Error(`cannot listen on ${host}:${port}: ${reason}`, { cause });
}
