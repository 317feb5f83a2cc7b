/**
 * A follower whose disk takes seconds for each write keeps its connection and answers late, so the leader may not give it up; what
 * it is sent and has not answered stays within the window (S26), and when its disk is well it catches up.
 */
import type { Scenario } from './scenario.ts';

export const slowFollower: Scenario = {
  name: 'slow-follower',
  number: 'near',
  tells: 'a follower that is alive and slow does not fill the memory of the leader',
  proof: { mutants: ['window-unbounded'], invariants: ['S26'] },
  scenery: { nodes: 3, network: { bytesPerMs: 200, cutNoticedMinMs: 60_000, cutNoticedMaxMs: 60_001 } },
  play(scene) {
    const [a, slow] = scene.three();
    scene.cluster.line(slow.name, 'its disk takes 3 s for each operation');
    slow.diskFault = () => ({ type: 'delay', delayMs: 3000 });
    const workload = scene.busy();
    scene.run(6000);
    scene.demand('S26', scene.replica(slow).raft.lastIndex <= scene.replica(a).raft.lastIndex && scene.leader === a, 'a slow follower costs the leader its office');
    slow.diskFault = undefined;
    workload.stop();
    const caughtUp = (): boolean => slow.replica !== undefined && slow.replica.raft.commitIndex >= scene.replica(a).raft.commitIndex;
    scene.demandWithin('L6', 30_000, caughtUp, `${slow.name} does not catch up`);
    scene.demandAllIsWell(workload);
  },
};
