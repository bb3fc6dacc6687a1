/** Every address of the admin port, asked by nobody, by those with other rights, and by those with the right one. */
import { get } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { UserSettings } from "../locks/lock-settings.ts";
import { makeToken } from "../locks/token.ts";
import { Metrics } from "../metrics/metrics.ts";
import { QueueRules } from "../settings/queue-rules.ts";
import { AdminNode, type Got } from "../testing/admin-node.ts";
import { makeUser } from "../testing/quick-passwords.ts";
import type { AdminHost } from "./admin-host.ts";
import { allRoutes } from "./admin-server.ts";
import { Live } from "./live.ts";

const { token, hash } = makeToken();
const users: UserSettings[] = await Promise.all([
  makeUser("put", "put secret", { put: ["*"] }),
  makeUser("get", "get secret", { get: ["jobs"] }),
  makeUser("admin", "admin: secret", { admin: true, get: ["other"] }),
  makeUser("scraper", "", { password: null, token: hash }),
]);
const basic = (user: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});
const asJson = { "content-type": "application/json" };
const headersOf: Record<string, Record<string, string>> = {
  nobody: {},
  put: basic("put", "put secret"),
  get: basic("get", "get secret"),
  admin: basic("admin", "admin: secret"),
  scraper: { authorization: `Bearer ${token}` },
};

let node: AdminNode;
beforeEach(async () => {
  node = await AdminNode.start({}, 1000, users);
  await node.clients.put("jobs", "first");
});
afterEach(() => node.stop());

function routesOf(): { path: string; method: string; isOpen: boolean }[] {
  const metrics = Metrics.start(node.host);
  const host: AdminHost = {
    ...node.host,
    metrics,
    logger: node.log,
    name: "",
    metricsQueuesMax: 1,
    announcer: null,
  };
  const routes = allRoutes(host, new Live(host));
  metrics.stop();
  return routes.flatMap((route) =>
    (["GET", "POST", "DELETE"] as const)
      .filter((method) => route[method] !== undefined)
      .map((method) => ({ path: route.path, method, isOpen: route.isOpen === true })),
  );
}

/** The stream has no end: its status is enough. */
function statusOfStream(path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get({ port: node.admin.address.port, path, headers }, (response) => {
      resolve(response.statusCode!);
      response.destroy();
    });
    request.on("error", reject);
  });
}

describe.each(Object.keys(headersOf))("%s", (name) => {
  test("is let in where it may, and changes nothing where it may not", async () => {
    const routes = routesOf().toSorted((one) => (one.method === "GET" ? -1 : 1));
    expect(routes.length).toBeGreaterThan(20);
    for (const { path, method, isOpen } of routes) {
      const isAllowed =
        isOpen ||
        (name !== "nobody" &&
          (method === "GET" ? path !== "/queues/:name/items" || name === "get" : name === "admin"));
      if (isAllowed && method !== "GET") await node.clients.put("jobs", "again");
      const at = path.replace(":name", "jobs");
      const headers = { ...asJson, ...headersOf[name] };
      const body = path === "/status" && method === "POST" ? '{"status":"READONLY"}' : "";
      const status =
        at === "/live"
          ? await statusOfStream(at, headers)
          : (await node.ask(at, { method, headers, body })).status;
      const refused = name === "nobody" ? 401 : 403;
      expect({ path, method, status }).toEqual({ path, method, status: isAllowed ? 200 : refused });
    }
    if (name === "admin") return;
    expect(node.controls.asked).toEqual([]);
    expect(node.host.queues.find("jobs")!.length).toBe(1);
  });
});

describe("who asks", () => {
  const ask = (headers: Record<string, string>): Promise<Got> => node.ask("/queues", { headers });

  /** Answers to those who guess come late; here the clock has to be told. */
  async function refused(headers: Record<string, string>): Promise<Got> {
    let got: Got | undefined;
    ask(headers).then((given) => (got = given));
    while (got === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      node.clock.advance(100);
    }
    return got;
  }

  test("is asked for user and password by every browser", async () => {
    const got = await ask({});
    expect(got.status).toBe(401);
    expect(got.headers["www-authenticate"]).toBe('Basic realm="kestrel", charset="UTF-8"');
    expect(node.log.lines).toEqual([]);
  });

  test.each<[string, Record<string, string>]>([
    ["another password", basic("get", "put secret")],
    ["no password", basic("get", "")],
    ["nobody", basic("", "")],
    ["a user that isn't there", basic("root", "put secret")],
    ["a token for a password", basic("scraper", token)],
    ["a password for a token", { authorization: "Bearer put secret" }],
    ["another token", { authorization: `Bearer ${makeToken().token}` }],
    ["what is kept of the token", { authorization: `Bearer ${hash}` }],
    ["no token", { authorization: "Bearer " }],
    ["no colon", { authorization: `Basic ${Buffer.from("get").toString("base64")}` }],
    ["no base64", { authorization: "Basic ::::" }],
    ["another scheme", { authorization: "Digest get" }],
    ["nonsense", { authorization: "\u00ff" }],
  ])("%s is refused", async (_, headers) => {
    expect(await refused(headers)).toMatchObject({ status: 401 });
  });

  test("the name of the scheme may be written in any way", async () => {
    const value = basic("get", "get secret").authorization!.slice(6);
    expect(await ask({ authorization: `bASIC  ${value}` })).toMatchObject({ status: 200 });
    expect(await ask({ authorization: `BEARER ${token}` })).toMatchObject({ status: 200 });
  });

  test("a page of another site is refused in spite of the password that its browser knows", async () => {
    const headers = { ...headersOf.admin, ...asJson, origin: "http://evil.example" };
    expect(await node.ask("/shutdown", { method: "POST", headers })).toMatchObject({ status: 403 });
    const form = { ...headersOf.admin, "content-type": "application/x-www-form-urlencoded" };
    expect(await node.ask("/shutdown", { method: "POST", headers: form })).toMatchObject({ status: 415 });
    expect(node.controls.asked).toEqual([]);
  });

  test("the stream of one who may not come in any more ends", async () => {
    const ended = new Promise<void>((resolve, reject) => {
      const { port } = node.admin.address;
      get({ port, path: "/live", headers: headersOf.get! }, (response) => {
        response.once("data", () => {
          node.host.locks.change(users.slice(0, 1), new QueueRules());
          node.clock.advance(1000);
        });
        response.on("end", resolve);
      }).on("error", reject);
    });
    await ended;
  });
});
