/**
 * A node's log is JSON lines, for machines. This makes them lines for people: time, level unless it is the
 * usual one, message, and what else there is to it.
 */
const levels: Readonly<Record<number, string>> = {
  10: "trace",
  20: "debug",
  40: "warn",
  50: "error",
  60: "fatal",
};
const shownElsewhere = new Set(["level", "time", "msg", "pid", "hostname", "name"]);

/** The line in words; a line that is no JSON object as it is. */
export function renderLogLine(line: string): string {
  const fields = parseFields(line);
  if (fields === undefined) return line;
  const time = new Date(fields.time as string | number);
  const parts = [Number.isNaN(time.getTime()) ? "" : time.toISOString().slice(11, 23)];
  parts.push(levels[fields.level as number] ?? "", String(fields.msg ?? ""));
  for (const [name, value] of Object.entries(fields)) {
    if (!shownElsewhere.has(name))
      parts.push(`${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  }
  return parts.filter((part) => part !== "").join(" ");
}

function parseFields(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
