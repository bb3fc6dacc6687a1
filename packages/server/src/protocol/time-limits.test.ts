import { expect, test } from "vitest";
import { FakeClock } from "../testing/fake-clock.ts";
import { defaultConnectionLimits } from "./limits.ts";
import { TimeLimits } from "./time-limits.ts";

const limits = { ...defaultConnectionLimits, barredMsMax: 300, idleMsMax: 1000, lingerMs: 50 };

function start(isBarred = false): {
  clock: FakeClock;
  times: TimeLimits;
  owner: { isBarred: boolean; isBusy: boolean };
  calls: string[];
} {
  const clock = new FakeClock();
  const calls: string[] = [];
  const owner = {
    isBarred,
    isBusy: false,
    close: () => calls.push("close"),
    destroy: () => calls.push("destroy"),
  };
  return { clock, times: new TimeLimits(clock, limits, owner), owner, calls };
}

test("ends who says nothing for too long, but nobody who waits for an answer", () => {
  const { clock, times, owner, calls } = start();
  clock.advance(900);
  times.heard();
  clock.advance(900);
  owner.isBusy = true;
  clock.advance(5000);
  expect(calls).toEqual([]);
  owner.isBusy = false;
  times.heard();
  clock.advance(1000);
  expect(calls).toEqual(["close"]);
});

test("ends who has not said in time who it is, and nobody who has", () => {
  const silent = start(true);
  silent.clock.advance(299);
  expect(silent.calls).toEqual([]);
  silent.clock.advance(1);
  expect(silent.calls).toEqual(["close"]);
  const known = start(true);
  known.owner.isBarred = false;
  known.clock.advance(300);
  expect(known.calls).toEqual([]);
});

test("once it is stopped only the lingering counts, until it is stopped again", () => {
  const { clock, times, calls } = start(true);
  times.stop();
  clock.advance(5000);
  expect(times.isLingering).toBe(false);
  times.linger();
  expect(times.isLingering).toBe(true);
  clock.advance(49);
  expect(calls).toEqual([]);
  clock.advance(1);
  expect(calls).toEqual(["destroy"]);
  const gone = start();
  gone.times.stop();
  gone.times.linger();
  gone.times.stop();
  gone.clock.advance(50);
  expect(gone.calls).toEqual([]);
});
