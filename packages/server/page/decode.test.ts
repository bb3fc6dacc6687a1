import { expect, test } from "vitest";
import { type ItemData, preview, show } from "./decode.ts";

const base64 = (bytes: number[]): ItemData => ({ base64: Buffer.from(bytes).toString("base64") });

test("JSON is recognised and indented", () => {
  expect(show({ text: '{"a":[1]}' }, "auto")).toEqual({
    view: "json",
    content: '{\n  "a": [\n    1\n  ]\n}',
  });
  expect(show({ text: "[1" }, "auto")).toEqual({ view: "text", content: "[1" });
});

test("a number or a word is JSON only for those who insist", () => {
  expect(show({ text: "42" }, "auto")).toEqual({ view: "text", content: "42" });
  expect(show({ text: "42" }, "json")).toEqual({ view: "json", content: "42" });
});

test("what is no JSON can't be shown as JSON", () => {
  expect(show({ text: "hello" }, "json")).toBeNull();
  expect(show(base64([0xff]), "json")).toBeNull();
});

test("bytes are shown sixteen a line", () => {
  const bytes = Array.from({ length: 18 }, (_, index) => index + 0x3a);
  expect(show(base64(bytes), "hex")!.content.split("\n")).toEqual([
    "0000  3a 3b 3c 3d 3e 3f 40 41  42 43 44 45 46 47 48 49  :;<=>?@ABCDEFGHI",
    `0010  ${"4a 4b".padEnd(48)}  JK`,
  ]);
  expect(show(base64([0xff, 0x00]), "auto")!.view).toBe("hex");
  expect(show({ text: "é" }, "hex")!.content).toMatch(/^0000 {2}c3 a9 .*··$/);
});

test("control characters are seen", () => {
  expect(
    show({ text: `a long text with one bell\u0007 in it\n${"and more".repeat(5)}` }, "auto")!.content,
  ).toContain("bell\u2407 in");
  expect(show({ text: "\u0000\u0001\u007f" }, "text")!.content).toBe("\u2400\u2401\u2421");
  expect(show({ text: "\u0000\u0001\u0002" }, "auto")!.view).toBe("hex");
});

test("bytes that are no text can be looked at as text all the same", () => {
  expect(show(base64([0x61, 0xff]), "text")).toEqual({ view: "text", content: "a\ufffd" });
});

test("a preview is one line", () => {
  expect(preview({ text: "  one\r\n two\t three " })).toBe("one two three");
  expect(preview({ text: '{\n "a": 1}' })).toBe('{ "a": 1}');
  expect(preview(base64([0xff, 0x00]))).toBe("ff 00");
  expect(preview({ text: "x".repeat(5000) })).toHaveLength(160);
  expect(preview({ text: "" })).toBe("");
});
