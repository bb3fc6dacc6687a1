/** The admin port's JSON. Addresses are relative, so the page works under any path of a proxy. */

export interface HistoryAnswer {
  readonly pointMs: number;
  /** The first point's slot, and one past the last one's; slot n begins n times `pointMs` after the epoch. */
  readonly from: number;
  readonly end: number;
  readonly series: Readonly<Record<SeriesName, (number | null)[]>>;
}

export type SeriesName =
  | "puts"
  | "gets"
  | "items"
  | "oldestMs"
  | "setP50Micros"
  | "setP99Micros"
  | "deliveryP50Ms"
  | "deliveryP99Ms";

export interface HeadItem {
  readonly id: number;
  readonly flags: number;
  readonly putAtMs: number;
  readonly expiresAtMs: number | null;
  readonly size: number;
  readonly isCut: boolean;
  readonly text?: string;
  readonly base64?: string;
}

export interface HeadAnswer {
  readonly length: number;
  readonly items: readonly HeadItem[];
  readonly isRestInFile: boolean;
}

export interface QueueAnswer {
  readonly name: string;
  readonly totalItems: number;
  readonly getHits: number;
  readonly getMisses: number;
  readonly expired: number;
  readonly discarded: number;
  readonly createdAtMs: number;
  readonly fanouts: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
}

/** The node's refusal, in its own words, or none at all. */
export class ApiError extends Error {
  /** 0: there was no answer. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export function pathOf(queue: string, part = ""): string {
  return `queues/${encodeURIComponent(queue)}${part}`;
}

export function getJson<T>(path: string): Promise<T> {
  return ask<T>(path, { method: "GET" });
}

/** Changes something. Rejects with ApiError. */
export function post<T>(path: string, body: object = {}): Promise<T> {
  return ask<T>(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function ask<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, cache: "no-store" });
  } catch {
    throw new ApiError(0, "The node does not answer.");
  }
  const answer = (await response.json().catch(() => ({}))) as { error?: string };
  if (!response.ok)
    throw new ApiError(response.status, answer.error ?? `The node answered ${response.status}.`);
  return answer as T;
}
