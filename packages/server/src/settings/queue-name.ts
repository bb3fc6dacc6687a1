/** What a queue may be called, and how a fanout's name tells its parent. */

/** In UTF-8. */
const queueNameBytesMax = 250;

/** Says what is wrong with a name, as the end of "a queue's name …"; undefined when it can be one. */
export function queueNameProblem(name: string): string | undefined {
  if (name === "") return "is not empty";
  if (Buffer.byteLength(name) > queueNameBytesMax) return `has at most ${queueNameBytesMax} bytes`;
  if (/[/~.]/.test(name)) return "has none of / ~ .";
  // \p{Cc}: ASCII and Latin-1 control characters; \s: every white space that JavaScript knows.
  if (/[\p{Cc}\s]/u.test(name)) return "has no white space and no control characters";
  return undefined;
}

/** The queue whose log and folder this one shares: a fanout's parent, else itself. */
export function familyNameOf(name: string): string {
  return findParentName(name) ?? name;
}

/**
 * Whether a folder of this name in a spool folder can be a journal. A fanout has none of its own, so `lost+found` is
 * none either.
 */
export function isJournalName(name: string): boolean {
  return queueNameProblem(name) === undefined && familyNameOf(name) === name;
}

/** The parent of a fanout, `orders` for `orders+audit`; undefined for a queue that is none, as `orders+`. */
export function findParentName(name: string): string | undefined {
  const plus = name.indexOf("+");
  return plus <= 0 || plus === name.length - 1 ? undefined : name.slice(0, plus);
}
