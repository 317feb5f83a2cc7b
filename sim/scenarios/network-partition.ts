/**
 * Three against two, in the middle of a run, the leader among the two. The larger side elects another one and goes on, also with
 * what the smaller side had; what was finished over there counts when they meet again, unless somebody was faster.
 */
import { modulesOf } from '../stage.ts';
import type { Scenario } from './scenario.ts';

export const networkPartition: Scenario = {
  name: 'network-partition',
  number: 'work 5',
  tells: 'the leader is on the smaller side of a partition in the middle of a run',
  proof: { mutants: ['no-check-quorum'], invariants: ['S25', 'L1'] },
  scenery: { nodes: 5, slots: 2 },
  play(scene) {
    const workload = scene.clients();
    const key = scene.submit(modulesOf(40, { kind: 'ok', durationMs: 1500 }));
    const [a, b, ...rest] = scene.five();
    const { term } = scene.replica(a).raft;
    scene.run(700);
    scene.split([a, b]);
    scene.newLeader(rest);
    const { electionMs } = scene.cluster.init.timing;
    scene.demandWithin('L1', 2 * electionMs, () => scene.replica(a).raft.role !== 'leader', `${a.name} leads on with one follower of four`);
    scene.run(8000);
    const recorded = [...scene.replica(scene.newLeader(rest)).state.runs.values()].find(({ runId }) => runId === scene.runIdOf(key))?.modules.filter(({ phase }) => phase === 'succeeded').length ?? 0;
    scene.demand('L2', recorded >= 12, `the larger side got only ${recorded} of 40 modules done in eight seconds`);
    scene.healAll();
    scene.demandSuccess(key, 60_000);
    scene.demand('S1', scene.replica(a).raft.term > term, `${a.name} is still in the term before the partition`);
    scene.demandAllIsWell(workload);
  },
};
