/**
 * The applied index and the state are saved one after the other, and the power fails between them: entries are applied twice
 * or never (etcd-io/etcd#13766, #13854). Here the state is a snapshot with its index inside and the log after it; nodes die
 * in the middle of writes, again and again, and every replica has the same state as one that never died.
 */
import type { Scenario } from './scenario.ts';

export const appliedOnce: Scenario = {
  name: 'applied-once',
  number: '20',
  tells: 'restarts at writes: no entry is applied twice or skipped',
  proof: { mutants: ['dedupe-not-restored'], invariants: ['S15', 'S21', 'S23'] },
  scenery: { nodes: 3, storage: { snapshotEntries: 20, snapshotLogBytesMax: 0, tailEntriesMax: 0, segmentBytes: 4000 }, diskMeanMs: 2 },
  play(scene) {
    const workload = scene.clients();
    const steady = scene.newLeader();
    const dying = scene.others(steady);
    for (let round = 0; round < 10; round += 1) {
      const node = dying[round % 2]!;
      let writes = 0;
      const writing = (): boolean => writes > round % 4;
      node.onDiskWrite = () => {
        writes += 1;
      };
      scene.until('a write', writing, 10_000, 0.1);
      node.onDiskWrite = undefined;
      scene.crash(node, round % 3 === 0 ? 'process' : 'power');
      scene.run(300);
      scene.boot(node);
      scene.run(1200);
    }
    scene.demandAllIsWell(workload);
  },
};
