/** Where ZooKeeper is: one server, or several of one ensemble, as its own tools write them: "zoo1:2181,zoo2:2181". */
import type { Kind } from "./kinds.ts";

export const zookeeperPort = 2181;

export interface ZookeeperServer {
  readonly host: string;
  /** Without it, the port that is set for all. */
  readonly port?: number;
}

export const zookeeperServers: Kind<readonly ZookeeperServer[]> = {
  expected: 'a host name or an address, or several such as "zoo1,zoo2:2182"',
  parse(raw) {
    const names = typeof raw === "string" ? raw.split(",") : raw;
    if (!Array.isArray(names) || names.length === 0) return undefined;
    const servers = names.map(parseServer);
    return servers.every((server) => server !== undefined) ? servers : undefined;
  },
  render: (servers) => servers.map(renderServer).join(","),
};

function parseServer(raw: unknown): ZookeeperServer | undefined {
  if (typeof raw !== "string") return undefined;
  const [, bracketed, plain, digits] =
    /^(?:\[([^\]]+)\]|([^\s:[\]/@,]+))(?::(\d{1,5}))?$/.exec(raw.trim()) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) return undefined;
  if (digits === undefined) return { host };
  const port = Number(digits);
  return port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

function renderServer({ host, port }: ZookeeperServer): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return port === undefined ? name : `${name}:${port}`;
}
