import { describe, expect, test } from "vitest";
import { QueueRules } from "../settings/queue-rules.ts";
import { Identity } from "./identity.ts";
import type { UserSettings } from "./lock-settings.ts";

const rules = new QueueRules({
  queues: [
    ["mail", { clientIdForEnqueue: "shop" }],
    ["bills", { clientIdForDequeue: "billing" }],
  ],
  aliases: [
    ["all", ["orders", "mail"]],
    ["more", ["all", "orders+audit"]],
  ],
});

function identityOf(user: Partial<UserSettings> | null, isLocked = true): Identity {
  const whole = { name: "shop", password: "", token: null, put: [], get: [], admin: false };
  return new Identity({ user: user === null ? null : { ...whole, ...user }, rules, isLocked });
}

describe("a user", () => {
  test("puts and gets where its patterns say, with their full names for fanouts", () => {
    const shop = identityOf({ put: ["orders"], get: ["orders+*"] });
    expect(shop.may("put", "orders")).toBe(true);
    expect(shop.may("put", "orders+audit")).toBe(false);
    expect(shop.may("get", "orders")).toBe(false);
    expect(shop.may("get", "orders+audit")).toBe(true);
    expect(shop.mayManage).toBe(false);
    expect(shop.isBarred).toBe(false);
  });

  test("puts into an alias if it may put into all that it leads to", () => {
    expect(identityOf({ put: ["orders", "mail"] }).may("put", "all")).toBe(true);
    expect(identityOf({ put: ["orders", "all"] }).may("put", "all")).toBe(false);
    expect(identityOf({ put: ["orders", "mail"] }).may("put", "more")).toBe(false);
    expect(identityOf({ put: ["orders*", "mail"] }).may("put", "more")).toBe(true);
  });

  test("has to be the one whom a queue is for, and to have the right", () => {
    expect(identityOf({ put: ["*"], get: ["*"] }).may("put", "mail")).toBe(true);
    expect(identityOf({ put: ["*"], get: ["*"] }).may("get", "bills")).toBe(false);
    expect(identityOf({ put: [] }).may("put", "mail")).toBe(false);
    expect(identityOf({ name: "other", put: ["*"] }).may("put", "mail")).toBe(false);
    expect(identityOf({ name: "other", put: ["*"] }).may("put", "all")).toBe(false);
    expect(identityOf({ name: "billing", get: ["*"] }).may("get", "bills")).toBe(true);
    // A fanout inherits it.
    expect(identityOf({ get: ["*"] }).may("get", "bills+audit")).toBe(false);
  });

  test("that manages neither puts nor gets because of it", () => {
    const admin = identityOf({ admin: true });
    expect(admin.mayManage).toBe(true);
    expect(admin.may("put", "orders")).toBe(false);
    expect(admin.may("get", "orders")).toBe(false);
  });
});

describe("nobody", () => {
  test("may nothing where there are users", () => {
    const nobody = identityOf(null);
    expect(nobody.isBarred).toBe(true);
    expect(nobody.mayManage).toBe(false);
    expect(nobody.may("put", "orders")).toBe(false);
    expect(nobody.may("get", "orders")).toBe(false);
  });

  test("may everything where there are none, but not what is for one client alone", () => {
    const nobody = identityOf(null, false);
    expect(nobody.isBarred).toBe(false);
    expect(nobody.mayManage).toBe(true);
    expect(nobody.may("put", "orders")).toBe(true);
    expect(nobody.may("get", "mail")).toBe(true);
    expect(nobody.may("put", "mail")).toBe(false);
    expect(nobody.may("put", "all")).toBe(false);
  });
});

test("judges right however many names it is asked for", () => {
  const shop = identityOf({ get: ["*0"] });
  for (let i = 0; i < 10_000; i++) expect(shop.may("get", `q${i}`)).toBe(i % 10 === 0);
  expect(shop.may("get", "q1")).toBe(false);
});
