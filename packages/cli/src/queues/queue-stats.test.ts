import { expect, it } from "vitest";
import { combine, splitStats } from "./queue-stats.ts";

const perQueue = ["items", "bytes", "total_items", "age", "children"];

it("splits by the order of the list, whatever the queues are called", () => {
  const names = ["work", "work_items", "items", "a_b", "a"];
  const flat = new Map([
    ["uptime", "5"],
    ["queue_creates", "6"],
  ]);
  for (const name of names) for (const stat of perQueue) flat.set(`queue_${name}_${stat}`, `${name}.${stat}`);
  const { server, queues } = splitStats(flat);
  expect([...server]).toEqual([
    ["uptime", "5"],
    ["queue_creates", "6"],
  ]);
  expect([...queues.keys()]).toEqual(names);
  for (const name of names) {
    expect([...queues.get(name)!]).toEqual(perQueue.map((stat) => [stat, `${name}.${stat}`]));
  }
});

it("knows an alias", () => {
  const { queues } = splitStats(
    new Map([
      ["queue_all_put_items", "1"],
      ["queue_all_put_bytes", "2"],
    ]),
  );
  expect([...queues.get("all")!]).toEqual([
    ["put_items", "1"],
    ["put_bytes", "2"],
  ]);
});

it("combines figures over nodes", () => {
  expect(combine("items", ["1", "2", "0"])).toBe("3");
  expect(combine("age", ["10", "70", "0"])).toBe("70");
  expect(combine("create_time", ["300", "200"])).toBe("200");
  expect(combine("children", ["x,y", "y,z"])).toBe("x,y,z");
  expect(combine("items", [])).toBeNull();
  expect(combine("unheard_of", ["1"])).toBeNull();
});
