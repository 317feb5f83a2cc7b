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

export interface Wanted {
  readonly seed: string;
  readonly minutes: number;
  /** A violation is reported then, whatever happens; virtual ms. */
  readonly violatedAtMs?: number;
  readonly nodes?: number;
}

export function recordSeed({ seed, minutes, violatedAtMs, nodes = 5 }: Wanted): Recorded {
  const args = { seed, nodes, minutes };
  const simulation = new Simulation(args, drawOptions(args));
  const recording = new Recording(simulation.cluster, new Timeline(simulation.cluster));
  if (violatedAtMs !== undefined) simulation.cluster.kernel.at(violatedAtMs, undefined, () => simulation.cluster.report('S3', 'made by hand'));
  simulation.run();
  const { violation } = simulation.cluster;
  return { data: recording.finish({ seed, options: 'seed=…', replay: 'npm run sim' }, { violation, outcome: { kind: 'good', text: '✓ No invariant was violated.' }, summary: ['figures'] }), cluster: simulation.cluster };
}
