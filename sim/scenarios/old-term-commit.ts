/**
 * Figure 8 of the Raft paper (logcabin/logcabin#44, canonical/raft#336). S1 leads and has an entry on two of five; S5 leads
 * without it and has another one in its place; S1 leads again and brings the old entry to a majority. That majority is worth
 * nothing before an entry of S1's new term is committed: S5 may still win and replace it.
 */
import type { SimNode } from '../sim-node.ts';
import { bigRun } from './big-run.ts';
import type { Scenario } from './scenario.ts';

/** More than one Append carries, so that the old entries arrive before the Noop of the new term does. */
const ENTRIES = 8;

export const oldTermCommit: Scenario = {
  name: 'old-term-commit',
  number: '11',
  tells: 'an entry of an earlier term is on a majority and not committed',
  proof: { mutants: ['commit-old-term'], invariants: ['S7', 'S3'] },
  scenery: { nodes: 5, diskMeanMs: 2, network: { delayMinMs: 3 } },
  play(scene) {
    const workload = scene.clients();
    const [s1, s2, s3, s4, s5] = scene.five();
    const rest = [s3, s4, s5];
    scene.cut(s1, ...rest);
    const { term } = scene.replica(s1).raft;
    const index = scene.replica(s1).raft.lastIndex + ENTRIES;
    for (let i = 0; i < ENTRIES; i += 1) scene.submit(bigRun(), { node: s1 });
    scene.until('the entries are on two of five', () => scene.replica(s2).raft.lastIndex >= index, 1000, 0.05);
    scene.crash(s1);
    scene.cut(s2, ...rest);
    const leads = (nodes: readonly SimNode[]) => (): SimNode | undefined => nodes.find((node) => node.state === 'up' && scene.replica(node).raft.role === 'leader');
    const second = leads(rest);
    scene.until('a leader without the entry', () => second() !== undefined, 20_000, 0.02);
    const other = second()!;
    const followers = rest.filter((node) => node !== other);
    scene.cut(other, ...followers);
    scene.run(50);
    scene.crash(other);
    scene.boot(s1);
    scene.healAll();
    const third = leads([s1, s2]);
    scene.until('a leader with the entry', () => third() !== undefined, 20_000, 0.02);
    const spread = (): boolean => followers.some((node) => scene.replica(node).raft.termAt(index - ENTRIES + 1) === term);
    scene.until('old entries are on a majority', spread, 1000, 0.02);
    scene.run(7);
    scene.crash(third()!);
    scene.boot(other);
    scene.run(3000);
    scene.bootAll();
    scene.demandAllIsWell(workload);
  },
};
