/** When a snapshot is due: often enough for a start to be quick, seldom enough that writing them never outweighs the log. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Entry } from '../../src/core/raft/types.ts';
import { SnapshotPace } from '../../src/runtime/snapshot-pace.ts';

const MIB = 1024 * 1024;

function apply(pace: SnapshotPace, count: number, bytes: number): void {
  const entry: Entry = { index: 1, term: 1, kind: 'command', data: new Uint8Array(bytes) };
  for (let i = 0; i < count; i += 1) pace.applied(entry);
}

test('of a small state: after so many entries, or so many bytes of log', () => {
  const pace = new SnapshotPace({ snapshotEntries: 100 });
  apply(pace, 99, 10);
  assert.deepEqual([pace.isDue(99), pace.isDue(100)], [false, true]);
  pace.begun();
  apply(pace, 31, MIB);
  assert.equal(pace.isDue(31), false);
  apply(pace, 1, MIB);
  assert.equal(pace.isDue(32), true);
});

test('of a large state: when the log is as long as the last snapshot', () => {
  const pace = new SnapshotPace({ snapshotEntries: 100 });
  pace.taken([new Uint8Array(3 * MIB), new Uint8Array(MIB)]);
  apply(pace, 1000, 1024);
  assert.equal(pace.isDue(1000), false);
  apply(pace, 3100, 1024);
  assert.equal(pace.isDue(4100), true);
  // What comes while the state is written stands behind it.
  pace.begun();
  apply(pace, 1100, 1024);
  pace.taken([new Uint8Array(MIB)]);
  assert.equal(pace.isDue(1100), true);
});

test('a log that fills the memory is cut however large the state is', () => {
  const pace = new SnapshotPace({ snapshotEntries: 100 });
  pace.taken([new Uint8Array(400 * MIB)]);
  apply(pace, 127, MIB);
  assert.equal(pace.isDue(20_000), false);
  apply(pace, 1, MIB);
  assert.equal(pace.isDue(128), true);
});

test('all snapshots of a state that grows with the log write less than twice as much as the log', () => {
  const pace = new SnapshotPace({ snapshotEntries: 20 });
  const [entryBytes, stateBytesPerEntry] = [100, 80];
  let [written, logged, state, since] = [0, 0, 0, 0];
  for (let i = 0; i < 20_000; i += 1) {
    apply(pace, 1, entryBytes);
    logged += entryBytes;
    state += stateBytesPerEntry;
    since += 1;
    if (!pace.isDue(since)) continue;
    pace.begun();
    pace.taken([new Uint8Array(state)]);
    written += state;
    since = 0;
  }
  assert.ok(written > logged / 2 && written < 2 * logged, `${written} bytes of snapshots for ${logged} of log`);
});
