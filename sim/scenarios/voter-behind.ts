/**
 * {A, B, C} grows to five while B is cut off; A and C die as soon as D knows (thesis 4.2.2). B has never heard of D, and its
 * own configuration does not name it, but without B's vote D has no majority: membership is judged by the candidate's log,
 * not by the voter's.
 */
import type { SimNode } from '../sim-node.ts';
import type { Scenario } from './scenario.ts';

export const voterBehind: Scenario = {
  name: 'voter-behind',
  number: '26',
  tells: 'a voter that never heard of the new members must accept one of them as candidate',
  proof: { argument: 'A voter that refused who is not in its own configuration would leave the two new members one vote short for ever: a leader among these three is demanded.' },
  scenery: { nodes: 5, absent: 2 },
  play(scene) {
    const workload = scene.clients();
    const [a, b, c] = scene.three();
    const [d, e] = scene.cluster.nodes.slice(3) as [SimNode, SimNode];
    scene.isolate(b);
    for (const node of [d, e]) scene.boot(node);
    const knows = (node: SimNode): boolean => node.replica?.config.voters.length === 5 && node.replica.config.outgoing.length === 0;
    scene.until('the new members know that there are five voters', () => knows(d) && knows(e), 30_000, 0.1);
    scene.blackout([a, c]);
    scene.demand('S9', !scene.replica(b).config.voters.includes(scene.member(d)), 'the story needs a voter that has never heard of the new ones');
    scene.healAll();
    const leads = (): boolean => scene.cluster.leader([b, d, e])?.replica?.mayPlan() === true;
    scene.demandWithin('L1', 8000, leads, 'no leader, though three of five voters live: the one that is behind refuses the new ones');
    scene.bootAll();
    scene.demandAllIsWell(workload);
  },
};
