// What the client itself has no call for: any data-less command of the memcache ASCII protocol, to one node.
// kq's tools are built on it.

import { clientErrorOf } from "../errors.ts";
import { type NodeAddress, parseNodeAddress, renderNodeAddress } from "../node-address.ts";
import { AsciiConnection } from "../transport/memcache/ascii-connection.ts";
import { resolveTls, type TlsOptions } from "../transport/tls-options.ts";
import { TransportError } from "../transport/transport-error.ts";

/** How an AdminConnection behaves. */
export interface AdminConnectionOptions {
  /** For the connection to be there, in milliseconds. Default 1,000. */
  readonly connectTimeoutMs?: number;
  /** For a whole answer to be there, in milliseconds from the writing. Default 5,000. */
  readonly timeoutMs?: number;
  /** The connection is ended after this long without a command, in milliseconds. Default 10,000. */
  readonly idleMs?: number;
  /** A longer answer, in bytes, ends the connection. Default 64 MiB. */
  readonly answerBytesMax?: number;
  /** For nodes that have users. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** Encrypts the connection, as ClusterOptions.tls does. */
  readonly tls?: TlsOptions | true;
}

/**
 * Sends commands to one node, one after the other over one connection that is made when needed, and gives the
 * answers as lines. Nothing is ever repeated. Rejects with KestrelClientError: `node-down` (nothing was
 * sent), `unknown` (sent, but no answer in time, or the connection ended), `unavailable` (the node answered
 * SERVER_ERROR), `unauthorized` (it wants to know who asks, or this user may not), `bad-request` (it answered
 * ERROR or another CLIENT_ERROR), `closed`.
 */
export class AdminConnection implements AsyncDisposable {
  readonly #connection: AsciiConnection;
  readonly #node: string;

  /**
   * Names the node as "host", "host:port", "[::1]:22133" or { host, port }. Nothing is connected yet. Throws
   * `bad-request` when the name, or what is said of TLS, makes no sense.
   */
  constructor(node: string | NodeAddress, options: AdminConnectionOptions = {}) {
    const address = typeof node === "string" ? parseNodeAddress(node) : node;
    this.#node = renderNodeAddress(address);
    this.#connection = new AsciiConnection({
      host: address.host,
      port: address.port,
      connectTimeoutMs: options.connectTimeoutMs ?? 1_000,
      timeoutMs: options.timeoutMs ?? 5_000,
      idleMs: options.idleMs ?? 10_000,
      answerBytesMax: options.answerBytesMax ?? 64 * 1024 * 1024,
      ...(options.credentials !== undefined && { credentials: options.credentials }),
      ...(options.tls !== undefined && { tls: resolveTls(options.tls) }),
    });
  }

  /** A command answered by lines and END, such as `stats` or `flush q`: gives the lines before END. */
  lines(command: string): Promise<string[]> {
    return this.#translate(this.#connection.lines(command));
  }

  /** A command answered by one line, such as `version`, `status` or `flush_all`: gives that line. */
  line(command: string): Promise<string> {
    return this.#translate(this.#connection.line(command));
  }

  /** A command after which the node ends the connection, such as `shutdown`: gives what it said before. */
  rest(command: string): Promise<string[]> {
    return this.#translate(this.#connection.rest(command));
  }

  /** Ends the connection; commands not answered yet are rejected. */
  close(): void {
    this.#connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  async #translate<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw error instanceof TransportError ? clientErrorOf(error, this.#node) : error;
    }
  }
}
