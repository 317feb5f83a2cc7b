/**
 * A bit flips in a snapshot on a minority; in nats-io/nats-server#7556 that node led later, and what it thought to be
 * garbage was live data. Here it does not speak for its old self any more, it comes back as a new, empty member, and
 * everything that a client was told is still there.
 */
import { listStorage } from '../../src/runtime/storage/names.ts';
import { imageReader } from '../disk.ts';
import { flipSnapshots } from './disks.ts';
import type { Scenario } from './scenario.ts';

export const flippedSnapshot: Scenario = {
  name: 'flipped-snapshot',
  number: '4',
  tells: 'a bit flips in the snapshot of one node, and the leader dies at that moment',
  proof: { argument: 'The check sum of a snapshot is all that stands between its node and a wrong state. A node that went on with it would speak as the old member, which is demanded never to happen.' },
  scenery: { nodes: 5, storage: { snapshotEntries: 20, snapshotLogBytesMax: 0, tailEntriesMax: 0, segmentBytes: 2000 } },
  play(scene) {
    const workload = scene.clients();
    const [a, b, ...rest] = scene.five();
    // Before that, the log still has all that the snapshot has, and the damage would be harmless.
    const needed = (): boolean => {
      const { segments, snapshots } = listStorage(imageReader(b.disk.syncedImage()));
      return snapshots.length > 0 && (segments[0]?.sequence ?? 0) > 1;
    };
    scene.until('a snapshot that is needed', needed, 20_000, 50);
    const member = scene.member(b);
    const count = flipSnapshots(scene, b);
    scene.demand('S5', count > 0, 'the story needs a snapshot');
    scene.demandSilence(member, 'its snapshot is damaged');
    scene.crash(a, 'power');
    scene.boot(b);
    scene.demand('S5', b.runtime?.host.damaged !== undefined, `${b.name} does not notice that its snapshot is damaged`);
    scene.newLeader(rest);
    const back = (): boolean => b.runtime?.host.isMember === true && scene.member(b) !== member;
    scene.demandWithin('L4', 40_000, back, `${b.name} is no member again`);
    scene.boot(a);
    scene.demandAllIsWell(workload);
  },
};
