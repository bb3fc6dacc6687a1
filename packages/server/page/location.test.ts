import { expect, test } from "vitest";
import { initialList, parseLocation, renderLocation } from "./location.ts";

test.each(["", "#", "#/", "#/queues/", "#/else", "#/?sort=nonsense", "#/queues/%"])(
  "%j is the list",
  (hash) => {
    expect(parseLocation(hash)).toEqual(initialList);
  },
);

test.each(["orders", "orders+audit", "ü&?#%", "a b", "constructor"])(
  "the queue %j can be linked to",
  (name) => {
    const location = { view: "queue", name } as const;
    expect(parseLocation(renderLocation(location))).toEqual(location);
  },
);

test.each([
  [initialList, "#/"],
  [{ ...initialList, filter: "or&d" }, "#/?filter=or%26d"],
  [{ ...initialList, sortBy: "name", isDescending: false }, "#/?sort=name"],
  [{ ...initialList, sortBy: "putRate" }, "#/?sort=-putRate"],
] as const)("filter and order are in the address: %j", (location, hash) => {
  expect(renderLocation(location)).toBe(hash);
  expect(parseLocation(hash)).toEqual(location);
});
