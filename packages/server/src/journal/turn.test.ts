/** When turns end: at the end of the event loop's round, or at once for who comes alone. */
import { setImmediate as endOfRound } from "node:timers/promises";
import { expect, test } from "vitest";
import { Turn } from "./turn.ts";

/** What a callback of the event loop leaves to be done at once is done. */
function endOfCallback(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

/** Joins by name, and tells who has been answered. */
function watch(): { turn: Turn; join: (name: string) => void; answered: string[] } {
  const turn = new Turn();
  const answered: string[] = [];
  const join = (name: string): void => turn.join({ endTurn: () => answered.push(name) });
  return { turn, join, answered };
}

test("who comes alone is answered at once; whoever comes in the same round waits for its end, together", async () => {
  const { join, answered } = watch();
  join("first");
  await endOfCallback();
  expect(answered).toEqual(["first"]);
  join("second");
  await endOfCallback();
  join("third");
  await endOfCallback();
  expect(answered).toEqual(["first"]);
  await endOfRound();
  expect(answered).toEqual(["first", "second", "third"]);
});

test("after a round of many nobody is answered before the end of one, until few come again", async () => {
  const { join, answered } = watch();
  for (const name of ["a", "b", "c"]) join(name);
  await endOfRound();
  answered.length = 0;
  join("d");
  await endOfCallback();
  expect(answered).toEqual([]);
  await endOfRound();
  expect(answered).toEqual(["d"]);
  join("e");
  await endOfCallback();
  expect(answered).toEqual(["d", "e"]);
});

test("all logs are written before anybody is answered, and who was woken goes on in the same turn", async () => {
  const { turn, join, answered } = watch();
  join("first");
  turn.touch({ writeTurn: () => answered.push("write") });
  turn.resumeLater({
    resume: () => {
      answered.push("resume");
      join("woken");
    },
  });
  await endOfCallback();
  expect(answered).toEqual(["resume", "write", "first", "woken"]);
});
