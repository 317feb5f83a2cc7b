/**
 * A follower comes back to a snapshot of more than a megabyte over a slow link, many windows of slices. Heartbeats have a stream
 * of their own, so nobody elects another leader meanwhile, and clients are served.
 */
import { bigRun } from './big-run.ts';
import type { Scenario } from './scenario.ts';

export const largeSnapshot: Scenario = {
  name: 'large-snapshot',
  number: 'near',
  tells: 'a snapshot that takes seconds to travel holds up neither heartbeats nor clients',
  proof: { argument: 'On one stream with the heartbeats the snapshot would make followers elect another leader, which L10 notices; a snapshot that is never whole leaves the follower behind, which is demanded to end.' },
  scenery: { nodes: 3, storage: { snapshotEntries: 30, snapshotLogBytesMax: 0, tailEntriesMax: 0, segmentBytes: 100_000 } },
  play(scene) {
    const { network } = scene.cluster;
    const workload = scene.clients();
    const [a, laggard] = scene.three();
    scene.crash(laggard, 'power');
    for (let i = 0; i < 8; i += 1) {
      scene.submit(bigRun());
      scene.run(300);
    }
    scene.run(1000);
    scene.demand('L6', scene.newLeader() === a, 'the story needs the same leader');
    const before = scene.cluster.snapshotMessages;
    scene.cluster.checkers.stability.demand('L10', 'only a snapshot is on its way', scene.cluster.nodes);
    // A megabyte takes seven seconds from now on.
    network.options = { ...network.options, bytesPerMs: 150 };
    scene.boot(laggard);
    // The log keeps no tail here: a follower on such a link catches up when there is less to do.
    scene.run(8000);
    workload.stop();
    const there = (): boolean => scene.cluster.snapshotMessages > before + 8 && laggard.replica !== undefined && laggard.replica.raft.commitIndex >= scene.replica(a).raft.commitIndex - 5;
    scene.demandWithin('L6', 60_000, there, `${laggard.name} does not get the snapshot`);
    scene.cluster.checkers.stability.release();
    scene.demandAllIsWell(workload);
  },
};
