/**
 * Asking each node by itself, side by side, for what no client of queues has a word for: version, status and
 * the like. A node that doesn't answer never keeps the others from being asked.
 */
import type { AdminConnection, AdminConnectionOptions } from "@kestrel-mq/client";
import { type ExitCode, exitCodes } from "../exit-code.ts";
import { explain } from "../failure.ts";
import { type Surroundings, say } from "../surroundings.ts";
import { type Column, colorsFor, formOf, renderRows } from "../terminal/output.ts";
import { writeOut } from "../terminal/writing.ts";
import { type ChosenCluster, type ClusterArguments, uncheckedOptions, withNodesNamed } from "./cluster.ts";
import { askVersion } from "./node-identity.ts";

/** A conversation with one node. */
export type Admin = Pick<AdminConnection, "line" | "lines" | "rest" | "close">;

export type ConnectAdmin = (server: string, options: AdminConnectionOptions) => Admin;

export type NodeAnswer<T> =
  | { node: string; ok: true; value: T }
  | { node: string; ok: false; error: unknown };

/** One answer for each node that the command line means, in its order. Throws UsageError. */
export async function askEach<T>(
  args: ClusterArguments,
  surroundings: Surroundings,
  ask: (admin: Admin, node: string) => Promise<T>,
): Promise<NodeAnswer<T>[]> {
  const options = await withNodesNamed(await uncheckedOptions(args, surroundings), surroundings);
  return await Promise.all(
    options.servers.map(async (node): Promise<NodeAnswer<T>> => {
      try {
        return {
          node,
          ok: true,
          value: await askOne(node, options, surroundings, (admin) => ask(admin, node)),
        };
      } catch (error) {
        return { node, ok: false, error };
      }
    }),
  );
}

/** Asks one node of the cluster, once it is sure that it is one. Rejects with what the conversation rejects with. */
export async function askOne<T>(
  server: string,
  { timeoutMs, connectTimeoutMs, credentials, tls }: ChosenCluster,
  surroundings: Surroundings,
  ask: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = surroundings.connectAdmin(server, {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(tls === undefined ? {} : { tls }),
  });
  try {
    await askVersion(admin, server, tls !== undefined);
    return await ask(admin);
  } finally {
    admin.close();
  }
}

/** Shows a row for each answer, a line on standard error for each failure. Exit code 1 when there was one. */
export async function showAnswers<T>(
  name: string,
  answers: readonly NodeAnswer<T>[],
  columns: readonly Column<{ node: string; value: T }>[],
  json: boolean | undefined,
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { stdout, env } = surroundings;
  const rows = answers.filter((answer) => answer.ok);
  for (const answer of answers) if (!answer.ok) say(surroundings, `kq ${name}: ${explain(answer.error)}`);
  const form = formOf(stdout, json);
  const all = [{ title: "node", value: (row: { node: string }) => row.node }, ...columns];
  if (rows.length > 0 || form === "json") {
    await writeOut(stdout, renderRows(form, all, rows, colorsFor(stdout, env)));
  }
  return rows.length === answers.length ? exitCodes.done : exitCodes.failed;
}
