import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { imageReader, SimDisk, type DiskFault, type DiskOperation } from '../../sim/disk.ts';
import { Kernel, Process } from '../../sim/kernel.ts';
import { Prng } from '../../sim/prng.ts';
import type { DiskDone } from '../../src/ports/disk.ts';
import { bytes, diskConformance, text } from '../conformance/disk.ts';

interface World {
  readonly disk: SimDisk;
  /** Runs the calls one after the other in virtual time. */
  readonly run: (...calls: Array<(disk: SimDisk, done: DiskDone) => void>) => (Error | undefined)[];
  readonly next: () => World;
}

function world(seed = 'seed', fault?: (operation: DiskOperation) => DiskFault | undefined, before?: SimDisk): World {
  const kernel = new Kernel();
  const clock = new Process(kernel, 'n');
  const init = { clock, random: new Prng(seed), ...(fault === undefined ? {} : { fault }) };
  const disk = before?.reopen(init) ?? new SimDisk(init);
  const run: World['run'] = (...calls) =>
    calls.map((call) => {
      let outcome: Error | undefined | 'pending' = 'pending';
      call(disk, (error) => (outcome = error));
      kernel.run(kernel.now + 1000);
      if (outcome === 'pending') throw new Error('the operation does not end');
      return outcome;
    });
  return { disk, run, next: () => world(`${seed}'`, undefined, disk) };
}

diskConformance('simulated', () => {
  const { disk, run, next } = world();
  return {
    disk,
    settle: (call) => Promise.resolve(run((_, done) => call(done))[0]),
    reopen: () => {
      disk.crash();
      return next().disk;
    },
    dispose: () => undefined,
  };
});

test('a power cut takes what was not synced: bytes, new names, renames, removals', () => {
  const { disk, run, next } = world();
  run(
    (d, done) => d.writeAt('kept', 0, bytes('synced'), done),
    (d, done) => d.sync('kept', done),
    (d, done) => d.writeAt('removed', 0, bytes('r'), done),
    (d, done) => d.sync('removed', done),
    (d, done) => d.syncFolder(done),
    (d, done) => d.writeAt('kept', 6, bytes(' and not'), done),
    (d, done) => d.remove('removed', done),
    (d, done) => d.writeAt('new', 0, bytes('n'), done),
    (d, done) => d.sync('new', done),
  );
  assert.deepEqual(disk.list(), ['kept', 'new']);
  disk.crash({ tornChance: 0 });
  const after = next().disk;
  assert.deepEqual(after.list(), ['kept', 'removed']);
  assert.equal(text(after.read('kept')), 'synced');
});

test('the synced image is what a power cut leaves at least, and is made once per change', () => {
  const { disk, run, next } = world();
  run((d, done) => d.writeAt('a', 0, bytes('one'), done), (d, done) => d.sync('a', done), (d, done) => d.syncFolder(done));
  const image = disk.syncedImage();
  run((d, done) => d.writeAt('a', 3, bytes(' two'), done));
  assert.equal(disk.syncedImage(), image);
  assert.equal(text(imageReader(image).read('a')), 'one');
  run((d, done) => d.sync('a', done));
  assert.equal(text(imageReader(disk.syncedImage()).read('a')), 'one two');
  disk.crash({ tornChance: 0 });
  assert.equal(text(next().disk.read('a')), 'one two');
});

test('a killed process leaves its writes in the page cache, where the next power cut finds them unsynced', () => {
  const { disk, run, next } = world();
  run((d, done) => d.writeAt('a', 0, bytes('x'), done), (d, done) => d.sync('a', done), (d, done) => d.syncFolder(done));
  run((d, done) => d.writeAt('a', 1, bytes('y'), done));
  disk.crash({ kind: 'process' });
  const second = next();
  assert.equal(text(second.disk.read('a')), 'xy');
  second.disk.crash({ tornChance: 0 });
  assert.equal(text(second.next().disk.read('a')), 'x');
});

test('after a crash no callback fires, and nothing more is written', () => {
  const { disk, next } = world();
  disk.writeAt('a', 0, bytes('x'), () => assert.fail('called back after the crash'));
  assert.equal(disk.pending, 1);
  disk.crash({ tornChance: 0 });
  disk.writeAt('b', 0, bytes('x'), () => assert.fail('called back after the crash'));
  assert.deepEqual(next().disk.list(), []);
});

