/**
 * One follower after the other is cut off for good while clients write, so that no two logs are of the same length when the power
 * fails. The three longest hold everything that was committed on a majority of each time; the shortest come back first.
 */
import { modulesOf } from '../stage.ts';
import type { Scenario } from './scenario.ts';

export const lopsidedLogs: Scenario = {
  name: 'lopsided-logs',
  number: 'near',
  tells: 'five logs of five lengths after a blackout: one of the longest leads',
  proof: { mutants: ['vote-without-log-check'], invariants: ['S3'] },
  scenery: { nodes: 5 },
  play(scene) {
    const workload = scene.clients();
    const [a, b, c, d, e] = scene.five();
    for (const node of [e, d]) {
      scene.isolate(node);
      scene.run(1500);
    }
    scene.cut(c, a, b);
    scene.submit(modulesOf(2, { kind: 'ok', durationMs: 10 }), { node: a });
    scene.run(600);
    const lengths = [a, c, d, e].map((node) => scene.replica(node).raft.lastIndex);
    scene.demand('S2', lengths.every((length, at) => at === 0 || length < lengths[at - 1]!), `the story needs logs of different lengths, and they are ${lengths.join(' ')}`);
    scene.blackout();
    scene.healAll();
    scene.bootAll([e, d, c], 20);
    scene.newLeader([c, d, e]);
    scene.run(500);
    scene.bootAll();
    scene.demandAllIsWell(workload);
  },
};
