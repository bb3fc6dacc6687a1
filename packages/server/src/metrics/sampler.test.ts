import { expect, test } from "vitest";
import { Sampler } from "./sampler.ts";

/** How many of so many operations are timed, and for how many these stand. */
function run(sampler: Sampler, operations: number): { timed: number; weight: number } {
  let timed = 0;
  let weight = 0;
  for (let index = 0; index < operations; index++) {
    if (!sampler.isDue()) continue;
    timed++;
    weight += sampler.weight;
  }
  return { timed, weight };
}

test("while there are few, each one is timed", () => {
  const sampler = new Sampler();
  sampler.start();
  for (let second = 0; second < 5; second++) {
    expect(run(sampler, 200)).toEqual({ timed: 200, weight: 200 });
    sampler.retune();
  }
});

test("when there are many, a few stand for all of them", () => {
  const sampler = new Sampler();
  sampler.start();
  // The first second of a burst is no different from the others.
  for (let second = 0; second < 3; second++) {
    const { timed, weight } = run(sampler, 100_000);
    expect(timed).toBeLessThan(3000);
    expect(weight).toBeGreaterThan(80_000);
    expect(weight).toBeLessThan(120_000);
    sampler.retune();
  }
});

test("after a busy time, a single one is timed again at once", () => {
  const sampler = new Sampler();
  sampler.start();
  run(sampler, 1_000_000);
  sampler.retune();
  run(sampler, 1_000_000);
  sampler.retune();
  sampler.retune();
  expect(run(sampler, 10)).toEqual({ timed: 10, weight: 10 });
});

test("nothing is timed while nobody listens", () => {
  const sampler = new Sampler();
  expect(run(sampler, 100_000).timed).toBe(0);
  sampler.start();
  expect(run(sampler, 10).timed).toBe(10);
  sampler.stop();
  expect(run(sampler, 100_000).timed).toBe(0);
});
