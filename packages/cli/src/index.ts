/** kq as a library: the same commands, for embedding and for tests. */
export { type ExitCode, exitCodes } from "./exit-code.ts";
export { kq } from "./kq.ts";
export type { Input, Sink, Surroundings } from "./surroundings.ts";
export { version } from "./version.ts";
