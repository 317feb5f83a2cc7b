/** Rounds of ours and of a peer in turn, in one run: the ratio is what a shared machine can say. */
import { BenchCluster } from '../cluster.ts';
import { spread, spreadText, type Spread } from '../figures.ts';
import { BullMqCluster } from './bullmq.ts';
import { DURABILITIES, type Durability } from './redis.ts';
import { noop, spec } from '../specs.ts';

const SLOTS = 1000;
const CHAIN = 100;

export interface Comparison {
  readonly what: 'throughput' | 'latency';
  readonly durability: Durability;
  /** Modules a second, or ms of a run of one module. */
  readonly ours: Spread;
  readonly theirs: Spread;
  /** Of each round: how many times more modules, how many times faster. */
  readonly ratio: Spread;
  /** `latency` only: ms a step. */
  readonly chain?: { readonly ours: Spread; readonly theirs: Spread; readonly ratio: Spread };
}

interface Pair {
  readonly ours: number;
  readonly theirs: number;
}

export async function compareThroughput(modules: number, rounds: number): Promise<Comparison[]> {
  return withOurs(async (ask) => {
    const run = spec(modules, noop);
    const comparisons: Comparison[] = [];
    for (const durability of DURABILITIES) {
      const pairs = await withTheirs(durability, (peer) => inTurn(rounds, () => ask(run), () => peer.flat(modules)));
      const rates = pairs.map(({ ours, theirs }): Pair => ({ ours: (modules * 1000) / ours, theirs: (modules * 1000) / theirs }));
      comparisons.push({ what: 'throughput', durability, ...spreads(rates, ({ ours, theirs }) => ours / theirs) });
    }
    return comparisons;
  });
}

export async function compareLatency(rounds: number): Promise<Comparison[]> {
  return withOurs(async (ask) => {
    const [one, chain] = [spec(1, noop), spec(CHAIN, noop, 1)];
    const faster = ({ ours, theirs }: Pair): number => theirs / ours;
    const comparisons: Comparison[] = [];
    for (const durability of DURABILITIES) {
      const [single, chains] = await withTheirs(durability, async (peer) => {
        const pairs = await inTurn(rounds, () => ask(one), () => peer.flat(1));
        return [pairs, await inTurn(Math.ceil(rounds / 20), () => ask(chain), () => peer.chain(CHAIN))] as const;
      });
      const steps = chains.map(({ ours, theirs }): Pair => ({ ours: ours / CHAIN, theirs: theirs / CHAIN }));
      comparisons.push({ what: 'latency', durability, ...spreads(single, faster), chain: spreads(steps, faster) });
    }
    return comparisons;
  });
}

/** One round of each before those that count. */
async function inTurn(rounds: number, ours: () => Promise<number>, theirs: () => Promise<number>): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let round = 0; round <= rounds; round += 1) pairs.push({ ours: await ours(), theirs: await theirs() });
  return pairs.slice(1);
}

function spreads(pairs: readonly Pair[], ratio: (pair: Pair) => number): { readonly ours: Spread; readonly theirs: Spread; readonly ratio: Spread } {
  return { ours: spread(pairs.map((pair) => pair.ours)), theirs: spread(pairs.map((pair) => pair.theirs)), ratio: spread(pairs.map(ratio)) };
}

async function withOurs<T>(use: (ask: (what: ReturnType<typeof spec>) => Promise<number>) => Promise<T>): Promise<T> {
  // What is missing is said before anything else is started.
  await withTheirs('off', () => Promise.resolve());
  const cluster = new BenchCluster();
  try {
    await cluster.start(SLOTS);
    const leader = await cluster.leader();
    return await use(async (what) => (await leader.ask<number[]>({ op: 'run', spec: what, rounds: 1 }))[0]!);
  } finally {
    await cluster.stop();
  }
}

async function withTheirs<T>(durability: Durability, use: (peer: BullMqCluster) => Promise<T>): Promise<T> {
  const peer = await BullMqCluster.start(durability);
  try {
    return await use(peer);
  } finally {
    await peer.stop();
  }
}

export function describeComparison(comparisons: readonly Comparison[]): string {
  const lines = ['ours: 3 nodes, each module fsynced on all three; bullmq: 3 worker processes with concurrency 100, one Redis, append-only file'];
  for (const { what, durability, ours, theirs, ratio, chain } of comparisons) {
    const unit = what === 'throughput' ? 'modules/s' : 'ms';
    lines.push(`${what} beside bullmq, append-only file ${durability}`, `  ours     ${spreadText(ours, unit)}`, `  bullmq   ${spreadText(theirs, unit)}`, `  ${what === 'throughput' ? 'as many ' : 'faster by'} ${spreadText(ratio, 'times')}`);
    if (chain !== undefined) lines.push(`  a step of a chain of ${CHAIN}: ours ${spreadText(chain.ours, 'ms')}`, `                            bullmq ${spreadText(chain.theirs, 'ms')}`, `                            faster by ${spreadText(chain.ratio, 'times')}`);
  }
  return lines.join('\n');
}
