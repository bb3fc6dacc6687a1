import { beforeEach, expect, test } from "vitest";
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
