import { expect, test } from "vitest";
import { Turnstile } from "./turnstile.ts";

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("so many are inside, for each key; the others follow in order", async () => {
  const turnstile = new Turnstile(2, 10);
  const inside: string[] = [];
  const come = (key: string, name: string): void => {
    turnstile.enter(key).then((isIn) => inside.push(isIn ? name : `not ${name}`));
  };
  for (const name of ["a", "b", "c", "d"]) come("here", name);
  come("there", "e");
  await settle();
  expect(inside).toEqual(["a", "b", "e"]);
  turnstile.leave("here");
  await settle();
  expect(inside).toEqual(["a", "b", "e", "c"]);
  turnstile.leave("here");
  turnstile.leave("here");
  turnstile.leave("here");
  await settle();
  come("here", "f");
  come("here", "g");
  await settle();
  expect(inside).toEqual(["a", "b", "e", "c", "d", "f", "g"]);
});

test("only so many wait, over all keys", async () => {
  const turnstile = new Turnstile(1, 2);
  const waiting = ["x", "x", "y", "y"].map((key) => turnstile.enter(key));
  expect(await turnstile.enter("x")).toBe(false);
  expect(await turnstile.enter("z")).toBe(true);
  turnstile.leave("x");
  expect(await waiting[1]).toBe(true);
  const next = turnstile.enter("y");
  expect(await turnstile.enter("y")).toBe(false);
  for (let i = 0; i < 2; i++) turnstile.leave("y");
  expect(await next).toBe(true);
});
