/** A small simulation with its recording. */
import type { Cluster } from '../../../../sim/cluster.ts';
import type { ReplayData } from '../../../../sim/html/data.ts';
import { Recording } from '../../../../sim/html/recording.ts';
import { drawOptions } from '../../../../sim/options.ts';
import { Simulation } from '../../../../sim/run.ts';
import { Timeline } from '../../../../sim/timeline/timeline.ts';

export interface Recorded {
  readonly data: ReplayData;
  readonly cluster: Cluster;
}

export function recordSeed({ seed, minutes, mutant, nodes = 5 }: { readonly seed: string; readonly minutes: number; readonly mutant?: string; readonly nodes?: number }): Recorded {
  const args = { seed, nodes, minutes, ...(mutant === undefined ? {} : { mutants: new Set([mutant]) }) };
  const simulation = new Simulation(args, drawOptions(args));
  const recording = new Recording(simulation.cluster, new Timeline(simulation.cluster));
  simulation.run();
  const { violation } = simulation.cluster;
  return { data: recording.finish({ seed, options: 'seed=…', replay: 'npm run sim' }, { violation, outcome: { kind: 'good', text: '✓ No invariant was violated.' }, summary: ['figures'] }), cluster: simulation.cluster };
}
