/**
 * `kq up`: a cluster of nodes on this machine, to try things out and for tests. Ctrl-C stops them all.
 */
import { once } from "node:events";
import { resolve } from "node:path";
import { parseCount } from "../arguments/count.ts";
import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { exitCodes, UsageError } from "../exit-code.ts";
import { NodeProcess, type ReadyLine } from "../nodes/node-process.ts";
import { type Surroundings, say } from "../surroundings.ts";
import { renderLogLine } from "../terminal/log-line.ts";
import { colorsFor, renderJson } from "../terminal/output.ts";
import { writeOut } from "../terminal/writing.ts";

const portMax = 65_535;

export const upCommand: Command = defineCommand({
  usage: "up",
  describe: "Run a cluster of nodes on this machine until Ctrl-C",
  examples: [
    ["kq up", "three nodes, on ports 22133 to 22135"],
    ["kq up -n 5 --port 30000", "five nodes, on ports 30000 to 30004"],
    ["kq up --config kestrel.json", "nodes with these settings"],
    ["kq up --port 0 --json", "free ports; one line of JSON says which, when all are ready"],
  ],
  positionals: {},
  flags: {
    nodes: {
      type: "string",
      alias: "n",
      requiresArg: true,
      default: "3",
      coerce: (text: string) => parseCount(text, 1),
      describe: "How many",
    },
    port: {
      type: "string",
      requiresArg: true,
      default: "22133",
      coerce: (text: string) => parseCount(text, 0),
      describe: "Port of the first; the next have the next. 0: any free ones",
    },
    "admin-port": {
      type: "string",
      requiresArg: true,
      default: "0",
      coerce: (text: string) => parseCount(text, 0),
      describe: "Port of the first one's admin page; the next have the next. 0: any free ones",
    },
    host: { type: "string", requiresArg: true, default: "127.0.0.1", describe: "Address to listen on" },
    data: {
      type: "string",
      requiresArg: true,
      default: "kestrel-data",
      describe: "Folder for the journals, one folder for each node",
    },
    config: {
      type: "string",
      requiresArg: true,
      describe: "File with settings for every node; address, ports and folders are those of this command",
    },
    ...jsonFlag,
  },
  async run(args, surroundings) {
    if (args.port + args.nodes - 1 > portMax)
      throw new UsageError(`ports end at ${portMax}: choose a lower --port`);
    const data = resolve(args.data);
    const configFlags = args.config === undefined ? [] : ["--config", args.config];
    const nodes = Array.from({ length: args.nodes }, (_, index) => {
      const name = `node-${index + 1}`;
      const ports = [args.port, args.adminPort].map((first) => (first === 0 ? 0 : first + index)) as [
        number,
        number,
      ];
      return new NodeProcess(
        name,
        [...nodeFlags(args.host, ports, `${data}/${name}`), ...configFlags],
        logger(name, index, surroundings),
      );
    });
    try {
      const ready = await Promise.all(nodes.map((node) => node.ready()));
      await announce(ready, data, args.json, surroundings);
      return await watch(nodes, surroundings);
    } finally {
      await Promise.all(nodes.map((node) => node.stop()));
    }
  },
});

/** The text and thrift protocols are left out: their ports would have to be chosen and told as well. */
function nodeFlags(host: string, [port, adminPort]: [number, number], queuePath: string): string[] {
  const ports = ["--memcache-port", String(port), "--admin-port", String(adminPort)];
  return [
    "--listen",
    host,
    ...ports,
    "--text-port",
    "off",
    "--thrift-port",
    "off",
    "--queue-path",
    queuePath,
  ];
}

async function announce(
  ready: readonly ReadyLine[],
  data: string,
  json: boolean | undefined,
  surroundings: Surroundings,
): Promise<void> {
  const addressesOf = (listener: string) =>
    ready.flatMap(({ listeners }) => {
      const at = listeners[listener];
      if (at === undefined) return [];
      return `${at.host.includes(":") ? `[${at.host}]` : at.host}:${at.port}`;
    });
  const servers = addressesOf("memcache");
  const pages = addressesOf("admin").map((address) => `http://${address}/`);
  const list = servers.join(",");
  if (json === true) {
    const pids = ready.map(({ pid }) => pid);
    await writeOut(surroundings.stdout, renderJson({ ready: true, servers, pages, pids, data }));
    return;
  }
  await writeOut(surroundings.stdout, `${list}\n`);
  if (surroundings.stderr.isTTY === true) {
    say(surroundings, `Ready. In another terminal: export KESTREL_SERVERS=${list}`);
    if (pages.length > 0) say(surroundings, `To look at: ${pages.join(" ")}`);
    say(surroundings, `Journals are in ${data}. Ctrl-C stops all nodes.`);
  }
}

/** Until Ctrl-C, or until no node is left. A node that ends by itself is told; the others go on. */
async function watch(nodes: readonly NodeProcess[], surroundings: Surroundings): Promise<0 | 1> {
  const { interrupted } = surroundings;
  let fallen = 0;
  const allFallen = Promise.all(
    nodes.map(async (node) => {
      const how = await node.ended;
      if (interrupted.aborted) return;
      fallen++;
      say(surroundings, `kq up: ${node.name} has ended by itself (${how}); the others go on`);
    }),
  );
  if (!interrupted.aborted) await Promise.race([allFallen, once(interrupted, "abort")]);
  return fallen === 0 ? exitCodes.done : exitCodes.failed;
}

/** One log for all: each line under its node's name, in the node's colour. */
function logger(name: string, index: number, { stderr, env }: Surroundings): (line: string) => void {
  const colors = colorsFor(stderr, env);
  const paint = [colors.cyan, colors.yellow, colors.green, colors.magenta, colors.blue, colors.red][
    index % 6
  ]!;
  return (line) => stderr.write(`${paint(`${name} |`)} ${renderLogLine(line)}\n`);
}
