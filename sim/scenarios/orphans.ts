/**
 * kill -9 of a node leaves its child processes behind. The supervisor sees the pipe close and kills them within a second;
 * the next start of the node makes sure of it before it takes any work. No orphan finishes an effectful module.
 */
import { modulesOf } from '../stage.ts';
import type { Scenario } from './scenario.ts';

export const orphans: Scenario = {
  name: 'orphans',
  number: '28',
  tells: 'a node is killed under its modules: they do not finish, and nobody begins them again before they are dead',
  proof: { mutants: ['orphans-live'], invariants: ['S20'] },
  scenery: { nodes: 5 },
  play(scene) {
    const workload = scene.idle();
    const key = scene.submit(modulesOf(12, { kind: 'ok', durationMs: 3000 }, { effectful: true }));
    const worker = scene.worker();
    scene.run(200);
    const orphans = scene.executionsOf(key).filter(({ node }) => node === worker.id);
    const killedAt = scene.cluster.kernel.now;
    scene.demand('S20', orphans.length > 0 && orphans.every(({ end }) => end === 'running'), 'the story needs modules under way');
    scene.crash(worker);
    scene.run(50);
    scene.boot(worker);
    scene.run(1000);
    for (const { name, end, endedAt } of orphans) scene.demand('S20', end === 'killed' && endedAt <= killedAt + 1000, `${name} of the killed node: ${end}`);
    const run = scene.demandSuccess(key, 60_000);
    const fences = new Set(orphans.map(({ fence }) => fence));
    scene.demand('S20', run.modules.every(({ fence }) => !fences.has(fence)), 'an orphan gave the result of its module');
    for (const orphan of orphans) {
      const next = scene.executionsOf(key).find((other) => other.module === orphan.module && other !== orphan);
      scene.demand('S20', next !== undefined && next.startedAt >= orphan.endedAt, `${orphan.name} begins again while its orphan lives`);
    }
    scene.demandAllIsWell(workload);
  },
};
