/**
 * Two voters are to be replaced by two standbys, and these are gone for ever while the change is joint
 * (tikv/raft-rs#192); both majorities are still there, so it ends, and the dead ones are replaced. Then a leader takes itself
 * out of the configuration while it is cut off with a minority (scylladb/scylladb#10618, nats-io/nats-server#7600).
 */
import type { Scenario } from './scenario.ts';

export const vanishingMembers: Scenario = {
  name: 'vanishing-members',
  number: '10',
  tells: 'new members vanish inside a joint change; a leader takes itself out during a partition',
  proof: { mutants: ['joint-not-finished'], invariants: ['L1', 'L4'] },
  scenery: { nodes: 7 },
  play(scene) {
    const workload = scene.clients();
    const withStandbys = (): boolean => scene.newLeader().replica?.config.standbys.length === 2;
    scene.until('two standbys', withStandbys, 30_000, 100);
    const a = scene.newLeader();
    const { voters, standbys } = scene.replica(a).config;
    const [dropped, kept] = [voters.filter((member) => member !== scene.member(a)).slice(0, 2), voters.filter((member) => member === scene.member(a))];
    const stay = voters.filter((member) => !dropped.includes(member) && !kept.includes(member));
    const vanished = standbys.map((member) => scene.nodeOf(member));
    scene.call(a, (replica) => replica.changeConfig([...kept, ...stay, ...standbys], dropped, []));
    scene.demand('S9', scene.replica(a).config.outgoing.length === 5, 'the story needs a joint configuration');
    for (const node of vanished) scene.crash(node, 'power');
    const final = (): boolean => scene.cluster.leader()?.replica?.raft.configChangePending === false;
    scene.demandWithin('L4', 3000, final, 'the joint configuration does not come to its end, though both majorities live');

    const leader = scene.newLeader();
    const living = scene.replica(leader).config.voters.map((member) => scene.nodeOf(member)).filter((node) => node.state === 'up' && node !== leader);
    scene.split([leader, living[0]!]);
    scene.call(leader, (replica) => replica.changeConfig(scene.members(...living), [], []));
    scene.run(3000);
    scene.healAll();
    scene.demandAllIsWell(workload, new Map(vanished.map((node) => [node, 'dead'])));
  },
};
