/**
 * The packages of others that come along when one of ours is installed, with their licences: found by walking the
 * dependencies as they are installed here. As a program it prints THIRD_PARTY.md, from a built repository:
 * `node test/dist/third-party.js > THIRD_PARTY.md`.
 */

import { readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

interface ThirdParty {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression. */
  readonly license: string;
  /** Whether it wants to run something when it is installed. */
  readonly hasInstallScript: boolean;
  /** Names of our packages that need it. */
  readonly neededBy: readonly string[];
}

interface Manifest {
  name: string;
  version: string;
  license?: string;
  licenses?: { type: string }[];
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const installScripts = ["preinstall", "install", "postinstall"];
const ours = ["zookeeper", "server", "client", "cli"];

/** All of them, sorted by name; `root` is the folder of the repository. */
export function findThirdParties(root: string): ThirdParty[] {
  const found = new Map<string, { manifest: Manifest; neededBy: Set<string> }>();
  for (const name of ours) {
    const start = realpathSync(join(root, "packages", name));
    const owner = readManifest(start).name;
    const seen = new Set<string>();
    const walk = (folder: string): void => {
      if (seen.has(folder)) return;
      seen.add(folder);
      const manifest = readManifest(folder);
      if (manifest.name.startsWith("@kestrel-mq/")) {
        // What another one of ours brings along is under its name.
        if (folder !== start) return;
      } else {
        const key = `${manifest.name} ${manifest.version}`;
        const entry = found.get(key) ?? { manifest, neededBy: new Set() };
        entry.neededBy.add(owner);
        found.set(key, entry);
      }
      const { dependencies = {}, optionalDependencies = {} } = manifest;
      for (const dependency of Object.keys(dependencies)) walk(findInstalled(dependency, folder)!);
      for (const dependency of Object.keys(optionalDependencies)) {
        const installed = findInstalled(dependency, folder, true);
        if (installed !== undefined) walk(installed);
      }
    };
    walk(start);
  }
  return [...found.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { manifest, neededBy }]) => ({
      name: manifest.name,
      version: manifest.version,
      license: licenseOf(manifest),
      hasInstallScript: installScripts.some((script) => manifest.scripts?.[script] !== undefined),
      neededBy: [...neededBy].sort(),
    }));
}

/** The page THIRD_PARTY.md. */
export function renderThirdParties(parties: readonly ThirdParty[]): string {
  const rows = parties.map(
    ({ name, version, license, neededBy }) =>
      `| ${name} | ${version} | ${license} | ${neededBy.join(", ")} |`,
  );
  return `# Packages of others

What comes along when a package of ours is installed, at the versions that this repository is tested with. Made by
\`node test/dist/third-party.js > THIRD_PARTY.md\`; a test holds it to what is installed, and the licences to those
that an Apache-2.0 project can build on.

| package | version | licence | needed by |
|---|---|---|---|
${rows.join("\n")}
`;
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

/** The folder of a dependency, where Node would find it from `folder`. */
function findInstalled(name: string, folder: string, isOptional = false): string | undefined {
  for (let at = realpathSync(folder); ; at = dirname(at)) {
    try {
      return realpathSync(join(at, "node_modules", name));
    } catch {
      if (at !== dirname(at)) continue;
      if (isOptional) return undefined;
      throw new Error(`${name}, which ${folder} depends on, is not installed`);
    }
  }
}

function licenseOf({ license, licenses }: Manifest): string {
  return license ?? licenses?.map(({ type }) => type).join(" OR ") ?? "unknown";
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  process.stdout.write(renderThirdParties(findThirdParties(root)));
}
