/**
 * The same work on BullMQ: one flow whose parent waits for all modules, three worker processes, one Redis. Measured in the
 * same command as ours, since between two minutes of a shared machine lies a factor of two.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connectionTo, loadBullMq, MODULES, RUNS, type BullMq, type FlowJob, type QueueEvents } from './bullmq-api.ts';
import { RedisServer, type Durability } from './redis.ts';

const WORKERS = 3;
const CONCURRENCY = 100;
const program = fileURLToPath(new URL('bullmq-worker.ts', import.meta.url));
const opts = { removeOnComplete: true };
/** Whoever waits for it looks it up once more. */
const kept = { removeOnComplete: false };

export class BullMqCluster {
  readonly #redis: RedisServer;
  readonly #workers: readonly ChildProcess[];
  readonly #flows: InstanceType<BullMq['FlowProducer']>;
  readonly #events: QueueEvents;

  private constructor(redis: RedisServer, workers: readonly ChildProcess[], flows: InstanceType<BullMq['FlowProducer']>, events: QueueEvents) {
    this.#redis = redis;
    this.#workers = workers;
    this.#flows = flows;
    this.#events = events;
  }

  static async start(durability: Durability): Promise<BullMqCluster> {
    const { FlowProducer, QueueEvents: Events } = await loadBullMq();
    const redis = await RedisServer.start(durability);
    const connection = connectionTo(redis.port);
    const workers = Array.from({ length: WORKERS }, () => fork(program, [String(redis.port), String(CONCURRENCY)]));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    const flows = new FlowProducer({ connection });
    const events = new Events(RUNS, { connection });
    await Promise.all([flows.waitUntilReady(), events.waitUntilReady()]);
    return new BullMqCluster(redis, workers, flows, events);
  }

  /** @returns ms from the call to the end of a parent with so many modules. */
  flat(modules: number): Promise<number> {
    const children = Array.from({ length: modules }, (_, i): FlowJob => ({ name: `m${i}`, queueName: MODULES, data: 0, opts }));
    return this.#timed({ name: 'run', queueName: RUNS, data: 0, opts: kept, children });
  }

  /** @returns ms of a chain of so many jobs, each waiting for the one before. */
  chain(steps: number): Promise<number> {
    let flow: FlowJob | undefined;
    for (let step = 1; step <= steps; step += 1) {
      const children: { readonly children?: readonly FlowJob[] } = flow === undefined ? {} : { children: [flow] };
      flow = { name: `m${step}`, queueName: step === steps ? RUNS : MODULES, data: 0, opts: step === steps ? kept : opts, ...children };
    }
    return this.#timed(flow!);
  }

  async #timed(flow: FlowJob): Promise<number> {
    const began = performance.now();
    const { job } = await this.#flows.add(flow);
    await job.waitUntilFinished(this.#events);
    return performance.now() - began;
  }

  async stop(): Promise<void> {
    const gone = this.#workers.map((worker) => once(worker, 'exit'));
    for (const worker of this.#workers) worker.kill('SIGKILL');
    await Promise.all([...gone, this.#flows.close(), this.#events.close()]);
    await this.#redis.stop();
  }
}
