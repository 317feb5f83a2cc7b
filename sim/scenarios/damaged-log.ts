/**
 * Damage in the middle of a log: the node that cuts it there and goes on has forgotten what it acknowledged, and votes and
 * leads without it (nats-io/nats-server#7587). Two of five logs are damaged, one by a bit, one by a missing piece, and the
 * leader is cut off: the two that are left may not be elected with the help of the damaged ones. When the leader is back,
 * those are replaced and come as new members.
 */
import { flipLog, truncateLog } from './disks.ts';
import type { Scenario } from './scenario.ts';

export const damagedLog: Scenario = {
  name: 'damaged-log',
  number: '5',
  tells: 'a flipped bit and a missing piece in the middle of two logs: they do not vote, they come back as new members',
  proof: { mutants: ['damage-cut'], invariants: ['S5'] },
  scenery: { nodes: 5, storage: { segmentBytes: 2000, snapshotEntries: 100_000 } },
  play(scene) {
    const workload = scene.clients();
    scene.run(2000);
    const [a, b, c, ...rest] = scene.five();
    const lost = scene.members(b, c);
    scene.isolate(a);
    flipLog(scene, b);
    truncateLog(scene, c);
    for (const member of lost) scene.demandSilence(member, 'its log is damaged');
    for (const node of [b, c]) scene.boot(node);
    for (const node of [b, c]) scene.demand('S5', node.runtime?.host.damaged !== undefined, `${node.name} does not notice that its log is damaged`);
    const elected = (): boolean => [b, c, ...rest].some((node) => node.replica?.raft.role === 'leader');
    scene.demandNever('S3', 6000, elected, 'two whole logs of five elect a leader with the votes of damaged ones');
    scene.healAll();
    scene.newLeader();
    const back = (): boolean => [b, c].every((node) => node.runtime?.host.isMember === true) && !scene.members(b, c).some((member) => lost.includes(member));
    scene.demandWithin('L4', 60_000, back, () => `damaged nodes are no members again: ${[b, c].map(({ name, runtime }) => `${name} ${runtime?.phase}`).join(', ')}`);
    scene.demandAllIsWell(workload);
  },
};
