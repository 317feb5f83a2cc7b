/**
 * A removed node is wiped and comes again under its old id; it gets the log from the beginning, in which the first
 * configurations name it as voter, in the very first one as the only one (databendlabs/openraft#2002, redisraft#2: it formed a
 * quorum of its own). It is cut off in the middle of that. Its new disk is a new member, which those configurations do not name.
 */
import { bigRun } from './big-run.ts';
import { wipe } from './disks.ts';
import type { Scenario } from './scenario.ts';

export const removedReturns: Scenario = {
  name: 'removed-returns',
  number: '7',
  tells: 'the founder leaves, is wiped, comes back and reads again that it was once the only voter',
  proof: { mutants: ['nonvoter-campaigns'], invariants: ['S10'] },
  scenery: { nodes: 5 },
  play(scene) {
    const workload = scene.clients();
    const genesis = scene.replica(scene.newLeader()).raft.entry(1)?.config?.voters[0];
    const founder = scene.nodeOf(genesis!);
    // What follows the first configurations is more than one message carries.
    for (let i = 0; i < 12; i += 1) scene.submit(bigRun());
    scene.run(1000);
    const left = scene.leave(founder);
    scene.demandWithin('L4', 15_000, left, `${founder.name} is not let go`);
    scene.newLeader();
    wipe(scene, founder);
    scene.boot(founder);
    scene.until('the beginning of the log', () => (founder.replica?.raft.lastIndex ?? 0) > 1, 20_000, 0.05);
    scene.isolate(founder);
    const { raft } = scene.replica(founder);
    scene.demand('S10', !raft.config.removed.includes(genesis!), 'the story needs a log that ends before the removal');
    scene.demandNever('S10', 6000, () => scene.replica(founder).raft.role !== 'follower', `${founder.name} wants to lead by configurations of another disk`);
    scene.healAll();
    scene.run(5000);
    scene.demandAllIsWell(workload);
  },
};
