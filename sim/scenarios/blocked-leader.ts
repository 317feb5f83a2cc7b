/**
 * A long synchronous computation or a collection of garbage holds the leader up (tarantool/tarantool#7512, redisraft#19).
 * Others elect another one; when the first goes on it has reads and submits in its queue and thinks that it leads. No read
 * shows the past, and it does not plan.
 */
import type { Scenario } from './scenario.ts';

export const blockedLeader: Scenario = {
  name: 'blocked-leader',
  number: '17',
  tells: 'the main loop of the leader is blocked for seconds, then it acts on what it was asked before',
  proof: { mutants: ['read-unconfirmed'], invariants: ['S23'] },
  scenery: { nodes: 5 },
  play(scene) {
    const workload = scene.clients();
    const old = scene.newLeader();
    const { term } = scene.replica(old).raft;
    scene.pause(300);
    scene.cluster.pauseNode(old);
    scene.call(old, (replica) => replica.readIndex(() => undefined));
    scene.newLeader(scene.others(old));
    scene.run(2000);
    scene.cluster.resumeNode(old);
    const plans = (): boolean => scene.replica(old).raft.term === term && scene.replica(old).mayPlan();
    scene.demandNever('S25', 500, plans, `${old.name} plans in term ${term}, which is over`);
    scene.demandAllIsWell(workload);
  },
};
