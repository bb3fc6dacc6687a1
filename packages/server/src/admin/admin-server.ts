/**
 * The admin port: HTTP for operators, their tools and their browsers. Shares the event loop with the queues, so
 * everything is bounded: connections, time, sizes, and the work done in one go.
 */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer, Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { KestrelError } from "../errors.ts";
import { type HandshakeBound, Handshakes, handshakeTimeoutMs } from "../locks/handshakes.ts";
import type { TlsOptions } from "../locks/tls.ts";
import type { Logger } from "../logging.ts";
import { Metrics } from "../metrics/metrics.ts";
import { adminConnectionsMax } from "../open-files.ts";
import { cannotListen } from "../protocol/listener.ts";
import type { SessionHost } from "../session/session.ts";
import { Access } from "./access.ts";
import type { AdminHost } from "./admin-host.ts";
import { type Answer, HttpError, refusal, send } from "./answer.ts";
import { assetRoutes } from "./assets.ts";
import { Live, liveRoute } from "./live.ts";
import { statsRoutes } from "./ostrich.ts";
import { prometheusRoutes } from "./prometheus.ts";
import { queueRoutes } from "./queue-api.ts";
import { httpErrorOf } from "./refusals.ts";
import { readBody } from "./request-body.ts";
import { type Route, Router } from "./route.ts";
import { serverRoutes } from "./server-api.ts";

const headersMax = 100;
const headerBytesMax = 16 * 1024;
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 30_000;
const keepAliveMs = 15_000;
/** A connection on which nothing moves for so long is closed: its client doesn't take its answer. */
const silenceMs = 60_000;
/** How long requests under way may take once the server stops. */
const stopGraceMs = 500;

/** The port's own bound on connections counts those at their handshake. */
const unbound: HandshakeBound = { begin: () => true, end: () => {} };

const serverOptions: ServerOptions = {
  maxHeaderSize: headerBytesMax,
  headersTimeout: headersTimeoutMs,
  requestTimeout: requestTimeoutMs,
  connectionsCheckingInterval: headersTimeoutMs / 2,
  keepAliveTimeout: keepAliveMs,
  noDelay: true,
};

export interface AdminOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** What the page calls the node. */
  readonly name: string;
  readonly metricsQueuesMax: number;
  /** Null: the node isn't announced. */
  readonly announcer?: AdminHost["announcer"];
  /** Not encrypted without it. */
  readonly tls?: TlsOptions | undefined;
}

export class AdminServer {
  readonly #server: Server;
  readonly #host: AdminHost;
  readonly #access: Access;
  readonly #router: Router;
  readonly #live: Live;
  readonly #handshakes: Handshakes | null;

  private constructor(
    { host, name, metricsQueuesMax, announcer = null, tls }: AdminOptions,
    session: SessionHost,
    logger: Logger,
  ) {
    const metrics = Metrics.start(session);
    this.#host = { ...session, logger, name, metricsQueuesMax, announcer, metrics };
    this.#access = new Access(host, session.locks);
    this.#live = new Live(this.#host);
    this.#router = new Router(allRoutes(this.#host, this.#live));
    const answer = (request: IncomingMessage, response: ServerResponse): void =>
      this.#answer(request, response);
    this.#server =
      tls === undefined
        ? createServer(serverOptions, answer)
        : createTlsServer({ ...serverOptions, handshakeTimeout: handshakeTimeoutMs, ...tls }, answer);
    this.#handshakes =
      this.#server instanceof TlsServer ? new Handshakes(this.#server, logger, unbound) : null;
    this.#server.maxConnections = adminConnectionsMax();
    this.#server.maxHeadersCount = headersMax;
    this.#server.timeout = silenceMs;
  }

  /** Rejects when the port can't be had, with a message that says which and why. */
  static async start(options: AdminOptions, session: SessionHost, logger: Logger): Promise<AdminServer> {
    const admin = new AdminServer(options, session, logger);
    const server = admin.#server;
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", (error) => reject(cannotListen(options, error)));
        server.listen({ host: options.host, port: options.port }, resolve);
      });
    } catch (error) {
      admin.#host.metrics.stop();
      throw error;
    }
    server.removeAllListeners("error");
    server.on("error", (error) => logger.error({ err: error }, "the admin port has failed"));
    return admin;
  }

  get address(): { host: string; port: number } {
    const { address, port } = this.#server.address() as AddressInfo;
    return { host: address, port };
  }

  /** New certificates, for connections to come. */
  renewTls(tls: TlsOptions): void {
    if (this.#server instanceof TlsServer) this.#server.setSecureContext(tls);
  }

  async stop(): Promise<void> {
    this.#host.metrics.stop();
    this.#live.stop();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#handshakes?.dismiss();
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), stopGraceMs);
    await closed;
    clearTimeout(timer);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    // A client that goes away says so here, and wants no answer.
    response.on("error", (error) => this.#host.logger.debug({ err: error }, "an admin client failed"));
    this.#carryOut(request, response)
      .catch((error: unknown) => this.#refusalOf(error, request))
      .then((answer) => (answer === null ? undefined : send(response, answer)))
      .catch((error: unknown) => {
        this.#host.logger.error({ err: error, url: request.url }, "an admin request has failed");
        response.destroy();
      });
  }

  /** Null: the response has been taken over. Rejects with HttpError or KestrelError. */
  async #carryOut(request: IncomingMessage, response: ServerResponse): Promise<Answer | null> {
    const { handler, isOpen, method, name, query } = this.#router.match(
      request.method ?? "",
      request.url ?? "",
    );
    const purpose = method === "GET" ? "read" : "change";
    const identity = await this.#access.admit(purpose, request, isOpen);
    const body = method === "GET" ? undefined : await readBody(request);
    return handler({ identity, method, name, query, message: request, response, body });
  }

  #refusalOf(error: unknown, request: IncomingMessage): Answer {
    if (error instanceof HttpError) return refusal(error);
    if (error instanceof KestrelError) return refusal(httpErrorOf(error));
    this.#host.logger.error({ err: error, url: request.url }, "an admin request has failed");
    return refusal(new HttpError(500, "that went wrong; the log says more"));
  }
}

/** All that can be asked. */
export function allRoutes(host: AdminHost, live: Live): Route[] {
  return [
    ...assetRoutes(),
    ...serverRoutes(host),
    ...statsRoutes(host),
    ...prometheusRoutes(host),
    ...queueRoutes(host),
    liveRoute(live),
  ];
}