test('a torn write changes no byte outside itself, and every manner of tearing comes up', () => {
  const seen = { whole: 0, none: 0, shorter: 0, holes: 0, garbage: 0 };
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const { disk, run, next } = world(`tear ${seed}`);
      run((d, done) => d.writeAt('a', 0, new Uint8Array(1000).fill(1), done), (d, done) => d.sync('a', done), (d, done) => d.syncFolder(done));
      run((d, done) => d.writeAt('a', 1000, new Uint8Array(3000).fill(2), done));
      disk.crash({ tornChance: 1 });
      const after = next().disk.read('a');
      assert.ok(after.subarray(0, 1000).every((byte) => byte === 1));
      const rest = after.subarray(1000);
      if (rest.length === 0) seen.none += 1;
      else if (rest.some((byte) => byte !== 2 && byte !== 0)) seen.garbage += 1;
      else if (rest.includes(0)) seen.holes += 1;
      else seen[rest.length === 3000 ? 'whole' : 'shorter'] += 1;
    }),
    { numRuns: 400, seed: 1 },
  );
  for (const [manner, count] of Object.entries(seen)) assert.ok(count > 5, `${manner}: ${count}`);
});

test('equal seeds give equal crashes', () => {
  const once = (): string[] => {
    const { disk, run, next } = world('same');
    run((d, done) => d.writeAt('a', 0, new Uint8Array(5000).fill(3), done), (d, done) => d.syncFolder(done));
    disk.crash();
    const after = next().disk;
    return after.list().map((name) => Buffer.from(after.read(name)).toString('hex'));
  };
  assert.deepEqual(once(), once());
});

test('faults: an error, a delay, a stall, a flipped bit', () => {
  let fault: DiskFault | undefined;
  const { disk, run } = world('faults', () => fault);
  run((d, done) => d.writeAt('a', 0, bytes('x'), done));
  fault = { type: 'error', error: new Error('EIO') };
  assert.equal(run((d, done) => d.sync('a', done))[0]?.message, 'EIO');
  fault = undefined;
  assert.deepEqual(run((d, done) => d.sync('a', done), (d, done) => d.syncFolder(done)), [undefined, undefined]);
  assert.equal(disk.syncedImage().get('a')?.length, 0, 'the failed sync has dropped the write, as Linux does');
  fault = { type: 'delay', delayMs: 500 };
  assert.deepEqual(run((d, done) => d.writeAt('a', 0, bytes('a'), done)), [undefined]);
  fault = { type: 'stall' };
  assert.throws(() => run((d, done) => d.sync('a', done)), /does not end/);
  disk.flipBit('a', 0, 1);
  assert.equal(text(disk.read('a')), 'c');
});

test('a failed write may leave a part; a failed sync forgets what it should have written, though it can still be read', () => {
  let failing: string | undefined;
  const { disk, run, next } = world('failures', ({ type }) => (type === failing ? { type: 'error', error: new Error('EIO') } : undefined));
  run((d, done) => d.writeAt('f', 0, bytes('first'), done), (d, done) => d.sync('f', done), (d, done) => d.syncFolder(done));
  const left = new Set<number>();
  for (let i = 0; i < 40; i += 1) {
    failing = 'write';
    assert.equal(run((d, done) => d.writeAt('f', 5, bytes(' and more'), done))[0]?.message, 'EIO');
    left.add(disk.read('f').length);
    failing = undefined;
    run((d, done) => d.truncate('f', 5, done));
  }
  assert.ok(left.size > 3, 'parts of several lengths');
  run((d, done) => d.writeAt('f', 5, bytes(', second'), done));
  failing = 'sync';
  run((d, done) => d.sync('f', done));
  failing = undefined;
  assert.deepEqual(run((d, done) => d.sync('f', done)), [undefined]);
  assert.equal(text(disk.read('f')), 'first, second');
  disk.crash({ tornChance: 0 });
  assert.equal(text(next().disk.read('f')), 'first');
});

test('a restored image is all there is, in the cache and on the disk', () => {
  const { disk, run, next } = world();
  run((d, done) => d.writeAt('old', 0, bytes('old'), done), (d, done) => d.sync('old', done), (d, done) => d.syncFolder(done));
  const version = disk.syncedVersion;
  disk.platter.restore(new Map([['new', bytes('new')]]));
  assert.ok(disk.syncedVersion > version);
  assert.deepEqual(disk.list(), ['new']);
  disk.crash({ tornChance: 0 });
  assert.equal(text(next().disk.read('new')), 'new');
  assert.deepEqual(next().disk.list(), ['new']);
});
