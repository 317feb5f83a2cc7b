/**
 * No write of the leader comes to its end, and its heartbeats go on, so that nobody elects another one (hashicorp/raft#503,
 * #612, #683). A write that takes over a second makes it step down, and it does not lead again before the disk is well.
 */
import type { Scenario } from './scenario.ts';

export const hungDisk: Scenario = {
  name: 'hung-disk',
  number: '16',
  tells: 'the disk of the leader hangs while its heartbeats go on',
  proof: { mutants: ['disk-watchdog-off'], invariants: ['L1'] },
  scenery: { nodes: 5 },
  play(scene) {
    const workload = scene.clients();
    const leader = scene.newLeader();
    const others = scene.others(leader);
    const { diskStallMs, electionMs } = scene.cluster.init.timing;
    const hangsUntil = scene.cluster.kernel.now + 12_000;
    scene.cluster.line(leader.name, 'its disk hangs');
    leader.diskFault = () => ({ type: 'delay', delayMs: Math.max(0, hangsUntil - scene.cluster.kernel.now) });
    const another = (): boolean => scene.cluster.leader(others)?.replica?.mayPlan() === true;
    scene.demandWithin('L1', diskStallMs + 3 * electionMs + 1000, another, `${leader.name} still leads though its disk hangs`);
    scene.demandWithin('L9', 5000, workload.probe(others[0]!), 'a submit is not answered while one disk hangs');
    scene.demandNever('L1', 5000, () => scene.replica(leader).raft.role === 'leader', `${leader.name} leads again though its disk hangs`);
    leader.diskFault = undefined;
    scene.until('the disk is well', () => scene.cluster.kernel.now > hangsUntil, 20_000, 10);
    scene.run(1000);
    scene.demandAllIsWell(workload);
  },
};
