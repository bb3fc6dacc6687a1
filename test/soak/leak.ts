/** Loaded into a node (`--import`), it leaks: what is to be found when memory is judged. */

const kept: object[] = [];
const perTick = 2_000;
const tickMs = 5;

setInterval(() => {
  for (let left = perTick; left > 0; left--) kept.push({ kept: kept.length });
}, tickMs).unref();
