/**
 * A worker is gone in the middle of what it executes. Within the time that a silent session may last, others begin its modules
 * again; a lost session is no attempt of a module, so one with a single attempt succeeds too.
 */
import { modulesOf } from '../stage.ts';
import type { Scenario } from './scenario.ts';

export const workerFailure: Scenario = {
  name: 'worker-failure',
  number: 'work 2',
  tells: 'a worker loses power in the middle of its modules: others execute them, and it does not count as an attempt',
  proof: { mutants: ['session-never-expires'], invariants: ['L3'] },
  scenery: { nodes: 5 },
  play(scene) {
    const workload = scene.idle();
    const key = scene.submit(modulesOf(12, { kind: 'ok', durationMs: 3000 }, { retry: { attempts: 1, backoffMs: 200, factor: 2, jitter: true, capMs: 5000 } }));
    const worker = scene.worker();
    scene.run(300);
    const lost = scene.executionsOf(key).filter(({ node }) => node === worker.id);
    scene.crash(worker, 'power');
    const again = (): boolean => lost.every(({ module, fence }) => scene.executionsOf(key).some((other) => other.module === module && other.fence !== fence && other.node !== worker.id));
    scene.demandWithin('L3', 8000, () => lost.length > 0 && again(), `what ${worker.name} had is not executed by others`);
    const run = scene.demandSuccess(key, 20_000);
    scene.demand('S18', run.modules.every(({ failures }) => failures === 0), 'a lost worker counts as a failed attempt');
    scene.demandAllIsWell(workload, new Map([[worker, 'dead']]));
  },
};
