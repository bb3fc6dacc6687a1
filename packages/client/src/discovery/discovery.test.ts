import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { dnsError, FakeDns, srvRecord } from "../testing/fake-dns.ts";
import { Discovery, type MemberState, type Members } from "./discovery.ts";
import { splitServers } from "./named-server.ts";

const REFRESH_MS = 30_000;
const SRV = "_memcache._tcp.example";

class FakeMembers implements Members {
  readonly weights = new Map<string, number>();
  readonly leaving = new Map<string, () => void>();
  readonly log: string[] = [];

  get length(): number {
    return this.weights.size;
  }

  find(id: string): MemberState | undefined {
    const weight = this.weights.get(id);
    return weight === undefined ? undefined : { weight, takesPuts: true };
  }

  isLeaving(id: string): boolean {
    return this.leaving.has(id);
  }

  add({ id, weight }: { id: string; weight: number }): void {
    if (this.weights.has(id) || this.leaving.has(id)) throw new Error(`${id} is there already`);
    this.log.push(`+${id}`);
    this.weights.set(id, weight);
  }

  update(id: string, { weight }: MemberState): void {
    this.log.push(`=${id}`);
    this.weights.set(id, weight);
  }

  remove(id: string): Promise<void> {
    if (!this.weights.delete(id)) throw new Error(`${id} isn't there`);
    if (this.weights.size === 0) throw new Error(`${id} was the last`);
    this.log.push(`-${id}`);
    return new Promise((resolve) => {
      this.leaving.set(id, () => {
        this.leaving.delete(id);
        resolve();
      });
    });
  }
}

let dns: FakeDns;
let members: FakeMembers;
let errors: string[];
let discovery: Discovery | undefined;

beforeEach(() => {
  vi.useFakeTimers();
  dns = new FakeDns();
  members = new FakeMembers();
  errors = [];
});

afterEach(() => {
  void discovery?.close();
  vi.useRealTimers();
});

async function start(...servers: string[]): Promise<void> {
  discovery = new Discovery({
    servers: splitServers(servers).named,
    members,
    refreshMs: REFRESH_MS,
    sessionTimeoutMs: 10_000,
    endpoint: "memcache",
    firstAnswerMs: 5_000,
    resolver: dns,
    onError: (server, { message }) => errors.push(`${server}: ${message}`),
  });
  await discovery.answered();
}

const refresh = () => vi.advanceTimersByTimeAsync(REFRESH_MS);
const ids = () => [...members.weights.keys()];

describe("SRV records", () => {
  test("name nodes by target and port, whatever their priority; the largest weight counts as 1", async () => {
    dns.srv.set(SRV, [srvRecord("A.example.", 1, 50, 10), srvRecord("b.example", 2, 100), srvRecord("c", 3)]);
    await start(`dns+srv://${SRV}`);
    expect([...members.weights]).toEqual([
      ["a.example:1", 0.5],
      ["b.example:2", 1],
      ["c:3", 0.01],
    ]);
    expect(errors).toEqual([]);
  });

  test("without weights give nodes of one weight, and a changed weight is taken over", async () => {
    dns.srv.set(SRV, [srvRecord("a", 1), srvRecord("b", 1)]);
    await start(`dns+srv://${SRV}`);
    expect([...members.weights.values()]).toEqual([1, 1]);
    dns.srv.set(SRV, [srvRecord("a", 1, 10), srvRecord("b", 1, 40)]);
    await refresh();
    expect([...members.weights.values()]).toEqual([0.25, 1]);
    expect(members.log).toEqual(["+a:1", "+b:1", "=a:1"]);
  });

  test("that come and go let nodes in first, and then others go", async () => {
    dns.srv.set(SRV, [srvRecord("a", 1), srvRecord("b", 1)]);
    await start(`dns+srv://${SRV}`);
    dns.srv.set(SRV, [srvRecord("c", 1)]);
    await refresh();
    expect(members.log).toEqual(["+a:1", "+b:1", "+c:1", "-a:1", "-b:1"]);
  });

  test('of the target "." name nothing', async () => {
    dns.srv.set(SRV, [srvRecord("", 0)]);
    await start(`dns+srv://${SRV}`);
    expect(ids()).toEqual([]);
    expect(errors).toEqual([`dns+srv://${SRV}: DNS knows no nodes for ${SRV}`]);
  });
});

describe("addresses", () => {
  test("of both families are nodes", async () => {
    dns.four.set("k", ["10.0.0.1", "10.0.0.2"]);
    dns.six.set("k", ["fd00::1"]);
    await start("dns://k:5");
    expect(ids()).toEqual(["10.0.0.1:5", "10.0.0.2:5", "[fd00::1]:5"]);
  });

  test("of a family that could not be had stay as they were, the others are followed", async () => {
    dns.four.set("k", ["10.0.0.1"]);
    dns.six.set("k", ["fd00::1"]);
    await start("dns://k:5");
    dns.four.set("k", ["10.0.0.2"]);
    dns.six.set("k", dnsError("ESERVFAIL"));
    await refresh();
    expect(ids()).toEqual(["[fd00::1]:5", "10.0.0.2:5"]);
    expect(errors[0]).toBe("dns://k:5: query ESERVFAIL");
    dns.six.delete("k");
    await refresh();
    expect(ids()).toEqual(["10.0.0.2:5"]);
  });
});

