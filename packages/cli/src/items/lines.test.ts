import { Readable } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readLines, readWhole } from "./lines.ts";

async function collect(chunks: Buffer[], bytesMax = 1000): Promise<string[]> {
  const lines: string[] = [];
  for await (const batch of readLines(Readable.from(chunks), bytesMax)) {
    for (const line of batch) lines.push(line.toString("latin1"));
  }
  return lines;
}

describe("readLines", () => {
  it("takes away line feeds and nothing else", async () => {
    expect(await collect([Buffer.from("one\r\n\ntwo")])).toEqual(["one\r", "", "two"]);
  });

  it("finds the same lines wherever the input is cut", async () => {
    const byte = fc.constantFrom(10, 13, 0, 97, 255);
    await fc.assert(
      fc.asyncProperty(fc.array(byte), async (bytes) => {
        const whole = Buffer.from(bytes);
        const expected = whole.toString("latin1").split("\n");
        if (expected.at(-1) === "") expected.pop();
        for (let cut = 0; cut <= whole.length; cut++) {
          const chunks = [whole.subarray(0, cut), whole.subarray(cut)].filter(({ length }) => length > 0);
          expect(await collect(chunks)).toEqual(expected);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("refuses a line over the limit, finished or not", async () => {
    await expect(collect([Buffer.from("12345\n")], 4)).rejects.toThrow("larger than 4 bytes");
    await expect(collect([Buffer.from("123"), Buffer.from("45")], 4)).rejects.toThrow("larger than 4 bytes");
  });
});

it("readWhole keeps every byte, up to its limit", async () => {
  expect(await readWhole(Readable.from([Buffer.from("a\n"), Buffer.from("\nb")]), 4)).toEqual(
    Buffer.from("a\n\nb"),
  );
  await expect(readWhole(Readable.from([Buffer.from("12345")]), 4)).rejects.toThrow("larger");
});
