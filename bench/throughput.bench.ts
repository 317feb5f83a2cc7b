/** Modules a second through the whole way: submit, plan, claim, execute, result, three fsynced copies. */
import { BenchCluster } from './cluster.ts';
import { spread, spreadText, type Spread } from './figures.ts';
import { noop, spec } from './specs.ts';

const SLOTS = 1000;

export interface ThroughputFigures {
  readonly modules: number;
  /** Modules a second. */
  readonly flat: Spread;
  readonly layered: Spread;
  readonly pooled: Spread;
}

export async function measureThroughput(modules: number, rounds: number): Promise<ThroughputFigures> {
  const source = 'export function noop() {}';
  const bundle = { type: 'bundle', bundle: 'noop', export: 'noop', sourceName: 'noop.ts' } as const;
  const cluster = new BenchCluster();
  try {
    await cluster.start(SLOTS);
    const leader = await cluster.leader();
    const measure = async (what: ReturnType<typeof spec>): Promise<Spread> => {
      await leader.ask<number[]>({ op: 'run', spec: what, rounds: 1 });
      const times = await leader.ask<number[]>({ op: 'run', spec: what, rounds });
      return spread(times.map((ms) => (what.modules.length * 1000) / ms));
    };
    const flat = await measure(spec(modules, noop));
    const layered = await measure(spec(modules, noop, 100));
    const pooled = await measure(spec(Math.min(modules, 3000), bundle, 0, { noop: source }));
    return { modules, flat, layered, pooled };
  } finally {
    await cluster.stop();
  }
}

export function describeThroughput({ modules, flat, layered, pooled }: ThroughputFigures): string {
  return [
    `throughput: one run of ${modules} no-op modules, 3 nodes, ${SLOTS} slots each, fsync on, after one warm-up run`,
    `  functions of the embedding program   ${spreadText(flat, 'modules/s')}`,
    `  the same in layers of 100            ${spreadText(layered, 'modules/s')}`,
    `  pooled child processes               ${spreadText(pooled, 'modules/s')}`,
  ].join('\n');
}
