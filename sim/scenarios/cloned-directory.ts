/**
 * A data directory is copied to a second machine, as an administrator may do to add a node, and again onto a machine that was a
 * member itself. Each disk names its node, so a copy is nobody's: it is put aside, and its machine joins as a new member.
 */
import type { SimNode } from '../sim-node.ts';
import { copyDisk } from './disks.ts';
import type { Scenario } from './scenario.ts';

export const clonedDirectory: Scenario = {
  name: 'cloned-directory',
  number: 'near',
  tells: 'the data directory of a voter is copied to a second machine, and both run',
  proof: { argument: 'A copy that spoke as the member whose disk it was, from another machine, would give a second vote: it is demanded never to, and to become a member of its own.' },
  scenery: { nodes: 5, absent: 1 },
  play(scene) {
    const workload = scene.clients();
    const [a, b] = scene.three();
    const fresh = scene.cluster.nodes[4]!;
    const member = scene.member(b);
    copyDisk(scene, b, fresh);
    scene.boot(fresh);
    scene.cluster.checkers.watch({
      raftSent: (node, { from, message }) => {
        if (from === member && node.id !== b.id) scene.cluster.report('S11', `${node.name} sends a ${message.type} as ${member}`);
      },
    });
    const own = (node: SimNode): boolean => node.replica !== undefined && node.runtime?.host.isMember === true && scene.member(node) !== member;
    scene.demandWithin('L4', 40_000, () => own(fresh), `${fresh.name}, which got a copy, is no member of its own`);
    const other = scene.others(a, b, fresh)[0]!;
    const before = scene.member(other);
    copyDisk(scene, b, other);
    scene.boot(other);
    scene.demandWithin('L4', 60_000, () => own(other) && scene.member(other) !== before, `${other.name}, which got a copy, is no member of its own`);
    scene.demandAllIsWell(workload);
  },
};
