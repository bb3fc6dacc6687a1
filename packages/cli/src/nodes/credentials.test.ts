import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { UsageError } from "../exit-code.ts";
import { findCredentials } from "./credentials.ts";

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kq-test-"));
  file = join(folder, "password");
  await writeFile(file, "öpen sesame: 1 \n");
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const find = (args: object, env: Record<string, string> = {}) => findCredentials(args, { env });

it("takes the user from a flag or the environment, and the password from a file or the environment", async () => {
  expect(await find({})).toBeUndefined();
  expect(await find({}, { KESTREL_USER: "", KESTREL_PASSWORD: "x" })).toBeUndefined();
  const fromFile = { username: "shop", password: "öpen sesame: 1 " };
  expect(await find({ user: "shop", passwordFile: file })).toEqual(fromFile);
  expect(await find({}, { KESTREL_USER: "shop", KESTREL_PASSWORD_FILE: file })).toEqual(fromFile);
  const both = { KESTREL_PASSWORD_FILE: file, KESTREL_PASSWORD: "x" };
  expect(await find({ user: "shop" }, both)).toEqual(fromFile);
  expect(await find({ user: "shop" }, { KESTREL_USER: "billing", KESTREL_PASSWORD: "x" })).toEqual({
    username: "shop",
    password: "x",
  });
  expect(await find({ user: "shop", passwordFile: file }, { KESTREL_PASSWORD: "x" })).toEqual(fromFile);
});

it.each<[string, object, Record<string, string>, RegExp]>([
  [
    "a user without a password",
    { user: "shop" },
    {},
    /shop needs a password: --password-file, KESTREL_PASSWORD/,
  ],
  ["a password without a user", { passwordFile: "x" }, {}, /--password-file needs a user/],
  ["a user of two words", { user: "a b" }, { KESTREL_PASSWORD: "x" }, /no white space/],
  ["no such file", { user: "shop", passwordFile: "/no/such" }, {}, /cannot read the password: ENOENT/],
])("refuses %s", async (_, args, env, message) => {
  const attempt = find(args, env);
  await expect(attempt).rejects.toThrow(UsageError);
  await expect(attempt).rejects.toThrow(message);
});

it.each(["", "\n", "one\ntwo\n"])("refuses a file that isn't one line: %j", async (text) => {
  const path = join(folder, "other");
  await writeFile(path, text);
  await expect(find({ user: "shop", passwordFile: path })).rejects.toThrow("is not one line with a password");
});
