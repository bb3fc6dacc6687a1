/** Queue names as rights have them: `orders`, `orders*`, `*+audit`. A `*` stands for any characters, or none. */

export class QueuePatterns {
  readonly #exact: ReadonlySet<string>;
  /** Each cut at its stars. */
  readonly #open: readonly (readonly string[])[];

  constructor(patterns: readonly string[]) {
    this.#exact = new Set(patterns.filter((pattern) => !pattern.includes("*")));
    this.#open = patterns.filter((pattern) => pattern.includes("*")).map((pattern) => pattern.split("*"));
  }

  match(name: string): boolean {
    return this.#exact.has(name) || this.#open.some((parts) => hasParts(name, parts));
  }
}

/** Takes no longer than reading the name once for each part. */
function hasParts(name: string, parts: readonly string[]): boolean {
  const first = parts[0]!;
  const last = parts.at(-1)!;
  if (!name.startsWith(first) || !name.endsWith(last)) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= name.length - last.length;
}
