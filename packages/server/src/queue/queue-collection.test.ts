/** All queues by name: what a put tells of its item. */
import { expect, test } from "vitest";
import { TestNode } from "../testing/node.ts";

test("a put tells its item's id, where there is one", async () => {
  const node = await TestNode.start({
    queues: [["parent", { fanoutOnly: true }]],
    aliases: [["both", ["a", "b"]]],
  });
  const idOfPut = (name: string): number => {
    expect(node.put(name, "item")).toBe("kept");
    return node.queues.lastPutId;
  };
  expect([idOfPut("a"), idOfPut("a"), idOfPut("b")]).toEqual([1, 2, 1]);
  expect(idOfPut("both")).toBe(0);
  expect(idOfPut("parent")).toBe(0);
  node.queues.obtain("parent+x");
  expect(idOfPut("parent")).toBe(1);
  expect(await node.get("parent+x")).toMatchObject({ id: 1 });
  await node.stop();
});
