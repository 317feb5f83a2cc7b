/** What the benches use of BullMQ. It is no dependency of this project: who wants to compare brings it along. */

export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly maxRetriesPerRequest: null;
}

interface Closable {
  close(): Promise<void>;
  waitUntilReady(): Promise<unknown>;
}

export interface QueueEvents extends Closable {
  setMaxListeners(count: number): void;
}

export interface Job {
  waitUntilFinished(events: QueueEvents): Promise<unknown>;
}

export interface FlowJob {
  readonly name: string;
  readonly queueName: string;
  readonly data: unknown;
  readonly opts: { readonly removeOnComplete: boolean };
  readonly children?: readonly FlowJob[];
}

interface Options {
  readonly connection: Connection;
  readonly concurrency?: number;
}

export interface BullMq {
  readonly Worker: new (queue: string, work: () => Promise<unknown>, options: Options) => Closable;
  readonly QueueEvents: new (queue: string, options: Options) => QueueEvents;
  readonly FlowProducer: new (options: Options) => Closable & { add(flow: FlowJob): Promise<{ readonly job: Job }> };
}

export const MODULES = 'modules';
export const RUNS = 'runs';

export function connectionTo(port: number): Connection {
  return { host: '127.0.0.1', port, maxRetriesPerRequest: null };
}

/** Something that a comparison needs is not on this machine; the message says how to get it. */
export class PeerMissing extends Error {}

/** @throws PeerMissing */
export async function loadBullMq(): Promise<BullMq> {
  const [name, client] = ['bullmq', 'ioredis'];
  try {
    await import(client);
    return (await import(name)) as BullMq;
  } catch (error) {
    throw new PeerMissing(`bullmq cannot be loaded (${(error as Error).message.split('\n')[0]}); for a comparison: npm install --no-save bullmq ioredis`, { cause: error });
  }
}
