/** kq as a library: the same commands, for embedding and for tests. */
export type { Aftermath } from "./aftermath.ts";
export { type ExitCode, exitCodes } from "./exit-code.ts";
export { kq } from "./kq.ts";
export type { Cluster, Connect } from "./nodes/cluster.ts";
export type { Admin, ConnectAdmin } from "./nodes/node-inquiry.ts";
export type { Input, Sink, Surroundings } from "./surroundings.ts";
export { version } from "./version.ts";
