/** The one way to a connection. The library is loaded only by those who have ZooKeeper, since others needn't install it. */
import type { ConnectZookeeper, ZookeeperOptions } from "./connection.ts";
import { type Library, LibraryConnection } from "./library-connection.ts";
import { ZookeeperError } from "./zookeeper-error.ts";

const openMsMax = 5_000;

/** Loads node-zookeeper-client. Rejects, and says what to do, when it isn't installed. */
export async function loadZookeeper(options: ZookeeperOptions): Promise<ConnectZookeeper> {
  let library: Library;
  try {
    library = await import("node-zookeeper-client");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    const message = "ZooKeeper needs the package node-zookeeper-client: npm install node-zookeeper-client";
    throw new ZookeeperError("not-installed", message, { cause: error });
  }
  return async (address, signal, session) => {
    const connection = new LibraryConnection(library, options, session);
    await connection.open(address, signal, Math.min(openMsMax, options.sessionTimeoutMs));
    return connection;
  };
}
