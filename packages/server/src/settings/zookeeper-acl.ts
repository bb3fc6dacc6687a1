/**
 * Who may do what with nodes in ZooKeeper: Kestrel's two ready-made lists, or entries as ZooKeeper's own tools write
 * them.
 */

import type { Kind } from "./kinds.ts";
import type { ZookeeperAcl } from "./server-settings.ts";

const allPermissions = "cdrwa";

/** Anybody may do anything; works without credentials. Kestrel's default. */
export const openUnsafe: readonly ZookeeperAcl[] = [
  { scheme: "world", id: "anyone", permissions: allPermissions },
];

/** Anybody may read; only a session with the creator's credentials may change. */
export const everyoneReadCreatorAll: readonly ZookeeperAcl[] = [
  { scheme: "world", id: "anyone", permissions: "r" },
  { scheme: "auth", id: "", permissions: allPermissions },
];

export const zookeeperAcl: Kind<readonly ZookeeperAcl[]> = {
  expected: '"open-unsafe", "everyone-read-creator-all" or a list of entries such as "world:anyone:r"',
  parse(raw) {
    if (raw === "open-unsafe") return openUnsafe;
    if (raw === "everyone-read-creator-all") return everyoneReadCreatorAll;
    if (!Array.isArray(raw) || raw.length === 0) return undefined;
    const entries = raw.map(parseEntry);
    return entries.every((entry) => entry !== undefined) ? entries : undefined;
  },
  render: (acl) => acl.map(({ scheme, id, permissions }) => `${scheme}:${id}:${permissions}`).join(","),
};

/** `scheme:id:permissions`; an id may hold colons, as those of "digest" do. */
function parseEntry(raw: unknown): ZookeeperAcl | undefined {
  const match = typeof raw === "string" ? /^([^:]+):(.*):([cdrwa]+)$/.exec(raw) : null;
  return match === null ? undefined : { scheme: match[1]!, id: match[2]!, permissions: match[3]! };
}
