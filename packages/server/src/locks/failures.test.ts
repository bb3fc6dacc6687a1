import { describe, expect, test } from "vitest";
import { FakeClock } from "../testing/fake-clock.ts";
import { Failures, groupOf, pauseMsOf } from "./failures.ts";

describe("failures", () => {
  test("are counted for each address, and forgotten after some quiet", () => {
    const clock = new FakeClock();
    const failures = new Failures(clock);
    expect([1, 2, 3].map(() => failures.add("a"))).toEqual([1, 2, 3]);
    expect(failures.add("b")).toBe(1);
    clock.advance(9 * 60_000);
    expect(failures.add("a")).toBe(4);
    clock.advance(11 * 60_000);
    expect(failures.add("a")).toBe(1);
  });

  test("of many addresses take no more memory than of some thousand: who failed long ago goes first", () => {
    const failures = new Failures(new FakeClock());
    failures.add("old");
    failures.add("old");
    failures.add("busy");
    for (let i = 0; i < 4095; i++) {
      failures.add(String(i));
      failures.add("busy");
    }
    expect(failures.add("busy")).toBe(4097);
    expect(failures.add("old")).toBe(1);
  });

  test("take longer each time, up to a bound", () => {
    expect([1, 2, 3, 4, 5, 1000].map(pauseMsOf)).toEqual([100, 200, 400, 800, 800, 800]);
  });
});

test.each([
  ["127.0.0.1", "127.0.0.1"],
  ["::ffff:10.0.0.1", "10.0.0.1"],
  ["::FFFF:10.0.0.1", "10.0.0.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:DB8:1:2::6", "2001:db8:1:2::/64"],
  ["2001:db8::6", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["", ""],
])("%s is counted as %s", (address, group) => {
  expect(groupOf(address)).toBe(group);
});
