/** The built program `kestrel`, for `node <this>`; needs `tsc -b` to have been run. */
import { fileURLToPath } from "node:url";

export const kestrelProgram: string = fileURLToPath(
  new URL("bin/kestrel.js", import.meta.resolve("@kestrel-mq/server/package.json")),
);
