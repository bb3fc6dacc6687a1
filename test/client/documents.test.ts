/**
 * The examples in the client's documents compile as printed, and run against a node: to their ends, or, those that have
 * none, until they have worked on an item.
 */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { KestrelNode } from "../harness/kestrel-node.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const pages = ["docs/client.md", "packages/client/README.md"];

/** What examples take for granted. */
const clientPrelude = `import { KestrelClusterClient } from "@kestrel-mq/client";
const client = new KestrelClusterClient({ servers: ["kestrel-1:22133"] });
`;
const workPrelude = `async function work(value: unknown): Promise<void> { console.log(value); }
`;
const clientEpilogue = "\nif (!ENDLESS) await client.close();\n";

interface Example {
  readonly name: string;
  readonly source: string;
  readonly isEndless: boolean;
}

async function readExamples(page: string, servers: string): Promise<Example[]> {
  const text = await readFile(join(root, page), "utf8");
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!);
  return blocks.map((code, index) => {
    const isWhole = code.includes("new KestrelClusterClient");
    const isEndless = code.includes("consume(") || code.includes("for await");
    const before = isWhole ? "" : clientPrelude + workPrelude;
    const after = isWhole ? "" : clientEpilogue.replace("ENDLESS", String(isEndless));
    const source = (before + code + after).replaceAll(/\["kestrel-1:22133"[^\]]*\]/g, servers);
    return { name: `${page.replaceAll(/[/.]/g, "-")}-${index}`, source, isEndless };
  });
}

async function putJob(node: KestrelNode): Promise<void> {
  await using client = await node.client();
  expect(await client.put("jobs", '{"job":7}')).toBe("STORED");
}

/** Runs a program until it tells of the job, and then ends it as an operator would. */
async function runUntilWorked(program: string): Promise<void> {
  const child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit").then(() => "it has ended");
  const told = once(child.stdout, "data").then(([line]) => String(line));
  expect(await Promise.race([told, ended])).toBe("{ job: 7 }\n");
  child.kill("SIGTERM");
  await ended;
}

test("the examples of the client's documents compile and run", async () => {
  await using node = await KestrelNode.start();
  const cache = join(root, "node_modules/.cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "client-documents-"));
  try {
    const servers = JSON.stringify([node.address]);
    const examples = (await Promise.all(pages.map((page) => readExamples(page, servers)))).flat();
    expect(examples.length).toBeGreaterThan(4);
    for (const { name, source } of examples) await writeFile(join(folder, `${name}.mts`), source);
    const config = {
      extends: join(root, "tsconfig.base.json"),
      compilerOptions: {
        composite: false,
        declaration: false,
        isolatedDeclarations: false,
        noUnusedLocals: false,
        types: ["node"],
        typeRoots: [join(root, "node_modules/@types")],
        outDir: "out",
        rootDir: ".",
      },
      include: ["*.mts"],
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
    // For an example that trusts it, and connects to nobody.
    await writeFile(join(folder, "cert.pem"), rootCertificates[0]!);
    const compiled = await run(join(root, "node_modules/.bin/tsc"), ["-p", folder]).catch((error) => error);
    expect(compiled.stdout).toBe("");
    for (const { name, isEndless } of examples) {
      const program = join(folder, "out", `${name}.mjs`);
      if (isEndless) {
        await putJob(node);
        await runUntilWorked(program);
      } else {
        const { stderr } = await run(process.execPath, [program], { cwd: folder });
        expect(stderr, name).toBe("");
      }
    }
    expect(examples.filter(({ isEndless }) => isEndless).length).toBeGreaterThan(1);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
