/**
 * What single settings of users can't show: one named twice, and queues for a client that doesn't exist. Looks at
 * the file as it stands, well-formed or not, as `name-checks.ts` does.
 */

/** One line per problem, each begins with the path of the setting. */
export function findUserProblems(config: unknown): string[] {
  if (!isObject(config)) return [];
  const names = new Set<unknown>();
  const problems: string[] = [];
  for (const [i, { name }] of entriesOf(config.users)) {
    if (names.has(name)) problems.push(`users[${i}].name: ${JSON.stringify(name)} is there twice`);
    if (name !== undefined) names.add(name);
  }
  problems.push(...findStrangers("default", config.default, names));
  for (const [i, queue] of entriesOf(config.queues)) {
    problems.push(...findStrangers(`queues[${i}]`, queue, names));
  }
  return problems;
}

/** A queue for somebody who can't come in would be for nobody. */
function findStrangers(path: string, rules: unknown, names: ReadonlySet<unknown>): string[] {
  if (!isObject(rules)) return [];
  return ["clientIdForEnqueue", "clientIdForDequeue"].flatMap((setting) => {
    const client = rules[setting];
    const isStranger = typeof client === "string" && client !== "" && !names.has(client);
    return isStranger ? [`${path}.${setting}: there is no user ${JSON.stringify(client)}`] : [];
  });
}

function entriesOf(list: unknown): [i: number, entry: Record<string, unknown>][] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown, i) => (isObject(entry) ? [[i, entry]] : []));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
