/**
 * One KestrelClusterClient under load, a process of its own: takes orders over Node's IPC channel, and answers each
 * with how many items went.
 */

import { KestrelClusterClient } from "@kestrel-mq/client";
import memjs from "memjs";
import type { ClientJob, ClientResult } from "./client-job.ts";
import { queueName } from "./workload.ts";

type Step = (client: KestrelClusterClient, data: Buffer) => Promise<number>;

/** One step of a worker; gives how many items went. */
function stepOf({ kind, batchLength }: ClientJob, items: readonly Buffer[]): Step {
  switch (kind) {
    case "put":
      return async (client, data) => {
        const { stored } = await client.put(queueName, data);
        if (!stored) throw new Error("a put was refused");
        return 1;
      };
    case "putMany":
      return async (client) => {
        const outcomes = await client.putMany(queueName, items);
        if (outcomes.some(({ stored }) => stored !== true)) throw new Error("a put was refused");
        return batchLength;
      };
    case "getMany":
      return async (client) => (await client.getMany(queueName, batchLength)).length;
  }
}

async function runJob(job: ClientJob): Promise<ClientResult> {
  const { transport, port, itemBytes, batchLength } = job;
  const data = Buffer.alloc(itemBytes, "x");
  if (transport === "memjs") {
    const client = memjs.Client.create(`127.0.0.1:${port}`, { retries: 1 });
    try {
      return await runSteps(job, async () => ((await client.set(queueName, data, {})) ? 1 : 0));
    } finally {
      client.close();
    }
  }
  await using client = new KestrelClusterClient({ servers: [`127.0.0.1:${port}`], transport });
  const step = stepOf(job, Array<Buffer>(batchLength).fill(data));
  return await runSteps(job, () => step(client, data));
}

async function runSteps(
  { depth, seconds, itemsMax }: ClientJob,
  step: () => Promise<number>,
): Promise<ClientResult> {
  let items = await step();
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1000;
  const work = async (): Promise<void> => {
    while (performance.now() < endsAt && items < itemsMax) {
      const length = await step();
      items += length;
      if (length === 0) return;
    }
  };
  await Promise.all(Array.from({ length: depth }, work));
  const cpu = process.cpuUsage(cpuBefore);
  return {
    items,
    seconds: (performance.now() - startedAt) / 1000,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
  };
}

process.on("message", async (job: ClientJob) => {
  try {
    process.send!({ result: await runJob(job) });
  } catch (error) {
    process.send!({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
process.on("disconnect", () => process.exit());
