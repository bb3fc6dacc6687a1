/** How ZooKeeper, or the way to it, fails. */

/**
 * `unreachable`: no connection, or no answer on it. `dropped`: the server ended the connection without an answer.
 * `expired`: there is no such session any more. `lost`: the connection ended, and what was asked may have been done.
 * Others are ZooKeeper's own: NO_NODE, NO_AUTH, NODE_EXISTS…
 */
export class ZookeeperError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ZookeeperError";
    this.code = code;
  }
}