describe("an answer that is none", () => {
  test.each([
    ["failed", dnsError("ETIMEOUT"), "query ETIMEOUT"],
    ["empty", [], `DNS knows no nodes for ${SRV}`],
    ["no such name", dnsError("ENOTFOUND"), `DNS knows no nodes for ${SRV}`],
  ])("changes nothing and is told: %s", async (_, answer, message) => {
    dns.srv.set(SRV, [srvRecord("a", 1), srvRecord("b", 1)]);
    await start(`dns+srv://${SRV}`);
    dns.srv.set(SRV, answer);
    await refresh();
    expect(ids()).toEqual(["a:1", "b:1"]);
    expect(errors[0]).toBe(`dns+srv://${SRV}: ${message}`);
  });

  test("is asked for again sooner, then rarer, and no more often than before once it is there", async () => {
    await start(`dns+srv://${SRV}`);
    await vi.advanceTimersByTimeAsync(500);
    const early = dns.lookups;
    expect(early).toBeGreaterThanOrEqual(2);
    await vi.advanceTimersByTimeAsync(20 * REFRESH_MS);
    expect(dns.lookups - early).toBeLessThan(60);
    dns.srv.set(SRV, [srvRecord("a", 1)]);
    await refresh();
    expect(ids()).toEqual(["a:1"]);
    const late = dns.lookups;
    await vi.advanceTimersByTimeAsync(0.7 * REFRESH_MS - 1);
    expect(dns.lookups - late).toBeLessThanOrEqual(1);
  });

  test("holds nobody up for longer than allowed", async () => {
    dns.resolveSrv = () => new Promise(() => {});
    const starting = start(`dns+srv://${SRV}`);
    await vi.advanceTimersByTimeAsync(5_000);
    await starting;
    expect(ids()).toEqual([]);
  });
});

describe("several lists", () => {
  test("each keep their own nodes; one that two have stays until both have lost it", async () => {
    dns.srv.set(SRV, [srvRecord("10.0.0.1", 5), srvRecord("b", 1)]);
    dns.four.set("k", ["10.0.0.1"]);
    await start(`dns+srv://${SRV}`, "dns://k:5");
    expect(ids()).toEqual(["10.0.0.1:5", "b:1"]);
    dns.srv.set(SRV, [srvRecord("b", 1)]);
    await refresh();
    expect(ids()).toEqual(["10.0.0.1:5", "b:1"]);
    dns.four.set("k", ["10.0.0.2"]);
    await refresh();
    expect(ids()).toEqual(["b:1", "10.0.0.2:5"]);
  });

  test("leave alone what others let in", async () => {
    members.weights.set("a:1", 3);
    dns.srv.set(SRV, [srvRecord("a", 1), srvRecord("b", 1)]);
    await start(`dns+srv://${SRV}`);
    expect([...members.weights]).toEqual([
      ["a:1", 3],
      ["b:1", 1],
    ]);
    dns.srv.set(SRV, [srvRecord("b", 1)]);
    await refresh();
    expect(ids()).toEqual(["a:1", "b:1"]);
  });

  test("don't bring back what others let go, until DNS has it anew", async () => {
    dns.srv.set(SRV, [srvRecord("a", 1), srvRecord("b", 1)]);
    await start(`dns+srv://${SRV}`);
    members.weights.delete("a:1");
    await refresh();
    expect(ids()).toEqual(["b:1"]);
    dns.srv.set(SRV, [srvRecord("b", 1)]);
    await refresh();
    dns.srv.set(SRV, [srvRecord("a", 1), srvRecord("b", 1)]);
    await refresh();
    expect(ids()).toEqual(["b:1", "a:1"]);
  });
});

describe("a node on its way out", () => {
  test("comes back when it is done with", async () => {
    dns.srv.set(SRV, [srvRecord("a", 1), srvRecord("b", 1)]);
    await start(`dns+srv://${SRV}`);
    dns.srv.set(SRV, [srvRecord("b", 1)]);
    await refresh();
    dns.srv.set(SRV, [srvRecord("a", 1), srvRecord("b", 1)]);
    await refresh();
    expect(ids()).toEqual(["b:1"]);
    members.leaving.get("a:1")!();
    await vi.advanceTimersByTimeAsync(0);
    expect(ids()).toEqual(["b:1", "a:1"]);
  });

  test("is waited for by the last one, if that is to go too", async () => {
    dns.srv.set(SRV, [srvRecord("a", 1), srvRecord("b", 1)]);
    await start(`dns+srv://${SRV}`);
    dns.srv.set(SRV, [srvRecord("b", 1)]);
    await refresh();
    dns.srv.set(SRV, [srvRecord("a", 1)]);
    await refresh();
    expect(ids()).toEqual(["b:1"]);
    members.leaving.get("a:1")!();
    await vi.advanceTimersByTimeAsync(0);
    expect(ids()).toEqual(["a:1"]);
  });
});

test("closing ends the lookups and lets everybody go on", async () => {
  dns.resolveSrv = () => new Promise(() => {});
  const starting = start(`dns+srv://${SRV}`, "dns://k:1");
  await vi.advanceTimersByTimeAsync(0);
  void discovery!.close();
  await starting;
  expect(dns.isCancelled).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});
