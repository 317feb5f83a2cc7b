/**
 * What was done is kept, and only what is lost is done again. The machines that have a file in the middle of a pipeline lose
 * power and their disks: the module that made it runs once more, in its next generation, and nothing else does. What the run
 * gives is on two machines when it ends, so the loss of the one that made it costs nothing.
 */
import type { ModuleFiles } from '../../src/core/cell/types.ts';
import type { Cid } from '../../src/core/lib/ids.ts';
import { modulesOf } from '../stage.ts';
import type { Scenario } from './scenario.ts';

const leaves = (...inputs: ModuleFiles['inputs']): { files: ModuleFiles } => ({ files: { inputs, outputs: [{ name: 'o', pattern: 'o' }] } });
const FROM_SPLIT = { variable: 'IN', module: 0, output: 'o' } as const;

export const stateSurvives: Scenario = {
  name: 'state-survives',
  number: 'work 6',
  tells: 'the machines with the only copies of a file that is still needed are gone for ever: its module runs again, what is done stays done, and what the run gave outlives its maker',
  proof: { mutants: ['invalidate-keeps-generation'], invariants: ['S18'] },
  scenery: { nodes: 7 },
  play(scene) {
    const { leader, cluster } = scene;
    const [split, early, wait, join] = modulesOf(4, { kind: 'ok', durationMs: 100 });
    const key = scene.submit([
      { ...split!, name: 'split', ...leaves() },
      { ...early!, name: 'early', needs: [0], ...leaves(FROM_SPLIT) },
      { ...wait!, name: 'wait', action: { type: 'run', command: 'ok 12000' } },
      { ...join!, name: 'join', needs: [0, 2], ...leaves(FROM_SPLIT) },
    ]);
    const phase = (module: number): string => scene.runOf(key, leader)?.modules[module]?.phase ?? '';
    scene.demandWithin('L2', 5000, () => phase(1) === 'succeeded', 'the first two do not end');
    const file = scene.runOf(key, leader)!.modules[0]!.outcome!.files!['o']!.cid;
    const holders = cluster.nodes.filter(({ blobs }) => blobs.whole.has(file));
    for (const node of holders) {
      for (const cid of node.blobs.whole.keys()) node.blobs.lose(cid);
      if (node !== leader) scene.crash(node, 'power');
    }
    const run = scene.demandSuccess(key, 120_000);
    const [first, second, , last] = run.modules;
    scene.demand('S18', first!.generation > 1, 'the file was lost, and its module did not run again');
    scene.demand('S18', second!.generation === 1 || second!.holders.every((holder) => holders.some(({ id }) => id === holder)), 'what was done and not lost was done again');
    const output: Cid = last!.outcome!.files!['o']!.cid;
    const maker = cluster.nodes.find(({ id }) => id === last!.nodeId)!;
    scene.demand('S24', scene.others(maker).some((node) => node.state === 'up' && node.blobs.whole.has(output)), 'only the machine that made it has what the run gave');
    for (const node of holders) if (node.state === 'down') scene.boot(node);
    scene.demandAllIsWell(scene.idle());
  },
};
