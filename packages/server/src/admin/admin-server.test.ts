import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { KestrelServer } from "../server.ts";
import { AdminNode, type Got } from "../testing/admin-node.ts";

let node: AdminNode;
beforeEach(async () => {
  node = await AdminNode.start();
});
afterEach(() => node.stop());

const errorOf = ({ text }: Got): string => (JSON.parse(text) as { error: string }).error;

test("ping", async () => {
  expect(await node.get("/ping")).toMatchObject({ status: 200, text: "pong" });
});

test("server_info", async () => {
  node.clock.advance(5000);
  expect(await node.json("/server_info")).toMatchObject({
    name: "kestrel",
    version: expect.stringMatching(/^3\./),
    uptime: 5000,
  });
});

describe("methods and paths", () => {
  test.each([
    "/nothing",
    "/queues/",
    "/queues/none",
    "/queues/none/items",
    "/queues/a/b/c",
    "//ping",
    "/ping/",
  ])("%s is not there, and says so in JSON", async (path) => {
    const got = await node.get(path);
    expect(got.status).toBe(404);
    expect(got.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(errorOf(got)).not.toBe("");
    expect(node.clients.names()).toEqual([]);
  });

  test("HEAD is like GET without the body", async () => {
    await node.clients.put("jobs", "x");
    for (const path of ["/ping", "/queues", "/queues/jobs", "/stats.json", "/metrics", "/live"]) {
      expect(await node.ask(path, { method: "HEAD" })).toMatchObject({ status: 200, text: "" });
    }
  });

  test.each(["/queues/jobs/flush", "/queues/jobs/delete", "/reload", "/shutdown", "/quiesce"])(
    "a GET of %s changes nothing",
    async (path) => {
      await node.clients.put("jobs", "x");
      for (const method of ["GET", "HEAD"]) {
        const got = await node.ask(path, { method });
        expect(got).toMatchObject({ status: 405, headers: { allow: "POST" } });
      }
      expect(node.controls.asked).toEqual([]);
      expect(node.host.queues.find("jobs")!.length).toBe(1);
    },
  );

  test.each(["PUT", "PATCH", "OPTIONS", "TRACE"])("%s is for nothing", async (method) => {
    const got = await node.ask("/queues", { method, headers: { "content-type": "application/json" } });
    expect(got).toMatchObject({ status: 405, headers: { allow: "GET, HEAD" } });
    expect(got.headers["access-control-allow-origin"]).toBeUndefined();
  });

  test("names come encoded, and can be anything", async () => {
    const name = "o+rders&co:ü%";
    await node.clients.put(name, "x");
    expect(await node.json(`/queues/${encodeURIComponent(name)}`)).toMatchObject({ name, items: 1 });
    for (const path of ["/queues/%", "/queues/%ff", "/queues/%c3%28"]) {
      expect(await node.get(path)).toMatchObject({ status: 400 });
    }
    for (const path of [
      "/queues/a%2Fb",
      "/queues/..%2f..%2fetc",
      "/queues/__proto__",
      "/queues/constructor",
    ]) {
      expect(await node.get(path)).toMatchObject({ status: 404 });
    }
  });

  test("addresses, headers and bodies have bounds", async () => {
    expect(await node.get(`/${"x".repeat(5000)}`)).toMatchObject({ status: 414 });
    expect(await node.get("/ping", { "x-long": "x".repeat(20_000) })).toMatchObject({ status: 431 });
    expect(await node.post("/status", { status: "x".repeat(20_000) })).toMatchObject({ status: 413 });
    expect(node.controls.asked).toEqual([]);
  });
});

describe("changes", () => {
  test("reload, quiesce, status, shutdown", async () => {
    expect(await node.post("/reload")).toMatchObject({ status: 200, text: '{"response":"ok"}\n' });
    expect(await node.post("/status", { status: "READONLY" })).toMatchObject({
      text: '{"status":"READONLY"}\n',
    });
    expect(await node.json("/status")).toEqual({ status: "READONLY" });
    expect(await node.post("/quiesce")).toMatchObject({ text: '{"status":"QUIESCENT"}\n' });
    expect(await node.post("/shutdown")).toMatchObject({ status: 200 });
    expect(node.controls.asked).toEqual(["reload", "status READONLY", "status QUIESCENT", "shutdown"]);
  });

  test("a reload that fails says why", async () => {
    node.controls.reloadError = new Error("kestrel.json: no such setting");
    const got = await node.post("/reload");
    expect(got.status).toBe(500);
    expect(errorOf(got)).toBe("kestrel.json: no such setting");
  });

  test.each([undefined, null, "READONLY", { status: 5 }, {}])("a status like %j is none", async (body) => {
    expect(await node.post("/status", body)).toMatchObject({ status: 400 });
    expect(node.controls.asked).toEqual([]);
  });

  test("flush and delete", async () => {
    await node.clients.put("jobs", "x");
    await node.clients.put("jobs", "y");
    expect(await node.post("/queues/jobs/flush")).toMatchObject({ text: '{"flushed":"jobs","items":2}\n' });
    expect(node.host.queues.find("jobs")!.length).toBe(0);
    expect(await node.post("/queues/jobs/delete")).toMatchObject({ text: '{"deleted":"jobs"}\n' });
    expect(node.clients.names()).toEqual([]);
    await node.clients.put("jobs", "x");
    const asJson = { "content-type": "application/json" };
    expect(await node.ask("/queues/jobs", { method: "DELETE", headers: asJson })).toMatchObject({
      status: 200,
    });
    expect(node.clients.names()).toEqual([]);
    expect(await node.post("/queues/jobs/flush")).toMatchObject({ status: 404 });
    expect(node.clients.names()).toEqual([]);
  });

  test("what the node's status forbids is forbidden here too", async () => {
    await node.clients.put("jobs", "x");
    node.controls.takesWrites = false;
    const got = await node.post("/queues/jobs/flush");
    expect(got.status).toBe(503);
    expect(errorOf(got)).toMatch(/no writes/);
    expect(node.host.queues.find("jobs")!.length).toBe(1);
  });
});

describe("pages of other sites", () => {
  const json = { "content-type": "application/json" };
  const refused: [what: string, headers: Record<string, string>, status: number][] = [
    ["a form", { "content-type": "application/x-www-form-urlencoded" }, 415],
    ["a form with text", { "content-type": "text/plain" }, 415],
    ["nothing special", {}, 415],
    ["another origin", { ...json, origin: "http://evil.example" }, 403],
    ["no origin to tell", { ...json, origin: "null" }, 403],
    ["the same host on another port", { ...json, origin: "http://127.0.0.1:1" }, 403],
    ["a foreign page of a new browser", { ...json, "sec-fetch-site": "cross-site" }, 403],
    ["a sibling's page", { ...json, "sec-fetch-site": "same-site" }, 403],
    ["a name that suddenly leads here", { ...json, host: "evil.example:2223" }, 421],
  ];
  test.each(refused)("a change with %s is refused", async (_, headers, status) => {
    await node.clients.put("jobs", "x");
    for (const path of ["/queues/jobs/flush", "/queues/jobs/delete", "/shutdown", "/reload", "/quiesce"]) {
      expect((await node.ask(path, { method: "POST", headers })).status).toBe(status);
    }
    expect((await node.ask("/queues/jobs", { method: "DELETE", headers })).status).toBe(status);
    expect(node.controls.asked).toEqual([]);
    expect(node.host.queues.find("jobs")!.length).toBe(1);
  });

  test("our own page and tools may", async () => {
    const { port } = node.admin.address;
    const allowed: Record<string, string>[] = [
      json,
      { "content-type": "application/json; charset=utf-8" },
      { "x-kestrel": "1" },
      { ...json, origin: `http://127.0.0.1:${port}`, "sec-fetch-site": "same-origin" },
      { ...json, host: `localhost:${port}`, origin: `http://localhost:${port}` },
      { ...json, host: `[::1]:${port}`, origin: `http://[::1]:${port}` },
    ];
    for (const headers of allowed) {
      expect(await node.ask("/reload", { method: "POST", headers })).toMatchObject({ status: 200 });
    }
  });

  test("a port on loopback shows nothing to another site's name either", async () => {
    expect(await node.get("/queues", { host: "evil.example" })).toMatchObject({ status: 421 });
    expect(await node.get("/queues", { host: "localhost" })).toMatchObject({ status: 200 });
  });
});

describe("the page's files", () => {
  test("are from here, with a policy that lets nothing else in", async () => {
    const page = await node.get("/");
    expect(page.status).toBe(200);
    expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(page.headers["content-security-policy"]).toContain("default-src 'none'; script-src 'self'");
    expect(page.text).not.toMatch(/https?:\/\//);
    expect(await node.get("/page/uplot.js")).toMatchObject({ status: 200 });
    expect(await node.get("/page/uplot.css")).toMatchObject({ status: 200 });
    expect(await node.get("/page/page.css")).toMatchObject({ status: 200 });
  });

  test("are sent again only when they have changed", async () => {
    const { headers } = await node.get("/page/page.css");
    expect(await node.get("/page/page.css", { "if-none-match": String(headers.etag) })).toMatchObject({
      status: 304,
      text: "",
    });
  });

  test.each(["/page/..%2fpackage.json", "/page/../package.json", "/page/", "/page/uPlot.esm.js"])(
    "%s is none of them",
    async (path) => {
      expect(await node.get(path)).toMatchObject({ status: 404 });
    },
  );
});

test("garbage ends its own connection only", async () => {
  const { port } = node.admin.address;
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("\x80\x00 this is no HTTP\r\n\r\n"));
    let received = "";
    socket.on("data", (chunk) => (received += chunk));
    socket.on("error", () => {});
    socket.on("close", () => resolve(received));
  });
  expect(answer).toMatch(/^HTTP\/1.1 400/);
  expect(await node.get("/ping")).toMatchObject({ status: 200 });
});

test("a server opens the port when told to, and closes it with itself", async () => {
  await using server = await KestrelServer.start({ queuePath: null, memcachePort: null, adminPort: 0 });
  const { host, port } = server.listeners.admin!;
  expect(await (await fetch(`http://${host}:${port}/ping`)).text()).toBe("pong");
  await server.queues.put("jobs", "x");
  const asJson = { method: "POST", headers: { "content-type": "application/json" } };
  expect((await fetch(`http://${host}:${port}/shutdown`, asJson)).status).toBe(200);
  await server.stopped;
  await expect(fetch(`http://${host}:${port}/ping`)).rejects.toThrow();
});

test("a server whose admin port is taken says so and leaves nothing behind", async () => {
  const { port } = node.admin.address;
  await expect(KestrelServer.start({ queuePath: null, memcachePort: 0, adminPort: port })).rejects.toThrow(
    `cannot listen on 127.0.0.1:${port}: somebody else listens there`,
  );
});
