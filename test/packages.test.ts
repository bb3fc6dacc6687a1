/**
 * The packages as somebody would get them: packed, by pnpm and by npm, installed into an empty project, used from
 * JavaScript and from TypeScript. What they depend on comes from the npm registry; without one this is left out, and said.
 */

import { execFile, spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TempFolder } from "./harness/temp-folder.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const installMsMax = 240_000;
const run = promisify(execFile);

function isRegistryThere(): boolean {
  const { status } = spawnSync("npm", ["view", "picocolors", "version", "--fetch-retries=0"], {
    timeout: 30_000,
  });
  if (status === 0) return true;
  console.warn("left out: the npm registry is not reachable");
  return false;
}

const program = `
import { KestrelClusterClient } from "@kestrel-mq/client";
import { KestrelServer } from "@kestrel-mq/server";

const server = await KestrelServer.start({ queuePath: null, memcachePort: 0 });
const { port } = server.listeners.memcache!;
const client = new KestrelClusterClient({ servers: [\`127.0.0.1:\${port}\`] });
const outcome = await client.put("work", "hello");
const item = await client.get("work");
console.log(outcome.stored, item?.text());
await client.close();
await server.stop();
`;

const withZookeeper = `
import { KestrelServer } from "@kestrel-mq/server";

const zookeeper = {
  servers: [{ host: "127.0.0.1", port: 1 }],
  pathPrefix: "/kestrel",
  sessionTimeoutMs: 2_000,
  advertise: "127.0.0.1",
  credentials: null,
  acl: [],
};
try {
  const server = await KestrelServer.start({ queuePath: null, memcachePort: 0, zookeeper });
  console.log("started");
  await server.stop();
} catch (error) {
  console.log(error.message);
}
`;

const config = `
import { defineConfig } from "@kestrel-mq/server";

export default defineConfig({ default: { maxItems: 1000 } });
`;

describe.skipIf(!isRegistryThere())("installed into an empty project", () => {
  let folder: TempFolder;
  let project: string;

  beforeAll(async () => {
    folder = await TempFolder.create();
    const { packageManager } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    const packed = join(folder.path, "packed");
    await run(
      "npx",
      ["-y", packageManager, "--filter", "./packages/*", "pack", "--pack-destination", packed],
      {
        cwd: root,
      },
    );
    project = join(folder.path, "project");
    await mkdir(project);
    await writeFile(join(project, "package.json"), '{ "private": true, "type": "module" }');
    const tarballs = (await readdir(packed)).map((name) => join(packed, name));
    expect(tarballs).toHaveLength(4);
    await run("npm", ["install", "--no-audit", "--no-fund", ...tarballs, "@types/node@20"], { cwd: project });
  }, installMsMax);

  afterAll(() => folder?.[Symbol.asyncDispose]());

  test("they work from JavaScript", async () => {
    await writeFile(join(project, "use.js"), program.replace("memcache!", "memcache"));
    expect((await run(process.execPath, ["use.js"], { cwd: project })).stdout).toBe("true hello\n");
  });

  test("they work from TypeScript, at its strictest", async () => {
    await writeFile(join(project, "typed.ts"), program);
    await writeFile(join(project, "kestrel.config.ts"), config);
    const flags = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"];
    const target = ["--module", "nodenext", "--target", "es2023", "--lib", "es2023,esnext.disposable"];
    const tsc = join(root, "node_modules/.bin/tsc");
    await run(tsc, [...flags, ...target, "--types", "node", "typed.ts", "kestrel.config.ts"], {
      cwd: project,
    });
    expect((await run(process.execPath, ["typed.js"], { cwd: project })).stdout).toBe("true hello\n");
    const kestrel = ["kestrel", "--check-config", "kestrel.config.js"];
    expect((await run("npx", kestrel, { cwd: project })).stdout).toMatch(/^ok\n/);
  });

  test("the server finds node-zookeeper-client once it is installed beside it, and says so before", async () => {
    await writeFile(join(project, "announced.js"), withZookeeper);
    const start = async () => (await run(process.execPath, ["announced.js"], { cwd: project })).stdout;
    expect(await start()).toContain("npm install node-zookeeper-client");
    const client = "node-zookeeper-client@1.1.3";
    await run("npm", ["install", "--no-audit", "--no-fund", client], { cwd: project });
    expect(await start()).toBe("started\n");
  });

  test("packed by npm, they install without those that are optional", async () => {
    const packed = join(folder.path, "packed-by-npm");
    const lone = join(folder.path, "without-zookeeper");
    for (const path of [packed, lone]) await mkdir(path);
    for (const name of ["server", "client", "cli"]) {
      await run("npm", ["pack", "--pack-destination", packed], { cwd: join(root, "packages", name) });
    }
    await writeFile(join(lone, "package.json"), '{ "private": true, "type": "module" }');
    const tarballs = (await readdir(packed)).map((name) => join(packed, name));
    await run("npm", ["install", "--omit=optional", "--no-audit", "--no-fund", ...tarballs], { cwd: lone });
    await writeFile(join(lone, "use.js"), program.replace("memcache!", "memcache"));
    expect((await run(process.execPath, ["use.js"], { cwd: lone })).stdout).toBe("true hello\n");
    await writeFile(join(lone, "announced.js"), withZookeeper);
    const { stdout } = await run(process.execPath, ["announced.js"], { cwd: lone });
    expect(stdout).toContain("Cannot find package '@kestrel-mq/zookeeper'");
    expect((await run("npx", ["kq", "--help"], { cwd: lone })).stdout).toMatch(/kq put/);
  });

  test("npx finds the programs", async () => {
    expect((await run("npx", ["kq", "--help"], { cwd: project })).stdout).toMatch(/kq put/);
    expect((await run("npx", ["kestrel", "--version"], { cwd: project })).stdout).toMatch(
      /^\d+\.\d+\.\d+\n$/,
    );
  });

  test.each(["zookeeper", "server", "client", "cli"])(
    "%s says what it is, under which licence",
    async (name) => {
      const installed = join(project, "node_modules/@kestrel-mq", name);
      expect(await readdir(installed)).toEqual(expect.arrayContaining(["LICENSE", "README.md", "dist"]));
      const files = await readdir(join(installed, "dist"), { recursive: true });
      expect(files.filter((file) => /\.test\.|testing\/|tsbuildinfo/.test(file))).toEqual([]);
      const manifest = await readFile(join(installed, "package.json"), "utf8");
      expect(manifest).not.toContain("workspace:");
    },
  );
});
