/**
 * The program: gives `kq` the real world and turns its result into an exit code. The first Ctrl-C (or
 * SIGTERM, or a closed terminal) asks the command to end in good order, the second ends the process at once.
 */
import { homedir } from "node:os";
import { AdminConnection, KestrelClusterClient } from "@kestrel-mq/client";
import { doWhenKilled } from "./aftermath.ts";
import { kq } from "./kq.ts";

const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (interruption.signal.aborted) process.exit(1);
    interruption.abort();
  });
}
// Each write hears of its own failure; without a listener a closed pipe would end the process instead.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});

const exitCode = await kq(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  homeFolder: homedir(),
  interrupted: interruption.signal,
  connect: (options) => {
    const client = new KestrelClusterClient(options);
    const told = new Set<string>();
    client.on("discovery:error", ({ server, error }) => {
      const line = `kq: ${server}: ${error.message}\n`;
      if (!told.has(line)) process.stderr.write(line);
      told.add(line);
    });
    return client;
  },
  connectAdmin: (server, options) => new AdminConnection(server, options),
  doWhenKilled,
});
// All output is out by now; an input that is still open must not keep the shell waiting.
process.exit(exitCode);
