/** What can be wrong with announcing a node is found out before the node is there; the rest is the announcer's. */
import { networkInterfaces } from "node:os";
import type { ConnectZookeeper } from "@kestrel-mq/zookeeper";
import type { Clock } from "../clock.ts";
import type { Logger } from "../logging.ts";
import type { Address, Protocol } from "../protocol/doors.ts";
import type { ZookeeperSettings } from "../settings/server-settings.ts";
import type { NodeStatus } from "../status/node-status.ts";
import { Announcer } from "./announcer.ts";
import { checkReachable, renderMember } from "./member.ts";

export class Announcement {
  readonly #settings: ZookeeperSettings;
  readonly #connect: ConnectZookeeper;

  private constructor(settings: ZookeeperSettings, connect: ConnectZookeeper) {
    this.#settings = settings;
    this.#connect = connect;
  }

  /**
   * Rejects when what it takes to speak to ZooKeeper isn't installed, or nobody could reach the node where it is to
   * listen.
   */
  static async prepare(settings: ZookeeperSettings, listenAddress: string): Promise<Announcement> {
    checkReachable(listenAddress, settings.advertise);
    // An optional dependency, which is missed only here.
    const { loadZookeeper } = await import("@kestrel-mq/zookeeper");
    return new Announcement(settings, await loadZookeeper(settings));
  }

  /** An announcer for a node that listens there; it is yet to be started. Throws when there is nothing to announce. */
  createAnnouncer(
    doors: Partial<Record<Protocol, Address>>,
    status: NodeStatus,
    clock: Clock,
    logger: Logger,
  ): Announcer {
    const member = renderMember(doors, this.#settings.advertise, networkInterfaces());
    return new Announcer({ settings: this.#settings, member, status, connect: this.#connect, clock, logger });
  }
}
