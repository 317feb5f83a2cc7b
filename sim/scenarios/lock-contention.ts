/**
 * Few modules, many slots, and leaders and workers that vanish in the middle: every node stands ready for the same claim. A claim
 * is the lock here. It has one holder at a time, a later holder has a higher fence, and nobody who lost it does harm. (Locks that
 * a pipeline names itself, mutex and limit, are not there yet.)
 */
import { modulesOf } from '../stage.ts';
import type { Scenario } from './scenario.ts';

export const lockContention: Scenario = {
  name: 'lock-contention',
  number: 'work 7',
  tells: 'every node wants the same few claims while leaders are killed: each claim has one holder at a time',
  proof: { mutants: ['session-expires-early'], invariants: ['S20'] },
  scenery: { nodes: 5, slots: 8, network: { cutNoticedMinMs: 60_000, cutNoticedMaxMs: 60_001 } },
  play(scene) {
    const workload = scene.idle();
    const keys = [0, 1].map(() => scene.submit(modulesOf(3, { kind: 'ok', durationMs: 9000 }, { effectful: true })));
    scene.run(300);
    for (let round = 0; round < 2; round += 1) {
      const holder = scene.cluster.nodes.find((node) => node.state === 'up' && node !== scene.cluster.leader() && (node.incarnation?.executor.running().length ?? 0) > 0);
      if (holder !== undefined) scene.isolate(holder);
      scene.pause(2000);
      const leader = scene.newLeader();
      scene.crash(leader);
      scene.newLeader();
      scene.run(5000);
      scene.boot(leader);
      scene.healAll();
      scene.run(1000);
    }
    for (const key of keys) {
      scene.demandSuccess(key, 60_000);
      const holders = Map.groupBy(scene.executionsOf(key), ({ module }) => module);
      scene.demand('S16', [...holders.values()].some((executions) => executions.length > 1) || key !== keys[0], 'the story needs a claim that changed hands');
      for (const executions of holders.values()) {
        const overlaps = executions.some((one, at) => at > 0 && (one.startedAt < executions[at - 1]!.endedAt || one.fence <= executions[at - 1]!.fence));
        scene.demand('S20', !overlaps, () => `${executions[0]!.name} had two holders: ${executions.map(({ node, fence, startedAt, endedAt }) => `${node} (${fence}) ${startedAt.toFixed(0)}–${endedAt.toFixed(0)}`).join(', ')}`);
      }
    }
    scene.demandAllIsWell(workload);
  },
};
