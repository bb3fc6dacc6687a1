import { expect, test } from "vitest";
import { parseFlags } from "./flags.ts";

test.each([
  [[], {}],
  [["--memcache-port", "0", "--text-port=off"], { memcachePort: 0, textPort: null }],
  [["--thrift-port", "2229", "--admin-port", "off"], { thriftPort: 2229, adminPort: null }],
  [
    ["--listen", "::1", "--queue-path", "/spool", "--log-level", "debug"],
    { listenAddress: "::1", queuePath: "/spool", logLevel: "debug" },
  ],
])("%j", (args, settings) => {
  expect(parseFlags(args)).toEqual({ action: "serve", configFile: null, settings });
});

test.each([
  [["--help"], { action: "help" }],
  [["-h", "--version"], { action: "help" }],
  [["--version"], { action: "version" }],
  [["--check-config", "file"], { action: "check-config", file: "file" }],
  [["--hash-password"], { action: "hash-password" }],
  [["--make-token"], { action: "make-token" }],
  [["--config", "file"], { action: "serve", configFile: "file", settings: {} }],
])("%j", (args, flags) => {
  expect(parseFlags(args)).toEqual(flags);
});

test.each([
  [["--memcache-port", "x"], "--memcache-port"],
  [["--memcache-port", "65536"], "65536"],
  [["--admin-port", "-1"], "admin-port"],
  [["--log-level", "loud"], "loud"],
  [["--nonsense"], "nonsense"],
  [["stray"], "stray"],
])("%j is refused", (args, message) => {
  expect(() => parseFlags(args)).toThrow(message);
});
