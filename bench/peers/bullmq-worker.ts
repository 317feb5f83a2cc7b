/** One of the worker processes of BullMQ: takes modules and runs that do nothing. `node bullmq-worker.ts PORT CONCURRENCY` */
import { connectionTo, loadBullMq, MODULES, RUNS } from './bullmq-api.ts';

const [port, concurrency] = process.argv.slice(2).map(Number);
const { Worker } = await loadBullMq();
const options = { connection: connectionTo(port!), concurrency: concurrency! };
const workers = [MODULES, RUNS].map((queue) => new Worker(queue, () => Promise.resolve(0), options));
await Promise.all(workers.map((worker) => worker.waitUntilReady()));
process.send!('ready');
process.on('disconnect', () => process.exit(0));
