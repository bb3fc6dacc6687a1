/**
 * `kq serve`: one node in the foreground. It is the program `kestrel`, given the same flags; this process only
 * passes signals on and ends as it ends.
 */
import { spawn } from "node:child_process";
import { type Command, defineCommand } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-code.ts";
import { kestrelPath } from "../nodes/node-process.ts";

export const serveCommand: Command = defineCommand({
  usage: "serve [flags..]",
  describe: "Run a node in the foreground; flags are those of the program kestrel",
  examples: [
    ["kq serve", "a node on localhost:22133 with its journal in ./kestrel-spool"],
    ["kq serve --memcache-port 22134 --queue-path /var/spool/kestrel", "another port and folder"],
  ],
  positionals: {
    flags: { type: "string", array: true, default: [] as string[], describe: "Flags for kestrel" },
  },
  flags: {},
  isPassedThrough: true,
  async run(args, { interrupted, stdout, stderr }) {
    const child = spawn(process.execPath, [kestrelPath(), ...args.flags], {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    child.stdout.pipe(stdout, { end: false });
    child.stderr.pipe(stderr, { end: false });
    const stop = () => child.kill("SIGTERM");
    interrupted.addEventListener("abort", stop);
    if (interrupted.aborted) stop();
    try {
      return await new Promise<ExitCode>((resolve, reject) => {
        child.once("error", reject);
        child.once("close", (code) => {
          resolve(code === 0 ? exitCodes.done : code === 2 ? exitCodes.usage : exitCodes.failed);
        });
      });
    } finally {
      interrupted.removeEventListener("abort", stop);
    }
  },
});
