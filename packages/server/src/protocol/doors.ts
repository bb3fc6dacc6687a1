/** The ports on which a node's queues are reached: a listener for each protocol that is not turned off. */
import type { TlsDoors } from "../locks/tls.ts";
import type { Logger } from "../logging.ts";
import type { SessionHost } from "../session/session.ts";
import type { ServerSettings } from "../settings/server-settings.ts";
import { Admission, type AdmissionSettings } from "./admission.ts";
import { AnswerMemory } from "./answer-memory.ts";
import { BodyMemory } from "./body-memory.ts";
import type { ConnectionLimits } from "./limits.ts";
import { Listener, type ListenerHost, type ListenerOptions } from "./listener.ts";
import { KeyCache } from "./memcache/key.ts";
import { makeMemcacheCodec } from "./memcache/memcache.ts";
import { OutputPool } from "./output.ts";
import { TextCodec } from "./text/text-codec.ts";
import { callBytesBeyondItem, ThriftCodec } from "./thrift/thrift-codec.ts";

export type Protocol = "memcache" | "text" | "thrift";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export type DoorSettings = AdmissionSettings &
  Pick<
    ServerSettings,
    "listenAddress" | "memcachePort" | "textPort" | "thriftPort" | "connectionBacklog" | "enableSessionTrace"
  >;

export class Doors {
  readonly #listeners: Map<Protocol, Listener> = new Map();

  /** Rejects when a port can't be had; then none is open. */
  static async start(
    settings: DoorSettings,
    limits: ConnectionLimits,
    host: SessionHost,
    logger: Logger,
    tls: TlsDoors = {},
  ): Promise<Doors> {
    const doors = new Doors();
    const { memcachePort, textPort, thriftPort } = settings;
    const admission = new Admission(settings, host.controls, logger);
    const memcache = { clock: host.clock, limits, keys: new KeyCache() };
    const shared = {
      ...host,
      limits,
      logger,
      outputs: new OutputPool(),
      answerMemory: new AnswerMemory({
        bytesMax: limits.unreadBytesMax,
        stallMs: limits.unreadStallMs,
        patienceMs: limits.unreadPatienceMs,
        clock: host.clock,
        turn: host.turn,
        gate: host.queues.largeItemGate,
        counters: host.counters,
      }),
      bodyMemory: new BodyMemory(
        Math.max(limits.bodyBytesMax, limits.itemBytesMax + callBytesBeyondItem),
        limits.bodyStallMs,
        host.clock,
      ),
    };
    const codecs: [Protocol, number | null, ListenerHost["makeCodec"]][] = [
      ["memcache", memcachePort, (firstByte, wire) => makeMemcacheCodec(firstByte, wire, memcache)],
      ["text", textPort, (_, wire) => new TextCodec(wire, shared)],
      ["thrift", thriftPort, (_, wire) => new ThriftCodec(wire, shared)],
    ];
    try {
      for (const [protocol, port, makeCodec] of codecs) {
        if (port === null) continue;
        const options = { ...optionsOf(settings, port, admission), tls: tls[protocol] ?? null };
        doors.#listeners.set(protocol, await Listener.start(options, { ...shared, makeCodec }));
      }
    } catch (error) {
      await doors.stop();
      throw error;
    }
    return doors;
  }

  /** Where the open ones are. */
  get addresses(): Partial<Record<Protocol, Address>> {
    return Object.fromEntries([...this.#listeners].map(([protocol, { address }]) => [protocol, address]));
  }

  /** New certificates, for the ports that have some. */
  renewTls(tls: TlsDoors): void {
    for (const [protocol, listener] of this.#listeners) {
      const options = tls[protocol];
      if (options !== undefined) listener.renewTls(options);
    }
  }

  /** Takes no more connections and ends those there are. */
  async stop(): Promise<void> {
    await Promise.all([...this.#listeners.values()].map((listener) => listener.stop()));
  }
}

function optionsOf(settings: DoorSettings, port: number, admission: Admission): Omit<ListenerOptions, "tls"> {
  return {
    host: settings.listenAddress,
    port,
    backlog: settings.connectionBacklog,
    admission,
    tracesSessions: settings.enableSessionTrace,
  };
}
