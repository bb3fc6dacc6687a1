// A DNS for tests: what it says is set record by record, and it says it at once.

import type { SrvRecord } from "node:dns";
import type { DnsResolver } from "../discovery/dns-lookup.ts";

export class FakeDns implements DnsResolver {
  /** By name. An Error is what the lookup rejects with; a name without records gives ENOTFOUND. */
  readonly srv: Map<string, SrvRecord[] | Error> = new Map();
  readonly four: Map<string, string[] | Error> = new Map();
  readonly six: Map<string, string[] | Error> = new Map();
  lookups = 0;
  isCancelled = false;

  resolveSrv(name: string): Promise<SrvRecord[]> {
    return this.#answer(this.srv, name);
  }

  resolve4(name: string): Promise<string[]> {
    return this.#answer(this.four, name);
  }

  resolve6(name: string): Promise<string[]> {
    return this.#answer(this.six, name);
  }

  cancel(): void {
    this.isCancelled = true;
  }

  async #answer<T>(records: ReadonlyMap<string, T[] | Error>, name: string): Promise<T[]> {
    this.lookups++;
    const found = records.get(name) ?? dnsError("ENOTFOUND");
    if (found instanceof Error) throw found;
    return found;
  }
}

export function dnsError(code: string): Error {
  return Object.assign(new Error(`query ${code}`), { code });
}

export function srvRecord(name: string, port: number, weight = 0, priority = 0): SrvRecord {
  return { name, port, weight, priority };
}
