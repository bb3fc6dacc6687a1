import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { passwordBytesMax } from "./password.ts";
import { readPassword } from "./read-password.ts";

function type(text: string, isTTY = false): { input: PassThrough; modes: boolean[] } {
  const modes: boolean[] = [];
  const input = Object.assign(new PassThrough(), {
    isTTY,
    setRawMode: (isRaw: boolean) => modes.push(isRaw),
  });
  input.end(text);
  return { input, modes };
}

test.each([
  ["secret\n", "secret"],
  ["secret", "secret"],
  ["secret\r\n", "secret"],
  [" with space \n", " with space "],
  ["gehëim\n", "gehëim"],
])("%j", async (text, password) => {
  expect((await readPassword(type(text).input, new PassThrough())).toString()).toBe(password);
});

test.each([
  ["", "no password"],
  ["\n", "no password"],
  ["two\nlines\n", "one line"],
  ["nul\0", "control characters"],
  ["x".repeat(passwordBytesMax + 1), "at most"],
  ["x".repeat(1_000_000), "at most"],
])("%.20j is refused", async (text, message) => {
  await expect(readPassword(type(text).input, new PassThrough())).rejects.toThrow(message);
});

describe("at a terminal", () => {
  test("is not shown, and may be mended", async () => {
    const { input, modes } = type("sec\u007fcret\rmore", true);
    const prompts = new PassThrough({ encoding: "utf8" });
    expect((await readPassword(input, prompts)).toString()).toBe("secret");
    expect(prompts.read()).toBe("password: \n");
    expect(modes).toEqual([true, false]);
  });

  test("may be interrupted", async () => {
    const { input, modes } = type("sec\u0003", true);
    await expect(readPassword(input, new PassThrough())).rejects.toThrow("interrupted");
    expect(modes).toEqual([true, false]);
  });
});
