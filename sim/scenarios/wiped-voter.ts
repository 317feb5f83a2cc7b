/**
 * A voter loses its disk and comes back under its old name (nats-io/nats-server#7038, KIP-853): with its vote a candidate
 * that lacks committed entries becomes leader. A member is a node and its disk, so a blank disk is nobody's voter.
 */
import { wipe } from './disks.ts';
import type { Scenario } from './scenario.ts';

export const wipedVoter: Scenario = {
  name: 'wiped-voter',
  number: '6',
  tells: 'a voter comes back with an empty disk and is asked by a candidate that lacks what it had acknowledged',
  proof: { argument: 'If the blank disk voted under the name of the old one, the candidate that lacks entries would be elected with it: a leader of these two is demanded never to appear.' },
  scenery: { nodes: 3 },
  play(scene) {
    const workload = scene.clients();
    const [a, b, c] = scene.three();
    scene.isolate(c);
    scene.run(1500);
    const member = scene.member(b);
    wipe(scene, b);
    scene.demandSilence(member, 'its disk is gone');
    scene.crash(a, 'power');
    scene.heal(c, b);
    scene.boot(b);
    const elected = (): boolean => [b, c].some((node) => node.replica?.raft.role === 'leader');
    scene.demandNever('S3', 8000, elected, 'a voter that lacks entries leads with the vote of a blank disk');
    scene.healAll();
    scene.boot(a);
    scene.newLeader();
    const back = (): boolean => b.runtime?.host.isMember === true && scene.member(b) !== member;
    scene.demandWithin('L4', 40_000, back, `${b.name} is no member again`);
    scene.demandAllIsWell(workload);
  },
};
