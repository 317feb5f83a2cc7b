/**
 * A leader that is being cut off appends a change of members, its successor appends another one, and the first leader
 * returns (the erratum to the thesis, databendlabs/openraft#2051). The successor may not begin before the Noop of its own
 * term is committed; then the majorities of the two changes would not have to meet. What the old leader appended is gone.
 */
import type { SimNode } from '../sim-node.ts';
import type { Scenario } from './scenario.ts';

export const twoConfigChanges: Scenario = {
  name: 'two-config-changes',
  number: '9',
  tells: 'two changes of members in different terms, and the old leader returns',
  proof: { mutants: ['config-before-noop'], invariants: ['S9'] },
  scenery: { nodes: 5, diskMeanMs: 2 },
  play(scene) {
    const workload = scene.clients();
    const [a, b, c, d, e] = scene.five();
    scene.split([a, b]);
    scene.call(a, (replica) => replica.changeConfig(scene.members(a, b, c), [], []));
    const { term, lastIndex } = scene.replica(a).raft;
    scene.demand('S9', scene.replica(a).config.outgoing.length > 0, 'the story needs a joint configuration in the log of the old leader');
    const elected = (): SimNode | undefined => [c, d, e].find((node) => scene.replica(node).raft.role === 'leader');
    scene.until('a leader of the majority', () => elected() !== undefined, 20_000, 0.02);
    // Refused: the Noop of this term is not committed yet.
    scene.call(elected()!, (replica) => replica.changeConfig(scene.members(c, d, e), scene.members(a, b), []));
    scene.newLeader([c, d, e]);
    scene.call(elected()!, (replica) => replica.changeConfig(scene.members(c, d, e), scene.members(a, b), []));
    const settled = (): boolean => elected() !== undefined && scene.replica(elected()!).config.voters.length === 3 && !scene.replica(elected()!).raft.configChangePending;
    scene.demandWithin('L4', 5000, settled, 'the change of the new leader does not come to its end');
    scene.healAll();
    const forgotten = (): boolean => (scene.replica(a).raft.termAt(lastIndex) ?? 0) > term;
    scene.demandWithin('S2', 10_000, forgotten, `${a.name} still has the change that it appended alone at ${lastIndex}`);
    scene.demandAllIsWell(workload);
  },
};
