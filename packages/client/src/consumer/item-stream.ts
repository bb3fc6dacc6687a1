// `for await` over a queue: one open item at a time, confirmed when the loop comes back for the next one.

import { KestrelClientError } from "../errors.ts";
import type { OpenItem } from "../item.ts";

export interface ItemStreamHost {
  /** Opens the next item, waiting as long as the loop may wait; null ends the loop. */
  open(): Promise<OpenItem | null>;
  /** Whether the next item should come from the same node. */
  mayStay(item: OpenItem): boolean;
  /** Another item came from the same place. */
  stayed(item: OpenItem): void;
  unconfirmed(item: OpenItem, error: KestrelClientError): void;
}

export async function* streamItems(host: ItemStreamHost): AsyncGenerator<OpenItem, void, undefined> {
  let item = await host.open();
  while (item !== null) {
    const current = item;
    try {
      yield current;
      item = await settle(host, current);
    } finally {
      // Left by break, return or throw: what was not confirmed goes back.
      if (!current.isSettled) await current.abort();
    }
    if (item !== null) continue;
    item = await host.open();
  }
}

/** Confirms the item, unless the loop's body has done so, and gives the next one if one came with it. */
async function settle(host: ItemStreamHost, item: OpenItem): Promise<OpenItem | null> {
  if (item.isSettled) return null;
  try {
    if (!host.mayStay(item)) {
      await item.confirm();
      return null;
    }
    const next = await item.confirmAndOpen();
    if (next !== null) host.stayed(next);
    return next;
  } catch (error) {
    if (!(error instanceof KestrelClientError)) throw error;
    host.unconfirmed(item, error);
  }
  return null;
}
