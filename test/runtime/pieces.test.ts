/** Goal: the small parts of a node keep their promises at the edges: what is late, doubled, out of order or too much. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { memberId, nodeId, type RunId } from '../../src/core/lib/ids.ts';
import type { CellEvent, Command } from '../../src/core/cell/types.ts';
import type { RaftMessage } from '../../src/core/raft/types.ts';
import { decodeRaft } from '../../src/protocol/raft-codec.ts';
import { encodeSpec } from '../../src/protocol/spec-codec.ts';
import { Assembler } from '../../src/runtime/assembler.ts';
import { LoopLag } from '../../src/runtime/loop-lag.ts';
import { LogClock } from '../../src/runtime/log-clock.ts';
import { Proposals, PROPOSALS_MAX } from '../../src/runtime/proposals.ts';
import { RaftMail } from '../../src/runtime/raft-mail.ts';
import { SpecCache } from '../../src/runtime/spec-cache.ts';
import { SuspendWatch } from '../../src/runtime/suspend-watch.ts';
import { cellName, module, spec } from '../core/cell/cells.ts';
import { FakeContext } from './fake-context.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test('Assembler: parts in order make a whole; a gap, a new start or too much does not', () => {
  const assembler = new Assembler(4);
  assert.deepEqual(assembler.add('a', 0, 1, bytes(1)), bytes(1));
  assert.equal(assembler.add('a', 0, 1, bytes(1, 2, 3, 4, 5)), undefined);
  assert.equal(assembler.add('a', 0, 2, bytes(1)), undefined);
  assert.equal(assembler.add('b', 0, 2, bytes(8)), undefined);
  assert.deepEqual(assembler.add('a', 1, 2, bytes(2)), bytes(1, 2));
  assert.deepEqual(assembler.add('b', 1, 2, bytes(9)), bytes(8, 9));
  assert.equal(assembler.add('a', 1, 2, bytes(2)), undefined, 'without a first part');
  assembler.add('a', 0, 3, bytes(1));
  assert.equal(assembler.add('a', 2, 3, bytes(3)), undefined, 'one is missing');
  assert.equal(assembler.add('a', 1, 3, bytes(2)), undefined, 'and what was there is dropped');
  assembler.add('a', 0, 2, bytes(7));
  assembler.add('a', 0, 2, bytes(1));
  assert.deepEqual(assembler.add('a', 1, 2, bytes(2)), bytes(1, 2), 'sent again from the start');
  assembler.add('a', 0, 2, bytes(1, 2, 3));
  assert.equal(assembler.add('a', 1, 2, bytes(4, 5)), undefined, 'too much');
});

test('Assembler: at most 256 under way, the oldest goes', () => {
  const assembler = new Assembler(100);
  for (let key = 0; key <= 256; key += 1) assembler.add(String(key), 0, 2, bytes(1));
  assert.equal(assembler.add('0', 1, 2, bytes(2)), undefined);
  assert.deepEqual(assembler.add('1', 1, 2, bytes(2)), bytes(1, 2));
});

test('SpecCache: slices in order; others are dropped; what is known is not read again', () => {
  const cache = new SpecCache(new FakeContext().context, () => assert.fail('it is small: it is there at once'));
  const encoded = encodeSpec(spec([module('one')]));
  const runId = 'run' as RunId;
  const half = Math.floor(encoded.length / 2);
  cache.add(5, runId, half, encoded.length, encoded.subarray(half));
  assert.equal(cache.get(5), undefined, 'the second half alone');
  cache.add(5, runId, 0, encoded.length, encoded.subarray(0, half));
  cache.add(5, runId, half + 1, encoded.length, encoded.subarray(half + 1));
  assert.equal(cache.get(5), undefined, 'a gap');
  cache.add(5, runId, half, encoded.length, encoded.subarray(half));
  assert.equal(cache.get(5)?.spec.modules[0]?.name, 'one');
  cache.clear();
  assert.equal(cache.get(5), undefined);
});

test('SpecCache: a large one is decoded over many turns, when it is asked for', () => {
  const fake = new FakeContext();
  const decoded: number[] = [];
  const cache = new SpecCache(fake.context, (run) => void decoded.push(run));
  const encoded = encodeSpec(spec(Array.from({ length: 5000 }, (_, i) => module(`m${i}`))));
  assert.equal(cache.add(5, 'run' as RunId, 0, encoded.length, encoded), true);
  fake.pass();
  assert.equal(cache.expects(5), false, 'nobody needs it');
  assert.equal(cache.get(5), undefined);
  assert.equal(cache.expects(5), true);
  assert.equal(cache.get(5), undefined, 'once is enough');
  fake.pass();
  assert.deepEqual(decoded, [5]);
  assert.equal(cache.get(5)?.spec.modules.length, 5000);
});

test('SpecCache: what cannot be read is dropped, and may come again', () => {
  const fake = new FakeContext();
  const cache = new SpecCache(fake.context, () => undefined);
  const encoded = encodeSpec(spec(Array.from({ length: 5000 }, (_, i) => module(`m${i}`))));
  const bad = encoded.map((byte, i) => (i === encoded.length - 2 ? 0xff : byte));
  for (const bytes of [Uint8Array.of(1), bad]) {
    cache.add(5, 'run' as RunId, 0, bytes.length, bytes);
    cache.get(5);
    fake.pass();
    assert.equal(cache.get(5), undefined);
    assert.equal(cache.expects(5), false);
    assert.equal(fake.notes.pop()?.event, 'frame-dropped');
  }
  cache.add(5, 'run' as RunId, 0, encoded.length, encoded);
  cache.get(5);
  fake.pass();
  assert.ok(cache.get(5));
});

test('SpecCache: unfinished ones are bounded, and so are claims of size', () => {
  const cache = new SpecCache(new FakeContext().context, () => undefined);
  const encoded = encodeSpec(spec([module('one')]));
  const runId = 'run' as RunId;
  for (let run = 1; run <= 9; run += 1) cache.add(run, runId, 0, encoded.length, encoded.subarray(0, 1));
  for (const run of [1, 9]) cache.add(run, runId, 1, encoded.length, encoded.subarray(1));
  assert.equal(cache.get(1), undefined, 'the oldest was dropped');
  assert.ok(cache.get(9));
  cache.add(20, runId, 0, 2 ** 40, bytes(1));
  assert.equal(cache.get(20), undefined);
});

test('LogClock: later of wall clock and last stamp, then on by the monotonic clock, never back', () => {
  let now = 50;
  let wall = 1000;
  const clock = new LogClock({ now: () => now, wall: () => wall, setTimer: () => ({ cancel: () => undefined }), defer: () => undefined, settle: () => undefined });
  clock.elected(900);
  assert.equal(clock.stamp(900), 1000);
  now += 10.7;
  wall = 5;
  assert.equal(clock.stamp(1000), 1010, 'the wall clock went back');
  clock.elected(9_000_000);
  now += 1;
  assert.equal(clock.stamp(9_000_000), 9_000_001, 'one clock in the far future does not freeze it');
});

test('LogClock: never behind what was applied after the election, and it goes on from there', () => {
  let now = 50;
  const clock = new LogClock({ now: () => now, wall: () => 1000, setTimer: () => ({ cancel: () => undefined }), defer: () => undefined, settle: () => undefined });
  clock.elected(900);
  assert.equal(clock.stamp(3_600_000), 3_600_000);
  now += 250;
  assert.equal(clock.stamp(3_600_000), 3_600_250, 'a retry in 250 ms comes in 250 ms, not in an hour');
});

test('SuspendWatch: a late turn and a jump of the wall clock, each told once; ordinary time is not', () => {
  const fake = new FakeContext();
  let suspended = 0;
  new SuspendWatch(fake.context, { suspended: () => void (suspended += 1), lagging: () => undefined }).start();
  fake.pass(10_000);
  assert.equal(suspended, 0);
  fake.process.pause();
  fake.pass(2000);
  fake.process.resume();
  fake.pass(1000);
  assert.equal(suspended, 1);
  assert.match(fake.notes[0]!.message, /nothing ran for/);
});

test('SuspendWatch: whoever asks first learns of a sleep, and the timer does not repeat it', () => {
  const fake = new FakeContext();
  let suspended = 0;
  const watch = new SuspendWatch(fake.context, { suspended: () => void (suspended += 1), lagging: () => undefined });
  watch.start();
  fake.pass(1000);
  const { clock } = fake.context.ports;
  const wall = clock.wall.bind(clock);
  clock.wall = () => wall() + 60_000;
  watch.check();
  assert.equal(suspended, 1);
  fake.pass(1000);
  assert.equal(suspended, 1);
});

test('LoopLag: late turns for five seconds, told once; a single one, or a second without, is not', () => {
  const lag = new LoopLag(333);
  const told: number[] = [];
  const turn = (now: number, lateMs: number): void => {
    if (lag.turn(now, lateMs)) told.push(now);
  };
  turn(0, 5000);
  for (let now = 2000; now <= 6900; now += 500) turn(now, 400);
  for (let now = 8000; now <= 12_000; now += 500) turn(now, 400);
  assert.deepEqual(told, []);
  for (let now = 12_100; now <= 17_900; now += 300) turn(now, now % 900 === 0 ? 50 : 400);
  assert.deepEqual(told, [13_000]);
});

test('RaftMail: the messages of a turn leave when it is over, without those that a later one covers', () => {
  const fake = new FakeContext();
  const [self, peer] = [memberId(nodeId('self'), 's'), memberId(nodeId('peer'), 'p')];
  fake.connected.add(nodeId('peer'));
  const mail = new RaftMail(fake.context, cellName, self);
  const reply = (index: number): RaftMessage => ({ type: 'appendReply', term: 1, ok: true, index, hintTerm: 0, sentAt: index, round: index });
  fake.process.defer(() => {
    mail.send(peer, reply(1));
    mail.send(peer, reply(2));
    mail.send(peer, { type: 'timeoutNow', term: 1, lastIndex: 1, lastTerm: 1 });
    assert.equal(fake.sent.length, 0);
  });
  fake.pass();
  const envelopes = fake.sent.map((sent) => decodeRaft(sent.bytes));
  assert.deepEqual(envelopes.map(({ message }) => message), [reply(2), { type: 'timeoutNow', term: 1, lastIndex: 1, lastTerm: 1 }]);
  assert.deepEqual([envelopes[0]?.cell, envelopes[0]?.from, envelopes[0]?.to], [cellName, self, peer]);
});

test('RaftMail: news of a new run and its claims wait a moment for entries to travel with; the end of a run does not wait', () => {
  const fake = new FakeContext();
  const [self, peer] = [memberId(nodeId('self'), 's'), memberId(nodeId('peer'), 'p')];
  fake.connected.add(nodeId('peer'));
  const mail = new RaftMail(fake.context, cellName, self);
  const news = (commit: number, entries: Extract<RaftMessage, { type: 'append' }>['entries'] = []): RaftMessage => ({ type: 'append', term: 1, prevIndex: 5, prevTerm: 1, entries, commit, sentAt: 0, round: commit });
  const [runId, shared] = ['r' as RunId, { run: 5, at: 0 }];
  const submitted: CellEvent = { type: 'runSubmitted', runId, ...shared };
  const claimed: CellEvent = { type: 'module', runId, ...shared, module: 0, phase: 'claimed', fence: 1, session: 1, attempt: 1, note: '' };
  const final: CellEvent = { type: 'runFinal', runId, ...shared, phase: 'succeeded' };
  const turn = (message: RaftMessage, ...entries: CellEvent[][]): number => {
    fake.process.defer(() => {
      for (const events of entries) mail.committed(events);
      mail.send(peer, message);
    });
    fake.pass();
    return fake.sent.splice(0).length;
  };
  assert.equal(turn(news(6), [submitted], [claimed]), 0);
  assert.equal(turn(news(7, [{ index: 6, term: 1, kind: 'noop', data: bytes() }])), 1, 'it goes along with entries');
  assert.equal(turn(news(8), [submitted]), 0);
  fake.pass(1);
  assert.equal(fake.sent.splice(0).length, 1, 'or alone after a millisecond');
  assert.equal(turn(news(9), [claimed], [final]), 1);
  assert.equal(turn(news(10), []), 1, 'a change of members, say');
});

test('Proposals: each is told once, whether applied, refused, cut off or failed with the office', () => {
  const proposals = new Proposals();
  const told: string[] = [];
  const command: Command = { type: 'cancel', now: 0, run: 1, reason: '' };
  const add = (name: string): boolean => proposals.add(command, bytes(1), (answer) => told.push(`${name} ${answer === undefined ? 'lost' : answer.index}`));
  assert.deepEqual([add('a'), add('b')], [true, false]);
  assert.equal(proposals.take().length, 2);
  proposals.appended(10, 3);
  proposals.refused();
  assert.deepEqual(told, []);
  const applied = proposals.applied(10)!;
  assert.equal(applied.term, 3);
  applied.done?.({ reply: { type: 'ok' }, index: 10 });
  assert.equal(proposals.applied(10), undefined);
  proposals.failAfter(11);
  assert.deepEqual(told, ['a 10']);
  proposals.failAfter(10);
  assert.deepEqual(told, ['a 10', 'b lost']);
  add('c');
  proposals.take();
  proposals.refused();
  add('d');
  proposals.failAll();
  proposals.failAll();
  assert.deepEqual(told, ['a 10', 'b lost', 'c lost', 'd lost']);
  for (let count = 0; count < PROPOSALS_MAX; count += 1) proposals.add(command, bytes(1), undefined);
  assert.ok(proposals.full);
});

