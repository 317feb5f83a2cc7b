/**
 * The monotonic clock stands still while a machine sleeps, so every lease looks valid when it wakes (Jepsen on etcd 3.4.3,
 * TigerBeetle's src/time.zig). A worker must not finish an effectful module that another node has begun again, a leader must
 * not plan.
 */
import { modulesOf } from '../stage.ts';
import type { Scenario } from './scenario.ts';

export const suspendedLaptop: Scenario = {
  name: 'suspended-laptop',
  number: '18',
  tells: 'a laptop sleeps: an expired effectful module is not finished, a lease that looks valid is none',
  proof: { argument: 'Both rest on noticing that time has passed while the machine slept; without it the module that slept would finish, and the lease that counts the own clock would still be valid.' },
  scenery: { nodes: 5 },
  play(scene) {
    const workload = scene.idle();
    const key = scene.submit(modulesOf(8, { kind: 'ok', durationMs: 8000 }, { effectful: true }));
    const worker = scene.worker();
    scene.run(300);
    const slept = scene.executionsOf(key).filter(({ node, end }) => node === worker.id && end === 'running');
    scene.cluster.suspendNode(worker);
    scene.run(10_000);
    scene.cluster.resumeNode(worker);
    scene.run(1000);
    scene.demand('S20', slept.length > 0 && slept.every(({ end }) => end === 'stopped'), () => `what ${worker.name} had begun before it slept: ${slept.map(({ name, end }) => `${name} ${end}`).join(' ')}`);
    const run = scene.demandSuccess(key, 30_000);
    const fences = new Set(slept.map(({ fence }) => fence));
    scene.demand('S20', run.modules.every(({ fence }) => !fences.has(fence)), 'a module that slept gave the result');

    const leader = scene.newLeader();
    const { term } = scene.replica(leader).raft;
    scene.cluster.suspendNode(leader);
    scene.newLeader(scene.others(leader));
    scene.run(3000);
    scene.cluster.resumeNode(leader);
    // It compares its clocks every 100 ms; what it may propose until then cannot be committed.
    scene.run(150);
    const plans = (): boolean => scene.replica(leader).raft.term === term && scene.replica(leader).mayPlan();
    scene.demandNever('S25', 500, plans, `${leader.name} plans in term ${term}, which ended while it slept`);
    scene.demandAllIsWell(workload);
  },
};
