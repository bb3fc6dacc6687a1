import { expect, test } from "vitest";
import { renderRequestHead } from "./request-head.ts";

test("header, extras and key, as the protocol draws them", () => {
  const extras = Buffer.from([0, 0, 0, 7, 0, 0, 0, 60]);
  const head = renderRequestHead(0x01, "wörk", extras, 1000, 0x01020304);
  expect(head.toString("hex")).toBe(
    `80010005${"08000000"}${"000003f5"}${"01020304"}${"00".repeat(8)}${extras.toString("hex")}` +
      Buffer.from("wörk").toString("hex"),
  );
});

test("nothing but a header, whatever lay in that memory before", () => {
  Buffer.allocUnsafe(2000).fill(0xff);
  for (let i = 0; i < 200; i++) {
    const head = renderRequestHead(0x0a, "", undefined, 0, 9);
    expect(head.toString("hex")).toBe(`800a${"00".repeat(10)}00000009${"00".repeat(8)}`);
    head.fill(0xff);
  }
});
