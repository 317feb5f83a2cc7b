/**
 * The connection to a worker breaks and the worker lives. A break of a second costs nothing: it says what it still executes
 * and keeps it. When it stays away, its effectful modules are given to others only after the deadline at which its
 * supervisor has killed them, though the dead connection was noticed long before.
 */
import { modulesOf } from '../stage.ts';
import type { Scenario } from './scenario.ts';

export const resetEffectful: Scenario = {
  name: 'reset-effectful',
  number: '27',
  tells: 'the connection of a worker with effectful modules is gone, the worker is not: the next claim waits for its fence',
  proof: { mutants: ['effectful-released-early'], invariants: ['S20'] },
  scenery: { nodes: 5, network: { cutNoticedMinMs: 200, cutNoticedMaxMs: 400 } },
  play(scene) {
    const workload = scene.idle();
    const key = scene.submit(modulesOf(12, { kind: 'ok', durationMs: 20_000 }, { effectful: true }));
    const worker = scene.worker();
    scene.run(200);
    const mine = scene.executionsOf(key).filter(({ node }) => node === worker.id);
    const count = scene.executionsOf(key).length;
    scene.isolate(worker);
    scene.run(1000);
    scene.healAll();
    scene.run(3000);
    scene.demand('S20', scene.executionsOf(key).length === count && mine.every(({ end }) => end === 'running'), 'a connection that was gone for a second costs an execution');
    scene.isolate(worker);
    scene.run(8000);
    for (const first of mine) {
      scene.demand('S20', first.end === 'stopped', `${first.name} on ${worker.name}, which nobody hears any more: ${first.end}`);
      const next = scene.executionsOf(key).find((other) => other.module === first.module && other !== first);
      scene.demand('L3', next !== undefined, `${first.name} is not executed again`);
      scene.demand('S20', next!.startedAt >= first.endedAt, () => `${first.name} begins again ${(first.endedAt - next!.startedAt).toFixed(0)} ms before its first execution has ended`);
    }
    scene.healAll();
    scene.demandSuccess(key, 90_000);
    scene.demandAllIsWell(workload);
  },
};
