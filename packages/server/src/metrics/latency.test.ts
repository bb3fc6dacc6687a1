import { expect, test } from "vitest";
import { Buckets } from "./buckets.ts";
import { Latency } from "./latency.ts";
import { LookTimes, Rate } from "./rate.ts";

test.each(["coarse", "fine"] as const)("a %s latency tells what was recorded", (precision) => {
  const latency = new Latency(precision);
  expect(latency.total).toBeNull();
  for (let value = 1; value <= 1000; value++) latency.record(value, 1);
  const total = latency.total!;
  expect(total).toMatchObject({
    count: 1000,
    sum: 500_500,
    average: 501,
    minimum: 1,
    maximum: total.maximum,
  });
  const error = precision === "fine" ? 0.01 : 0.07;
  for (const [name, exact] of [
    ["p50", 500],
    ["p90", 900],
    ["p99", 990],
    ["p9999", 1000],
  ] as const) {
    expect(Math.abs(total[name] - exact) / exact).toBeLessThan(error);
  }
});

test("each counts with its weight, and nothing is too large or too small", () => {
  const latency = new Latency("coarse");
  latency.record(10, 99);
  latency.record(1e15, 1);
  latency.record(-5, 100);
  latency.record(0.2, 100);
  expect(latency.total).toMatchObject({ count: 300, minimum: 0, p50: 0, p90: 10 });
  expect(latency.total!.maximum).toBeGreaterThan(2e9);
});

test("counts more than 32 bits can hold", () => {
  const latency = new Latency("coarse");
  latency.record(5, 2 ** 33);
  expect(latency.total).toMatchObject({ count: 2 ** 33, p50: 5, p9999: 5 });
});

test("minutes and intervals end by themselves, the total goes on", () => {
  const latency = new Latency("fine");
  latency.record(7, 1);
  expect(latency.endInterval()).toEqual({ p50: 7, p99: 7 });
  expect(latency.endInterval()).toEqual({ p50: Number.NaN, p99: Number.NaN });
  expect(latency.lastMinute).toBeNull();
  latency.endMinute();
  expect(latency.lastMinute).toMatchObject({ count: 1, p50: 7 });
  latency.endMinute();
  expect(latency.lastMinute).toBeNull();
  expect(latency.total).toMatchObject({ count: 1, p50: 7 });
});

test("buckets count what took at most so long", () => {
  const buckets = new Buckets([10, 100]);
  buckets.record(10, 1);
  buckets.record(11, 2);
  buckets.record(1000, 4);
  expect(buckets.cumulative()).toEqual([1, 3, 7]);
  expect(buckets.sum).toBe(10 + 22 + 4000);
});

test("a rate is over the last five seconds, and over less at the start", () => {
  const times = new LookTimes();
  times.look(0);
  const rate = new Rate(times, 0);
  rate.update(0);
  const told: number[] = [];
  for (let second = 1; second <= 8; second++) {
    times.look(second * 1000);
    rate.update(second <= 3 ? second * 100 : 300);
    told.push(rate.perSecond);
  }
  expect(told).toEqual([100, 100, 100, 75, 60, 40, 20, 0]);
});

test("a clock that is set back makes no nonsense of a rate", () => {
  const times = new LookTimes();
  const rate = new Rate(times, 0);
  times.look(10_000);
  rate.update(5);
  times.look(4000);
  rate.update(10);
  expect(rate.perSecond).toBe(0);
});
