import { describe, expect, it } from "vitest";
import { Ledger } from "./ledger.ts";

const none = { lost: 0, doubled: 0, outOfOrder: 0, damaged: 0, foreign: 0 };

function ledgerOf(length: number): Ledger {
  const ledger = new Ledger(64);
  ledger.addProducer(length);
  ledger.stored(0, length);
  return ledger;
}

describe("the account of a load test", () => {
  it("is faultless when everything comes back once and in order", () => {
    const ledger = ledgerOf(3);
    for (const number of [0, 1, 2]) ledger.receive(ledger.item(0, number), "reader");
    ledger.close();
    expect([ledger.faults, ledger.isFaultless, ledger.missing]).toEqual([none, true, 0]);
  });

  it("makes items of the wanted size, and of no less than their name", () => {
    expect(new Ledger(1024).item(0, 7)).toHaveLength(1024);
    expect(new Ledger(1).item(0, 7).length).toBeGreaterThan(1);
  });

  it.each([
    ["lost", (ledger: Ledger) => [ledger.item(0, 0), ledger.item(0, 2)]],
    ["doubled", (ledger: Ledger) => [0, 1, 1, 2].map((number) => ledger.item(0, number))],
    ["outOfOrder", (ledger: Ledger) => [1, 0, 2].map((number) => ledger.item(0, number))],
    [
      "damaged",
      (ledger: Ledger) => {
        const items = [0, 1, 2].map((number) => ledger.item(0, number));
        items[1]![60]! ^= 1;
        return items;
      },
    ],
    [
      "damaged",
      (ledger: Ledger) => [ledger.item(0, 0), ledger.item(0, 1).subarray(0, 63), ledger.item(0, 2)],
    ],
    [
      "foreign",
      (ledger: Ledger) =>
        [0, 1, 2, 3].map((number) => (number === 3 ? Buffer.from("?") : ledger.item(0, number))),
    ],
    [
      "foreign",
      (ledger: Ledger) => [0, 1, 2].map((number) => ledger.item(0, number)).concat(ledgerOf(1).item(0, 0)),
    ],
  ] as const)("finds what is %s", (fault, itemsOf) => {
    const ledger = ledgerOf(3);
    for (const item of itemsOf(ledger)) ledger.receive(item, "reader");
    ledger.close();
    expect(ledger.faults).toEqual({ ...none, [fault]: 1 });
    expect(ledger.isFaultless).toBe(false);
    expect(ledger.examples).toHaveLength(1);
  });

  it("looks at the order of each reader and producer by itself", () => {
    const ledger = ledgerOf(4);
    ledger.addProducer(1);
    ledger.stored(1, 1);
    ledger.receive(ledger.item(0, 1), "a");
    ledger.receive(ledger.item(0, 0), "b");
    ledger.receive(ledger.item(1, 0), "a");
    ledger.receive(ledger.item(0, 3), "a");
    ledger.receive(ledger.item(0, 2), null);
    ledger.close();
    expect(ledger.faults).toEqual(none);
  });
});
