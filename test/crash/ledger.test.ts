import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { bodyOf, type Item, Ledger } from "./ledger.ts";

let ledger: Ledger;
const item = (number: number, producer = "p"): Item => ({ queue: "q", producer, number, size: 30 });
const bodies = (...numbers: number[]): Buffer[] => numbers.map((number) => bodyOf(item(number)));

beforeEach(() => {
  ledger = new Ledger("q");
});

function put(...numbers: number[]): void {
  for (const number of numbers) {
    ledger.sending(item(number));
    ledger.stored(item(number));
  }
}

test("all items back, in order: nothing to say", () => {
  put(1, 2, 3);
  expect(ledger.lengthBounds()).toEqual([3, 3]);
  ledger.crashed();
  ledger.drained(bodies(1, 2, 3));
  expect(ledger.violations).toEqual([]);
});

test.each([
  ["one item lost", [1, 3], "1 items are lost (q/p/2)"],
  ["one item twice", [1, 2, 2, 3], "q/p/2 was handed out again"],
  ["another order", [1, 3, 2], "q/p/2 is out of its producer's order"],
  ["an invented item", [1, 2, 3, 4], "never put"],
])("%s", (_name, numbers, violation) => {
  put(1, 2, 3);
  ledger.crashed();
  ledger.drained(bodies(...numbers));
  expect(ledger.violations.join("\n")).toContain(violation);
});

test("an item with other bytes", () => {
  put(1);
  const [body] = bodies(1) as [Buffer];
  body[body.length - 1]! ^= 1;
  ledger.took(body);
  expect(ledger.violations.join()).toContain("other bytes");
});

test("order between producers, where one was answered before the other began", () => {
  ledger.sending(item(1, "a"));
  ledger.stored(item(1, "a"));
  ledger.sending(item(1, "b"));
  ledger.stored(item(1, "b"));
  ledger.drained([bodyOf(item(1, "b")), bodyOf(item(1, "a"))]);
  expect(ledger.violations.join()).toContain("q/b/1 came before q/a/1");
});

test("an unanswered put may be there or not, but not one before it alone", () => {
  put(1);
  for (const number of [2, 3]) ledger.sending(item(number));
  ledger.crashed();
  expect(ledger.lengthBounds()).toEqual([1, 3]);
  ledger.drained(bodies(1, 3));
  expect(ledger.violations.join()).toContain("1 items are lost (q/p/2)");
});

test("an unanswered plain get may have taken one item, not two", () => {
  put(1, 2, 3);
  ledger.taking();
  ledger.crashed();
  expect(ledger.lengthBounds()).toEqual([2, 3]);
  ledger.drained(bodies(3));
  expect(ledger.violations.join()).toContain("2 items are lost");
});

test("an open item comes back after a crash, a confirmed one never", () => {
  put(1, 2, 3);
  const [first, second] = bodies(1, 2).map((body) => ledger.opened(body)!) as [Item, Item];
  ledger.confirming(first);
  ledger.confirmed(first);
  ledger.crashed();
  ledger.drained(bodies(3));
  expect(ledger.violations.join()).toContain(`1 items are lost (q/p/${second.number})`);

  put(4);
  ledger.confirming(ledger.opened(bodies(4)[0]!)!);
  ledger.crashed();
  ledger.drained(bodies(4));
  expect(ledger.violations).toHaveLength(1);

  put(5);
  const fifth = ledger.opened(bodies(5)[0]!)!;
  ledger.confirming(fifth);
  ledger.confirmed(fifth);
  ledger.drained(bodies(5));
  expect(ledger.violations.join()).toContain("q/p/5 was handed out again while it was gone");
});

test("an item that was put back may be handed out again, an open one not", () => {
  put(1);
  const first = ledger.opened(bodies(1)[0]!)!;
  ledger.putBack(first);
  ledger.opened(bodies(1)[0]!);
  expect(ledger.violations).toEqual([]);
  ledger.opened(bodies(1)[0]!);
  expect(ledger.violations.join()).toContain("while it was open");
});

test("what an answered flush has ended never comes back, what was open does", () => {
  put(1, 2);
  ledger.opened(bodies(1)[0]!);
  ledger.flushing(false);
  ledger.flushed();
  ledger.crashed();
  expect(ledger.lengthBounds()).toEqual([1, 1]);
  ledger.drained(bodies(1, 2));
  expect(ledger.violations).toEqual(["q: q/p/2 was handed out again while it was gone"]);
});

test("a delete ends what is open too", () => {
  put(1);
  ledger.opened(bodies(1)[0]!);
  ledger.flushing(true);
  ledger.flushed();
  ledger.crashed();
  expect(ledger.lengthBounds()).toEqual([0, 0]);
});

test.each([
  ["nothing", [1, 2, 3], []],
  ["all", [], []],
  ["half", [2, 3], ["q: half a flush: 2 of 3 items were still there"]],
])("an unanswered flush may have ended all or nothing: %s", (_name, numbers, violations) => {
  put(1, 2, 3);
  ledger.flushing(false);
  ledger.crashed();
  expect(ledger.isToBeDrained).toBe(true);
  ledger.drained(bodies(...numbers));
  expect(ledger.violations).toEqual(violations);
  expect(ledger.isToBeDrained).toBe(false);
});

describe("an item with an expiry", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000 });
    ledger.sending(item(1), 1000);
    vi.advanceTimersByTime(10);
    ledger.stored(item(1));
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("is lost when it is not there before its time", () => {
    vi.advanceTimersByTime(980);
    expect(ledger.lengthBounds()).toEqual([1, 1]);
    ledger.drained([]);
    expect(ledger.violations.join()).toContain("1 items are lost");
  });

  test("may be gone or there at about its time", () => {
    vi.advanceTimersByTime(1000);
    expect(ledger.lengthBounds()).toEqual([0, 1]);
    ledger.drained([]);
    expect(ledger.violations).toEqual([]);
  });

  test("is not handed out to who asks after it, but to who asked before", () => {
    ledger.taking();
    const askedMs = Date.now();
    vi.advanceTimersByTime(1001);
    ledger.took(bodies(1)[0]!, askedMs);
    expect(ledger.violations).toEqual([]);
    ledger.sending(item(2), 1000);
    ledger.crashed();
    vi.advanceTimersByTime(1001);
    ledger.drained(bodies(2), Date.now());
    expect(ledger.violations).toEqual(["q: q/p/2 was handed out after its time"]);
  });
});
