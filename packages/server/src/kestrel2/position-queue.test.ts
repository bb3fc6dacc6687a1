import fc from "fast-check";
import { expect, test } from "vitest";
import { PositionQueue } from "./position-queue.ts";

test("it does as an array does", () => {
  const operations = fc.array(fc.constantFrom("push", "push", "push", "shift", "unshift"), {
    maxLength: 1000,
  });
  fc.assert(
    fc.property(operations, (operations) => {
      const queue = new PositionQueue();
      const model: number[] = [];
      for (const [i, operation] of operations.entries()) {
        if (operation === "shift") expect(queue.shift()).toBe(model.shift());
        else {
          queue[operation as "push" | "unshift"](i);
          model[operation as "push" | "unshift"](i);
        }
        expect(queue.length).toBe(model.length);
      }
      expect([...queue]).toEqual(model);
    }),
  );
});
