/**
 * systemd's end of the notify socket, played by a few lines of Python, since Node has no datagram sockets in the
 * file system. Keeps every message until it is asked for.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { on } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const program: string = fileURLToPath(new URL("notify-socket.py", import.meta.url));

/** The lines of one message: `["READY=1", "STATUS=…"]`. */
export type Message = string[];

export class NotifySocket implements AsyncDisposable {
  readonly path: string;
  /** Signs of life that `nextState` has passed over. */
  signsOfLife = 0;
  readonly #child: ChildProcess;
  readonly #messages: AsyncIterator<Message>;

  private constructor(path: string) {
    this.path = path;
    this.#child = spawn("python3", [program, path], { stdio: ["ignore", "pipe", "inherit"] });
    this.#messages = readMessages(this.#child);
  }

  /** Resolves when the socket can be written to. */
  static async open(path: string): Promise<NotifySocket> {
    const socket = new NotifySocket(path);
    await socket.next();
    return socket;
  }

  /** The next message. Rejects when the Python program has ended. */
  async next(): Promise<Message> {
    const { done, value } = await this.#messages.next();
    if (done === true) throw new Error("the notify socket is closed");
    return value as Message;
  }

  /** The next message that isn't a sign of life. */
  async nextState(): Promise<Message> {
    for (;;) {
      const message = await this.next();
      if (message[0] !== "WATCHDOG=1") return message;
      this.signsOfLife++;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#messages.return?.();
  }
}

async function* readMessages(child: ChildProcess): AsyncGenerator<Message> {
  const lines = createInterface(child.stdout!);
  for await (const [line] of on(lines, "line", { close: ["close"] })) {
    const message = JSON.parse(line as string) as Message;
    // systemd-notify asks in a message of its own whether all before it has been taken.
    if (message[0] !== "BARRIER=1") yield message;
  }
}
