/** What every Disk must do. Run on the real one and on the simulated one. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Disk, DiskDone } from '../../src/ports/disk.ts';

export interface DiskHarness {
  readonly disk: Disk;
  /** Lets time pass until the call has called back. */
  readonly settle: (call: (done: DiskDone) => void) => Promise<Error | undefined>;
  /** Another instance over the same files, after the first one is gone. */
  readonly reopen: () => Disk;
  readonly dispose: () => void;
}

export function diskConformance(kind: string, create: () => DiskHarness): void {
  const run = (name: string, body: (harness: DiskHarness, ok: (call: (done: DiskDone) => void) => Promise<void>) => Promise<void>): void => {
    test(`${kind} disk: ${name}`, async () => {
      const harness = create();
      try {
        await body(harness, async (call) => assert.equal(await harness.settle(call), undefined));
      } finally {
        harness.dispose();
      }
    });
  };

  run('a new one is empty', async ({ disk }) => {
    assert.deepEqual(disk.list(), []);
    assert.throws(() => disk.read('missing'));
  });

  run('writes create files, extend them and overwrite', async ({ disk }, ok) => {
    await ok((done) => disk.writeAt('b', 0, bytes('hello'), done));
    await ok((done) => disk.writeAt('a', 0, bytes('x'), done));
    await ok((done) => disk.writeAt('b', 5, bytes(' world'), done));
    await ok((done) => disk.writeAt('b', 0, bytes('J'), done));
    assert.deepEqual(disk.list(), ['a', 'b']);
    assert.equal(text(disk.read('b')), 'Jello world');
  });

  run('a write past the end leaves zeros', async ({ disk }, ok) => {
    await ok((done) => disk.writeAt('a', 2, bytes('x'), done));
    assert.deepEqual([...disk.read('a')], [0, 0, 120]);
  });

  run('truncate cuts, and what is written after it stands alone', async ({ disk }, ok) => {
    await ok((done) => disk.writeAt('a', 0, bytes('abcdef'), done));
    await ok((done) => disk.truncate('a', 2, done));
    assert.equal(text(disk.read('a')), 'ab');
    await ok((done) => disk.writeAt('a', 3, bytes('z'), done));
    assert.deepEqual([...disk.read('a')], [97, 98, 0, 122]);
  });

  run('rename replaces the target at once', async ({ disk }, ok) => {
    await ok((done) => disk.writeAt('new', 0, bytes('new'), done));
    await ok((done) => disk.writeAt('old', 0, bytes('old, longer'), done));
    await ok((done) => disk.sync('new', done));
    await ok((done) => disk.rename('new', 'old', done));
    await ok((done) => disk.syncFolder(done));
    assert.deepEqual(disk.list(), ['old']);
    await ok((done) => disk.writeAt('old', 3, bytes('er'), done));
    assert.equal(text(disk.read('old')), 'newer');
  });

  run('a removed file is gone, and its name is free', async ({ disk }, ok) => {
    await ok((done) => disk.writeAt('a', 0, bytes('long content'), done));
    await ok((done) => disk.remove('a', done));
    assert.deepEqual(disk.list(), []);
    await ok((done) => disk.writeAt('a', 0, bytes('b'), done));
    assert.equal(text(disk.read('a')), 'b');
  });

  run('operations on missing files fail', async ({ disk, settle }) => {
    for (const call of [disk.sync.bind(disk, 'a'), disk.truncate.bind(disk, 'a', 0), disk.remove.bind(disk, 'a'), disk.rename.bind(disk, 'a', 'b')]) {
      assert.ok((await settle(call)) instanceof Error);
    }
    assert.deepEqual(disk.list(), []);
  });

  run('callbacks never come from inside the call', async ({ disk, settle }) => {
    let inside = true;
    await settle((done) => {
      disk.writeAt('a', 0, bytes('x'), (error) => {
        assert.equal(inside, false);
        done(error);
      });
      inside = false;
    });
  });

  run('many files are written at a time', async ({ disk }, ok) => {
    const names = Array.from({ length: 40 }, (_, i) => `file-${String(i).padStart(2, '0')}`);
    await Promise.all(names.map((name) => ok((done) => disk.writeAt(name, 0, bytes(name), done))));
    await Promise.all(names.map((name) => ok((done) => disk.sync(name, done))));
    assert.deepEqual(disk.list(), names);
    for (const name of names) assert.equal(text(disk.read(name)), name);
  });

  run('what was synced is there for the next instance', async (harness, ok) => {
    const { disk } = harness;
    const large = new Uint8Array(3_000_000).map((_, i) => i * 7);
    await ok((done) => disk.writeAt('a', 0, large, done));
    await ok((done) => disk.sync('a', done));
    await ok((done) => disk.syncFolder(done));
    const next = harness.reopen();
    assert.deepEqual(next.list(), ['a']);
    assert.ok(Buffer.from(next.read('a')).equals(large));
  });
}

export function bytes(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

export function text(content: Uint8Array): string {
  return new TextDecoder().decode(content);
}
