/** Goal: entries are applied in order and once; behind a large one they wait, and the loop goes on meanwhile. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { stateHash } from '../../src/core/cell/snapshot.ts';
import { createCell, withoutParts, type CellState } from '../../src/core/cell/state.ts';
import type { Command } from '../../src/core/cell/types.ts';
import { nodeId } from '../../src/core/lib/ids.ts';
import type { Slice } from '../../src/core/lib/slice.ts';
import type { Entry } from '../../src/core/raft/types.ts';
import { Applier } from '../../src/runtime/applier.ts';
import { PendingReads } from '../../src/runtime/pending-reads.ts';
import { restoreImage, SnapshotImage } from '../../src/runtime/snapshot-image.ts';
import { cellName, module, spec, start } from '../core/cell/cells.ts';
import { FakeContext } from './fake-context.ts';

const genesis: Command = { type: 'genesis', cellId: cellName, clusterName: 'test', createdAt: start, founder: nodeId('a') };
const submit = (requestKey: string, modules: number): Command => ({ type: 'submit', now: start, requestKey, spec: spec(Array.from({ length: modules }, (_, i) => module(`m${i}`))) });
const drain: Command = { type: 'nodeDrain', now: start, node: nodeId('a'), on: true };

class Fixture {
  readonly fake = new FakeContext();
  readonly log: string[] = [];
  readonly commands: (Command | undefined)[];
  readonly applier: Applier;
  onApplied: (index: number) => void = () => undefined;

  constructor(commands: (Command | undefined)[]) {
    this.commands = commands;
    this.applier = new Applier(this.fake.context, createCell(withoutParts), 0, {
      entry: (index): Entry => ({ index, term: 1, kind: this.commands[index - 1] === undefined ? 'noop' : 'command', data: new Uint8Array(0) }),
      command: (entry) => this.commands[entry.index - 1]!,
      applied: (entry, command, applied) => {
        assert.equal(this.applier.index, entry.index);
        assert.equal(this.applier.state.appliedIndex, entry.index);
        this.log.push(`${entry.index} ${command?.type ?? 'noop'} ${applied?.reply.type ?? '-'}`);
        this.onApplied(entry.index);
      },
      wentOn: () => void this.log.push('…'),
    });
  }
}

test('what is small is applied at once, in order', () => {
  const { applier, log } = new Fixture([genesis, undefined, submit('a', 2), drain]);
  applier.commit(3);
  assert.deepEqual(log, ['1 genesis ok', '2 noop -', '3 submit run']);
  applier.commit(4);
  applier.commit(4);
  assert.deepEqual(log.slice(3), ['4 nodeDrain ok']);
});

test('what stands behind a large Submit waits for it, over many turns', () => {
  const { applier, log, fake } = new Fixture([genesis, submit('large', 5000), drain, submit('b', 1)]);
  applier.commit(3);
  assert.deepEqual(log, ['1 genesis ok']);
  // More is committed meanwhile: nothing overtakes.
  applier.commit(4);
  assert.equal(applier.state.runs.size, 0);
  fake.pass();
  const turns = log.indexOf('2 submit run') - 1;
  assert.ok(turns >= 5, `${turns} turns`);
  assert.deepEqual(log.filter((line) => line !== '…'), ['1 genesis ok', '2 submit run', '3 nodeDrain ok', '4 submit run']);
  assert.equal(applier.state.runs.get(2)?.modules.length, 5000);
});

test('a state that comes as a whole takes the place of the half-applied entry', () => {
  const { applier, log, fake } = new Fixture([genesis, submit('large', 5000), drain, drain, drain]);
  applier.commit(3);
  const other = new Fixture([genesis, undefined, undefined, drain]);
  other.applier.commit(4);
  applier.replace(other.applier.state, 4);
  fake.pass();
  applier.commit(5);
  assert.deepEqual(log.filter((line) => line !== '…'), ['1 genesis ok', '5 nodeDrain ok']);
  assert.equal(applier.state.runs.size, 0);
});

test('a snapshot is encoded between two entries, over many turns, and begins anew when the state is replaced', () => {
  const { applier, log, fake } = new Fixture([genesis, submit('large', 2000), drain, drain, drain]);
  applier.commit(2);
  fake.pass();
  const turns: number[] = [];
  const hashes: string[] = [];
  const capture = function* (state: CellState, index: number, slice: Slice): Generator<undefined, void> {
    const before = stateHash(state);
    const work = new SnapshotImage().encode(state, slice);
    for (let turn = 0; ; turn += 1) {
      const next = work.next();
      assert.equal(state.appliedIndex, index);
      if (next.done === true) {
        turns.push(turn);
        hashes.push(before, stateHash(restoreImage(next.value)));
        log.push(`snapshot at ${index}`);
        return;
      }
      yield undefined;
    }
  };
  applier.between(capture);
  applier.commit(3);
  fake.pass();
  applier.between(capture);
  applier.commit(4);
  const other = new Fixture([genesis, undefined, undefined, undefined, drain]);
  other.applier.commit(4);
  applier.replace(other.applier.state, 4);
  applier.commit(5);
  fake.pass();
  assert.deepEqual(log.filter((line) => line !== '…'), ['1 genesis ok', '2 submit run', 'snapshot at 2', '3 nodeDrain ok', 'snapshot at 4', '5 nodeDrain ok']);
  assert.ok(turns[0]! >= 1, `${turns[0]} turns`);
  for (let i = 0; i < hashes.length; i += 2) assert.equal(hashes[i], hashes[i + 1]);
});

test('after the end nothing more is applied', () => {
  const { applier, log, fake } = new Fixture([genesis, submit('large', 5000), drain]);
  applier.commit(3);
  applier.stop();
  fake.pass();
  assert.deepEqual(log, ['1 genesis ok']);
});

test('a commit that an entry causes is taken up behind it', () => {
  const fixture = new Fixture([genesis, drain, drain, undefined]);
  fixture.onApplied = (index) => {
    if (index === 1) fixture.applier.commit(4);
  };
  fixture.applier.commit(1);
  assert.deepEqual(fixture.log, ['1 genesis ok', '2 nodeDrain ok', '3 nodeDrain ok', '4 noop -']);
});

test('a read is answered when it is confirmed and what it must see is applied', () => {
  const reads = new PendingReads();
  const log: string[] = [];
  const ask = (name: string): number => reads.add((index) => void log.push(`${name} ${index}`));
  const [early, late, lost, refused] = [ask('early'), ask('late'), ask('lost'), ask('refused')];
  reads.confirmed(early, 5, 5);
  reads.confirmed(late, 7, 5);
  reads.failed(refused);
  reads.applied(6);
  assert.deepEqual(log, ['early 5', 'refused undefined']);
  reads.applied(7);
  reads.confirmed(lost, 9, 7);
  reads.failAll();
  reads.applied(9);
  assert.deepEqual(log, ['early 5', 'refused undefined', 'late 7', 'lost undefined']);
});
