/** The known word that somebody probably meant. */

/** The closest of `known` when it is close enough to be a slip of the fingers; undefined otherwise. */
export function findCloseWord(word: string, known: Iterable<string>): string | undefined {
  let closest: string | undefined;
  let leastSteps = Math.floor(word.length / 3) + 1;
  for (const candidate of known) {
    if (candidate.toLowerCase() === word.toLowerCase()) return candidate;
    const steps = editSteps(word.toLowerCase(), candidate.toLowerCase());
    if (steps < leastSteps) [closest, leastSteps] = [candidate, steps];
  }
  return closest;
}

/** How many letters must be added, dropped or changed to make one word of the other. */
function editSteps(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
