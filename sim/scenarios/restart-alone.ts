/**
 * Old configuration entries are read again at a restart and leave the size of the cluster at 1: a second leader
 * (nats-io/nats-server#7850). All nodes lose power and come back cut off from each other, with logs and snapshots that hold
 * every configuration since the first one of a single voter.
 */
import type { Scenario } from './scenario.ts';

export const restartAlone: Scenario = {
  name: 'restart-alone',
  number: '8',
  tells: 'all restart, each alone: nobody makes itself the only voter by what its log begins with',
  proof: { argument: 'A recovery that took an early configuration for the latest one would elect itself at once: no leader and no commit is demanded while each is alone.' },
  scenery: { nodes: 5, storage: { snapshotEntries: 40, snapshotLogBytesMax: 0, tailEntriesMax: 10, segmentBytes: 2000 } },
  play(scene) {
    const workload = scene.clients();
    const { cell } = scene.replica(scene.newLeader());
    scene.run(1000);
    scene.blackout();
    for (const node of scene.cluster.nodes) scene.isolate(node);
    const committed = scene.cluster.checkers.logs.history(cell).commitIndex;
    scene.bootAll();
    const alone = (): boolean => scene.cluster.nodes.some(({ replica }) => replica?.raft.role === 'leader') || scene.cluster.checkers.logs.history(cell).commitIndex > committed;
    scene.demandNever('S1', 8000, alone, 'a node that is alone leads a cell of five voters');
    scene.healAll();
    scene.newLeader();
    scene.demandAllIsWell(workload);
  },
};
