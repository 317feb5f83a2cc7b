/** Goal: what this node's disk holds of a cell is dropped as a whole and does not come back; a disk that recovers may lead again. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { SimDisk, type DiskFault, type DiskOperation } from '../../sim/disk.ts';
import { CellHost } from '../../src/runtime/cell-host.ts';
import { recoverLog } from '../../src/runtime/storage/recover.ts';
import { FakeContext } from './fake-context.ts';

class Fixture {
  readonly fake: FakeContext;
  readonly disk: SimDisk;
  readonly host: CellHost;
  fault: (operation: DiskOperation) => DiskFault | undefined = () => undefined;

  constructor() {
    let disk: SimDisk | undefined;
    this.fake = new FakeContext({ disk: (clock) => (disk = new SimDisk({ clock, random: { float: () => 0.5, bytes: (length) => new Uint8Array(length) }, meanMs: 5, fault: (operation) => this.fault(operation) })) });
    this.disk = disk!;
    this.host = new CellHost(this.fake.context, { applied: () => undefined, replaced: () => undefined, role: () => undefined, adopted: () => undefined, knownNode: () => undefined, checkSuspended: () => undefined, requests: { ask: () => () => undefined }, worksFor: () => true });
    this.host.recover();
    this.host.start();
    this.fake.pass(1000);
    this.host.found();
    this.fake.pass(5000);
    assert.ok(this.host.leader !== undefined, 'a node alone leads its cell');
  }

  /** Passes time with the ticks that the node's runtime gives. */
  pass(ms: number): void {
    for (let at = 0; at < ms; at += 250) {
      this.fake.pass(250);
      this.fake.process.run(() => this.host.tick());
    }
  }
}

test('a log is removed only when its last write has ended, and nothing of it is found afterwards', () => {
  const fixture = new Fixture();
  const { fake, host, disk } = fixture;
  fixture.fault = ({ type }) => (type === 'write' ? { type: 'delay', delayMs: 500 } : undefined);
  const before = host.member;
  let failed = false;
  host.replica!.propose({ type: 'cancel', now: 1, run: 1, reason: '' }, (answer) => (failed = answer === undefined));
  fake.pass(0.1);
  assert.ok(disk.pending > 0, 'the write is under way');
  fixture.fault = () => undefined;
  let renewed = false;
  host.renewStorage(() => (renewed = true));
  assert.ok(failed, 'who waits is told at once');
  host.renewStorage(() => assert.fail('one at a time'));
  fake.pass(2000);
  assert.ok(renewed);
  assert.equal(disk.pending, 0);
  assert.ok(recoverLog(disk).empty);
  assert.deepEqual([host.cell, host.replica, host.leader], ['', undefined, undefined]);
  assert.notEqual(host.member, '');
  assert.equal(before.split('/')[0], host.member.split('/')[0]);
});

test('a disk that does not answer costs the office, told once, and no longer than it lasts', () => {
  const fixture = new Fixture();
  const { host, fake } = fixture;
  fixture.fault = ({ type }) => (type === 'sync' ? { type: 'delay', delayMs: 3000 } : undefined);
  host.replica!.propose({ type: 'cancel', now: 1, run: 1, reason: '' });
  fixture.pass(2000);
  assert.equal(host.leader, undefined);
  assert.equal(fake.notes.filter(({ event }) => event === 'disk-stalled').length, 1);
  fixture.fault = () => undefined;
  fixture.pass(1500);
  assert.ok(host.leader !== undefined, 'it does not wait for longer than the disk needs');
});
