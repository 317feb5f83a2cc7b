/**
 * One node is cut off, it and two others are killed, a fourth is told to leave, all within a second and while clients write
 * (nats-io/nats-server#7545: acknowledged messages were gone). Two nodes are no majority: nothing is committed and nobody is
 * let go until the killed ones are back; then the one that wanted to leave may go.
 */
import type { Scenario } from './scenario.ts';

export const partitionKillRemove: Scenario = {
  name: 'partition-kill-remove',
  number: '3',
  tells: 'a partition, three kills and a removal in quick succession while clients write',
  proof: { mutants: ['leader-counts-unsynced'], invariants: ['S5'] },
  scenery: { nodes: 5, diskMeanMs: 2 },
  play(scene) {
    const workload = scene.clients();
    const [a, b, c, d, e] = scene.five();
    const { cell } = scene.replica(d);
    scene.isolate(a);
    scene.pause(300);
    for (const node of [a, b, c]) scene.crash(node, 'power');
    const left = scene.leave(d);
    scene.run(50);
    const committed = (): number => scene.cluster.checkers.logs.history(cell).commitIndex;
    const before = committed();
    scene.demandNever('S5', 3000, () => committed() > before, 'two of five voters commit something');
    scene.demand('S9', scene.replica(e).config.voters.length === 5, 'two of five voters change the configuration');
    scene.healAll();
    scene.bootAll([a, b, c]);
    scene.demandWithin('L4', 15_000, () => left() && scene.cluster.leader()?.replica?.config.voters.length === 3, 'the node that wanted to leave is still a voter, or still there');
    scene.demandAllIsWell(workload, new Map([[d, 'dead']]));
  },
};
