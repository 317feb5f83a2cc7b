/**
 * A follower gets a snapshot and loses its power between the file and the log that has to begin anew; slices of an older one
 * arrive doubled and late (redisraft#43, #44, #60, #654). What it comes back with is one of the two, whole, and what it had
 * acknowledged.
 */
import type { Scenario } from './scenario.ts';

export const snapshotCrash: Scenario = {
  name: 'snapshot-crash',
  number: '19',
  tells: 'power lost between the snapshot and the log that begins after it, and slices that arrive late',
  proof: { mutants: ['snapshot-name-unsynced'], invariants: ['S8', 'S5'] },
  scenery: { nodes: 3, storage: { snapshotEntries: 20, snapshotLogBytesMax: 0, tailEntriesMax: 0, segmentBytes: 2000 }, diskMeanMs: 5, network: { nastyChannels: ['bulk'], duplicateRate: 0.5, reorderRate: 0.3, reorderMeanMs: 800 } },
  play(scene) {
    const workload = scene.busy();
    const leader = scene.newLeader();
    const laggard = scene.others(leader)[0]!;
    for (let round = 0; round < 4; round += 1) {
      scene.isolate(laggard);
      scene.run(1500);
      scene.healAll();
      const before = scene.cluster.snapshotMessages;
      scene.until('a snapshot is sent', () => scene.cluster.snapshotMessages > before, 20_000, 1);
      scene.pause(60);
      scene.crash(laggard, 'power');
      scene.run(100);
      scene.boot(laggard);
      scene.run(1500);
    }
    scene.demandAllIsWell(workload);
  },
};
