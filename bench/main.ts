/**
 * `npm run bench [-- NAME…] [--full]`: measures and prints figures for people, then one line of JSON for each bench.
 * Without names all of them run small, in about three minutes (six when others keep the machine busy); `--full` takes the sizes that docs/performance.md quotes.
 * `--peer bullmq`: throughput and latency in turn with BullMQ on a Redis of its own; says what is missing, installs nothing.
 */
import { parseArgs } from 'node:util';
import { loadavg, cpus, totalmem } from 'node:os';
import { describePair, measurePair } from './blobs-pair.ts';
import { describeBlobs, measureBlobs } from './blobs.bench.ts';
import { describeFailover, measureFailover } from './failover.bench.ts';
import { describeFiles, measureFiles } from './files.bench.ts';
import { describeLatency, measureLatency } from './latency.bench.ts';
import { describeMakespan, measureMakespan } from './makespan.bench.ts';
import { PeerMissing } from './peers/bullmq-api.ts';
import { compareLatency, compareThroughput, describeComparison } from './peers/compare.ts';
import { describePlan, measurePlan } from './plan.bench.ts';
import { describeProfile, measureProfile } from './profile.bench.ts';
import { describeScale, measureScale } from './scale.bench.ts';
import { describeShell, measureShell } from './shell.bench.ts';
import { describeSim, measureSim } from './sim.bench.ts';
import { describeThroughput, measureThroughput } from './throughput.bench.ts';

interface Bench {
  readonly name: string;
  readonly run: (full: boolean) => Promise<{ readonly text: string; readonly figures: unknown }>;
}

function bench<F>(name: string, measure: (full: boolean) => Promise<F>, describe: (figures: F) => string): Bench {
  return {
    name,
    run: async (full) => {
      const figures = await measure(full);
      return { text: describe(figures), figures };
    },
  };
}

const alone: readonly Bench[] = [
  bench('throughput', (full) => measureThroughput(full ? 10_000 : 2000, full ? 5 : 2), describeThroughput),
  bench('latency', (full) => measureLatency(full ? 500 : 60), describeLatency),
  bench('plan', (full) => measurePlan(full ? [10_000, 100_000] : [10_000], full ? 15 : 5), describePlan),
  bench('makespan', (full) => measureMakespan(full), describeMakespan),
  bench('scale', (full) => measureScale(full), describeScale),
  bench('shell', (full) => measureShell(full ? 300 : 200, full ? 5 : 2), describeShell),
  bench('profile', (full) => measureProfile(full), describeProfile),
  bench('pair', (full) => measurePair((full ? 1024 : 64) * 2 ** 20, full ? 5 : 3, full ? 5 : 1), describePair),
  bench('blobs', (full) => measureBlobs(full), describeBlobs),
  bench('files', (full) => measureFiles(full ? 100_000 : 2000), describeFiles),
  bench('failover', (full) => measureFailover(full ? 20 : 2), describeFailover),
  bench('sim', (full) => measureSim(full ? 100 : 15, full ? [3, 30, 100, 300] : [3, 30]), describeSim),
];

const besidePeer: readonly Bench[] = [
  bench('throughput', (full) => compareThroughput(full ? 10_000 : 2000, full ? 5 : 2), describeComparison),
  bench('latency', (full) => compareLatency(full ? 200 : 40), describeComparison),
];

const { values, positionals } = parseArgs({ allowPositionals: true, options: { full: { type: 'boolean', default: false }, peer: { type: 'string' } } });
if (values.peer !== undefined && values.peer !== 'bullmq') {
  process.stderr.write(`unknown peer ${values.peer}: there is bullmq\n`);
  process.exit(2);
}
const benches = values.peer === undefined ? alone : besidePeer;
const unknown = positionals.filter((name) => !benches.some((candidate) => candidate.name === name));
if (unknown.length > 0) {
  process.stderr.write(`unknown bench ${unknown.join(', ')}: choose of ${benches.map(({ name }) => name).join(', ')}\n`);
  process.exit(2);
}
process.stdout.write(`${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node.js ${process.versions.node}, load ${loadavg()[0]?.toFixed(2)}\n`);
for (const { name, run } of benches) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const { text, figures } = await run(values.full).catch((error: unknown) => {
    if (!(error instanceof PeerMissing)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  });
  process.stdout.write(`${text}\n${JSON.stringify({ bench: name, figures })}\n`);
}
