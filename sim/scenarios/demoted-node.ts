/**
 * A node that was removed or demoted while it was away runs on, has a higher term than the leader, and deposes one leader
 * after the other (hashicorp/raft#524, #525). The removed one is not asked by anybody and its PreVote is refused. The
 * demoted one answers an Append with its term, which costs one election and no second one, since it has no vote to ask with. A third one is evicted
 * while it is connected: it is told, and comes back as a new member.
 */
import type { SimNode } from '../sim-node.ts';
import type { Scene } from './scene.ts';
import type { Scenario } from './scenario.ts';

/** A word of the leader that it shall campaign was on its way when the node was cut off: it does, in vain, in a new term. */
function raiseTerm(scene: Scene, node: SimNode): void {
  const leader = scene.member(scene.newLeader());
  scene.isolate(node);
  scene.call(node, (replica) => {
    const { term, lastIndex } = replica.raft;
    replica.receive(leader, { type: 'timeoutNow', term, lastIndex, lastTerm: replica.raft.termAt(lastIndex) ?? 0 });
  });
  // Until nothing that was said meanwhile waits in a connection.
  scene.run(scene.cluster.network.options.cutNoticedMaxMs + 500);
  scene.demand('L10', scene.replica(node).raft.term > scene.replica(scene.newLeader()).raft.term, 'the story needs a node with a higher term');
}

export const demotedNode: Scenario = {
  name: 'demoted-node',
  number: '23',
  tells: 'removed and demoted nodes with a higher term do not go on deposing leaders',
  proof: { mutants: ['removed-accepted'], invariants: ['L10'] },
  scenery: { nodes: 5 },
  play(scene) {
    const workload = scene.clients();
    const [a, x, y, b, c] = scene.five();
    raiseTerm(scene, x);
    scene.call(a, (replica) => replica.changeConfig(scene.members(a, b, c), scene.members(y), scene.members(x)));
    scene.until('it is removed', () => scene.replica(a).config.removed.includes(scene.member(x)) && !scene.replica(a).raft.configChangePending, 3000, 1);
    const { term } = scene.replica(a).raft;
    const deposed = (): boolean => scene.replica(a).raft.role !== 'leader' || scene.replica(a).raft.term !== term;
    // An answer of it to what it was sent as a member, long on its way.
    const late = scene.replica(x).raft.term;
    scene.call(a, (replica) => replica.receive(scene.member(x), { type: 'appendReply', term: late, ok: false, index: 0, hintTerm: 0, sentAt: 0, round: 0 }));
    scene.healAll();
    scene.demandNever('L10', 8000, deposed, `${x.name}, which was removed, deposes the leader`);

    const leader = scene.newLeader();
    const { config } = scene.replica(leader);
    const demoted = scene.nodeOf(config.voters.find((member) => member !== scene.member(leader))!);
    const keep = scene.others(leader, demoted).filter((node) => config.voters.includes(scene.member(node)) || node === y).slice(0, 2);
    raiseTerm(scene, demoted);
    scene.call(leader, (replica) => replica.changeConfig(scene.members(leader, ...keep), scene.members(demoted), []));
    scene.run(1000);
    scene.healAll();
    scene.run(5000);
    const settled = scene.newLeader();
    const now = scene.replica(settled).raft.term;
    scene.demandNever('L10', 8000, () => scene.replica(settled).raft.term !== now, `${demoted.name}, which has no vote any more, goes on deposing leaders`);

    const evicted = scene.others(settled).find((node) => node.runtime?.host.isMember === true)!;
    const member = scene.member(evicted);
    const stay = scene.replica(settled).config.voters.filter((one) => one !== member).slice(0, 3);
    scene.call(settled, (replica) => replica.changeConfig(stay, [], [member]));
    const back = (): boolean => evicted.runtime?.host.isMember === true && scene.member(evicted) !== member;
    scene.demandWithin('L4', 20_000, back, `${evicted.name} was evicted while it was connected, and is no member again`);
    scene.demandAllIsWell(workload);
  },
};
