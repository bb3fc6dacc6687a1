/** Connections that are open and say nothing: what they cost in memory, and what those that work notice of them. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { ratio } from "../figures.ts";
import { type Case, measureInRounds, type Series } from "../measure.ts";
import { residentBytesOf } from "../pinned-process.ts";
import { atLeast, atMost, type Section, type Verdict, whole } from "../section.ts";
import { startKestrel, startResponder, type Target } from "../target.ts";
import type { Workload } from "../workload.ts";
import { type Bench, rateHead, rateNotes, rateRows, type Suite, withTargets } from "./suite.ts";

const itemBytes = 1024;
const shareMin = 0.9;
const kilobytesMax = 10;
/** Opened at once: more than a listener's backlog would be made to wait. */
const batchLength = 250;
export const idle: Suite = {
  name: "idle",
  about: "thousands of idle connections: memory of each, and 100 busy ones beside them",
  run: measureIdle,
};

async function measureIdle(bench: Bench): Promise<Section> {
  const workload: Workload = { kind: "put+get", connections: 100, depth: 1 };
  const count = bench.idleConnections;
  const starts = [
    () => startResponder(itemBytes),
    () => startKestrel(),
    () => startKestrel({}, "kestrel, idle ones"),
  ];
  return await withTargets(starts, async (targets) => {
    const [bare, alone, crowded] = targets as [Target, Target, Target];
    let held: Socket[] = [];
    const bareBytes = await bytesOfEach(bare, count);
    const ownBytes = await bytesOfEach(crowded, count, (sockets) => (held = sockets));
    const cases = [alone, crowded].map((target): Case => ({ target, workload, itemBytes }));
    let all: Series[];
    try {
      all = await measureInRounds(bench.load, cases, bench);
    } finally {
      closeAll(held);
    }
    const verdicts: Verdict[] = [
      atLeast(`100 busy beside ${whole(count)} idle: of without`, ratio(all[1]!, all[0]!), shareMin),
    ];
    const notes = [`${whole(count)} connections that have said nothing yet.`];
    if (bareBytes !== null && ownBytes !== null) {
      const kilobytes = (ownBytes - bareBytes) / 1024;
      notes.push(
        `Resident memory of each: bare responder ${whole(bareBytes)} bytes, kestrel ${whole(ownBytes)}.`,
      );
      verdicts.push(atMost("memory of an idle connection beyond Node's own", kilobytes, kilobytesMax, "KB"));
    }
    return {
      name: "idle",
      title: "Idle connections",
      legend: rateNotes,
      notes,
      head: rateHead,
      rows: rateRows(all),
      chart: [],
      verdicts,
    };
  });
}

/** Resident bytes by which the server grows with each connection; null where the system doesn't tell. */
async function bytesOfEach(
  target: Target,
  count: number,
  keep: (sockets: Socket[]) => void = closeAll,
): Promise<number | null> {
  // The first ones make the server grow what all share.
  closeAll(await openMany(target, 100));
  const before = residentBytesOf(target.pid!);
  const sockets = await openMany(target, count);
  const after = residentBytesOf(target.pid!);
  keep(sockets);
  return before === null || after === null ? null : (after - before) / count;
}

async function openMany({ host, port }: Target, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const length = Math.min(batchLength, count - sockets.length);
    const batch = Array.from({ length }, () => connect(port, host));
    await Promise.all(batch.map((socket) => once(socket, "connect")));
    sockets.push(...batch);
  }
  return sockets;
}

function closeAll(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.destroy();
}
