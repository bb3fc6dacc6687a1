/**
 * What may follow on a command line that is being typed: commands, flags and their choices, queues and nodes of
 * the cluster. Asks the cluster only for names, briefly; a cluster that doesn't answer completes to nothing.
 */

import { type Command, nameOf } from "./command.ts";
import { type ClusterArguments, uncheckedOptions } from "./nodes/cluster.ts";
import { lookAtQueues, rowsByQueue } from "./queues/queue-list.ts";
import type { Surroundings } from "./surroundings.ts";

const askMs = 1000;

/** What is known of an argument by its name. */
const kinds: Readonly<Record<string, "queue" | "node" | readonly string[]>> = {
  queue: "queue",
  queues: "queue",
  from: "queue",
  to: "queue",
  "by-node": "queue",
  node: "node",
  new: ["up", "readonly", "writeavoid", "quiescent"],
  shell: ["bash", "zsh", "fish"],
};

/** Candidates for the last of `words`, which may be empty; `words` are those after the program's name. */
export async function complete(
  words: readonly string[],
  commands: readonly Command[],
  surroundings: Surroundings,
): Promise<string[]> {
  const current = words.at(-1) ?? "";
  const candidates = await candidatesFor(words, commands, surroundings);
  return candidates.filter((candidate) => candidate.startsWith(current));
}

async function candidatesFor(
  words: readonly string[],
  commands: readonly Command[],
  surroundings: Surroundings,
): Promise<readonly string[]> {
  const current = words.at(-1) ?? "";
  if (words.length <= 1 && current.startsWith("-")) return ["--help", "--version"];
  const next = commands.flatMap((command) => followingWord(command, words));
  if (words.length <= 1) return [...new Set(next)];
  const command = commands
    .filter((candidate) => followingWord(candidate, [...words.slice(0, -1), ""]).length === 0)
    .filter((candidate) =>
      nameOf(candidate)
        .split(" ")
        .every((word, index) => words[index] === word),
    )
    .sort((a, b) => nameOf(b).length - nameOf(a).length)[0];
  if (command === undefined) return next;
  return [
    ...next,
    ...(await argumentsFor(command, words.slice(nameOf(command).split(" ").length - 1), surroundings)),
  ];
}

/** The word of the command's name that stands where the last of `words` does, if all before it fit. */
function followingWord(command: Command, words: readonly string[]): string[] {
  const name = nameOf(command).split(" ");
  const isBegun = words.slice(0, -1).every((word, index) => name[index] === word);
  const word = name[words.length - 1];
  return isBegun && word !== undefined ? [word] : [];
}

/** What may follow a command; the first of `words` is the last of its name. */
async function argumentsFor(
  command: Command,
  words: readonly string[],
  surroundings: Surroundings,
): Promise<readonly string[]> {
  const current = words.at(-1) ?? "";
  const expected = findValuedFlag(words.at(-2)!, command);
  if (expected !== undefined) {
    const choices = command.flags[expected]?.choices;
    return choices === undefined ? await known(expected, words, surroundings) : choices.map(String);
  }
  if (current.startsWith("-")) {
    const before = words.slice(0, -1);
    const free = Object.keys(command.flags).filter((flag) => !before.includes(`--${flag}`));
    return [...free, "help"].map((flag) => `--${flag}`);
  }
  return await known(positionalAt(words, command), words, surroundings);
}

/** The candidates for an argument of this name. */
async function known(
  name: string | undefined,
  words: readonly string[],
  surroundings: Surroundings,
): Promise<readonly string[]> {
  const kind = name === undefined ? undefined : kinds[name];
  if (kind === undefined) return [];
  if (kind !== "queue" && kind !== "node") return kind;
  try {
    const options = await uncheckedOptions(clusterArguments(words), surroundings);
    if (kind === "node") return options.servers;
    const cluster = surroundings.connect({ ...options, timeoutMs: askMs, connectTimeoutMs: askMs });
    try {
      return rowsByQueue(await lookAtQueues(cluster), false).map((row) => row.name);
    } finally {
      await cluster.close();
    }
  } catch {
    // Somebody is typing: the command itself will tell what is wrong.
    return [];
  }
}

/** The flag that `word` is, if it takes a value. */
function findValuedFlag(word: string, command: Command): string | undefined {
  const flag = Object.entries(command.flags).find(
    ([key, { alias }]) => word === `--${key}` || (alias !== undefined && word === `-${alias}`),
  );
  return flag === undefined || flag[1].type === "boolean" ? undefined : flag[0];
}

/** The name of the positional argument that the last word is; the last one repeats if it takes many. */
function positionalAt(words: readonly string[], command: Command): string | undefined {
  const given = words.slice(1, -1).filter((word, index, all) => {
    const before = all[index - 1];
    return !word.startsWith("-") && (before === undefined || findValuedFlag(before, command) === undefined);
  });
  const positionals = Object.entries(command.positionals);
  const [name] =
    positionals[given.length] ?? positionals.filter(([, { array }]) => array === true).at(-1) ?? [];
  return name;
}

/** The nodes that the words so far mean. */
function clusterArguments(words: readonly string[]): ClusterArguments {
  const value = (flag: string) => {
    const index = words.indexOf(flag);
    return index === -1 || index === words.length - 1 ? undefined : words[index + 1];
  };
  const serversFile = value("--servers-file");
  return {
    servers: value("--servers"),
    serversFile: serversFile === "-" ? undefined : serversFile,
    node: undefined,
    strategy: "round-robin",
    timeout: undefined,
    user: value("--user"),
    passwordFile: value("--password-file"),
    tls: words.includes("--tls") || undefined,
    tlsCa: value("--tls-ca"),
    tlsCert: value("--tls-cert"),
    tlsKey: value("--tls-key"),
    tlsPassphraseFile: value("--tls-passphrase-file"),
    tlsName: value("--tls-name"),
  };
}
