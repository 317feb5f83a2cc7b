/**
 * A worker dies with modules under way and comes back while much is still to be done. What it had is given to others, and what
 * is left is shared by all, the one that came back included; nothing ends twice.
 */
import { modulesOf } from '../stage.ts';
import type { Scenario } from './scenario.ts';

export const recoveryRedistribution: Scenario = {
  name: 'recovery-redistribution',
  number: 'work 3',
  tells: 'a worker dies and comes back: its modules move, and it gets a share of what is left',
  proof: { mutants: ['session-never-expires'], invariants: ['L3'] },
  scenery: { nodes: 5, slots: 2 },
  play(scene) {
    const workload = scene.idle();
    const key = scene.submit(modulesOf(60, { kind: 'ok', durationMs: 1500 }));
    const worker = scene.worker();
    scene.run(500);
    const lost = scene.executionsOf(key).filter(({ node }) => node === worker.id);
    scene.crash(worker, 'power');
    const moved = (): boolean => lost.every(({ module, fence }) => scene.executionsOf(key).some((other) => other.module === module && other.fence !== fence));
    scene.demandWithin('L3', 8000, () => lost.length > 0 && moved(), `what ${worker.name} had does not move`);
    scene.boot(worker);
    const backAt = scene.cluster.kernel.now;
    const works = (): boolean => scene.executionsOf(key).some(({ node, startedAt }) => node === worker.id && startedAt >= backAt);
    scene.demandWithin('L2', 5000, works, `${worker.name} is back and gets nothing to do`);
    scene.demandSuccess(key, 60_000);
    const finished = scene.executionsOf(key).filter(({ end }) => end === 'finished');
    scene.demand('S18', new Set(finished.map(({ module }) => module)).size === finished.length, 'a module was finished twice');
    scene.demandAllIsWell(workload);
  },
};
