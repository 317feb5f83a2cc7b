/** Goal: a request finds whoever leads, is asked again until it is answered or its time is up, and takes answers from nobody else. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeId, type CellId, type NodeId, type RunId } from '../../src/core/lib/ids.ts';
import type { Command, Json, Reply } from '../../src/core/cell/types.ts';
import { SkeinError } from '../../src/errors.ts';
import type { LeaderHint, WorkMessage } from '../../src/protocol/messages.ts';
import { encodeSpec } from '../../src/protocol/spec-codec.ts';
import { Gateway } from '../../src/runtime/gateway.ts';
import type { Leader } from '../../src/runtime/leader.ts';
import { answerQuery } from '../../src/runtime/queries.ts';
import { ReadFloor } from '../../src/runtime/read-floor.ts';
import { cellName, module, spec, TestCell } from '../core/cell/cells.ts';
import { FakeContext } from './fake-context.ts';

const [one, two] = [nodeId('one'), nodeId('two')];
const noHint: LeaderHint = { cell: '', node: '', addresses: [] };
const answerOk: Reply = { type: 'run', run: 5, runId: 'run-5' as RunId, duplicate: false };

class Fixture {
  readonly fake = new FakeContext();
  node: NodeId | '' = one;
  stalled = false;
  leader: Leader | undefined;
  answer: Json | SkeinError | undefined;
  /** Of the state that answers come from. */
  index = 1;
  readonly floor = new ReadFloor();
  readonly done: unknown[] = [];
  readonly gateway: Gateway;

  constructor() {
    this.fake.connected.add(one).add(two);
    this.gateway = new Gateway(this.fake.context, {
      leader: () => this.leader,
      target: () => ({ cell: cellName, node: this.node }),
      hint: () => noHint,
      hinted: (hint) => (this.node = hint.node === '' ? this.node : hint.node),
      stalled: () => this.stalled,
      answer: (_query, _argument, _strong, done) => done(this.answer === undefined ? undefined : { index: this.index, value: this.answer }),
      floor: this.floor,
    });
  }

  submit(): void {
    this.gateway.submit(spec([module('one')]), 'key', 30_000, (error, reply) => this.done.push(error?.code ?? reply));
  }

  read(): void {
    this.gateway.read('runs', {}, false, 10_000, (error, answer) => this.done.push(error?.code ?? answer));
  }

  take<T extends WorkMessage['type']>(type: T): { readonly to: NodeId; readonly message: Extract<WorkMessage, { type: T }> }[] {
    this.fake.pass();
    return this.fake.takeWork().flatMap(({ to, message }) => (message.type === type ? [{ to, message: message as Extract<WorkMessage, { type: T }> }] : []));
  }

  reply(from: NodeId, id: number, reply: Reply | null, hint: LeaderHint = noHint): void {
    this.gateway.answered(from, { type: 'forwardReply', id, reply, hint });
  }

  readReply(from: NodeId, id: number, text: string, part = 0, parts = 1): void {
    this.gateway.answered(from, { type: 'readReply', id, index: this.index, code: '', message: '', part, parts, bytes: new TextEncoder().encode(text), hint: noHint });
  }
}

test('a write goes to the leader, on to the next one, and is answered once by one that was asked', () => {
  const fixture = new Fixture();
  fixture.submit();
  const [first] = fixture.take('forward');
  assert.equal(first?.to, one);
  const { id } = first.message;
  fixture.reply(two, id, answerOk);
  assert.deepEqual(fixture.done, [], 'nobody has asked that one');
  fixture.reply(one, id, null, { cell: cellName, node: two, addresses: [] });
  fixture.fake.pass(100);
  assert.deepEqual(fixture.take('forward').map(({ to }) => to), [two]);
  fixture.reply(one, id, answerOk); // the first leader after all: it was asked, and the key makes it one run
  fixture.reply(two, id, answerOk);
  assert.deepEqual(fixture.done, [answerOk]);
});

test('an unanswered write is sent again; when its time is up its outcome is unknown', () => {
  const fixture = new Fixture();
  fixture.submit();
  fixture.fake.pass(2200);
  assert.equal(fixture.take('forward').length, 2);
  fixture.node = '';
  fixture.fake.pass(28_000);
  assert.deepEqual(fixture.done, ['NO_LEADER']);
  fixture.stalled = true;
  fixture.submit();
  fixture.fake.pass(31_000);
  assert.deepEqual(fixture.done, ['NO_LEADER', 'NO_QUORUM']);
});

test('on the leader itself a refusal is told, and a lost office means to ask again', () => {
  const fixture = new Fixture();
  fixture.node = nodeId('self');
  const replies: (Reply | undefined)[] = [undefined, { type: 'error', code: 'KEY_EXPIRED', message: '' }];
  const commands: (readonly Command[])[] = [];
  fixture.leader = {
    stamp: () => 1,
    command: (list: readonly Command[], done: (reply: Reply | undefined) => void) => {
      commands.push(list);
      done(replies.shift());
    },
  } as unknown as Leader;
  fixture.submit();
  assert.deepEqual(fixture.done, []);
  fixture.fake.pass(200);
  assert.deepEqual(fixture.done, ['KEY_EXPIRED']);
  assert.deepEqual(commands.map((list) => list.map(({ type }) => type)), [['submit'], ['submit']]);
});

test('a submit over the limit of an entry becomes parts', () => {
  const fixture = new Fixture();
  const large = spec(Array.from({ length: 6 }, (_, index) => module(`m${index}`, [], { action: { type: 'run', command: String(index).repeat(60_000) } })));
  const commands: Command[] = [];
  fixture.leader = { stamp: () => 1, command: (list: readonly Command[]) => void commands.push(...list) } as unknown as Leader;
  const bytes = encodeSpec(large);
  fixture.gateway.forwarded(one, { type: 'forward', id: 3, cell: cellName, request: { type: 'submit', requestKey: 'k' }, part: 0, parts: 2, bytes: bytes.subarray(0, 1000) });
  assert.deepEqual(commands, []);
  fixture.gateway.forwarded(one, { type: 'forward', id: 3, cell: cellName, request: { type: 'submit', requestKey: 'k' }, part: 1, parts: 2, bytes: bytes.subarray(1000) });
  assert.deepEqual(commands.map(({ type }) => type), ['submitPart', 'submitPart']);
});

test('what cannot be read is refused, not thrown', () => {
  const fixture = new Fixture();
  fixture.leader = { stamp: () => 1, command: () => assert.fail('nothing to propose') } as unknown as Leader;
  fixture.gateway.forwarded(one, { type: 'forward', id: 3, cell: cellName, request: { type: 'submit', requestKey: 'k' }, part: 0, parts: 1, bytes: Uint8Array.of(1, 2) });
  const [answer] = fixture.take('forwardReply');
  assert.ok(answer?.message.reply?.type === 'error' && answer.message.reply.code === 'REQUEST_INVALID');
});

test('a read: slices of two nodes do not mix, and an answer that is not JSON is none', () => {
  const fixture = new Fixture();
  fixture.read();
  const [asked] = fixture.take('read');
  const { id } = asked!.message;
  fixture.readReply(one, id, '[1,', 0, 2);
  fixture.node = two;
  fixture.fake.pass(100);
  assert.deepEqual(fixture.take('read').map(({ to }) => to), [two]);
  fixture.readReply(two, id, '3]', 1, 2);
  assert.deepEqual(fixture.done, []);
  assert.throws(() => fixture.readReply(two, id, '[1'), (error: SkeinError) => error.code === 'FRAME_INVALID');
  fixture.readReply(one, id, '2]', 1, 2);
  assert.deepEqual(fixture.done, [[1, 2]]);
});

test('an answer from before what was shown already is none: asked again, also of itself', () => {
  const fixture = new Fixture();
  fixture.floor.raise(cellName, 10);
  fixture.index = 9;
  fixture.read();
  const [asked] = fixture.take('read');
  fixture.readReply(one, asked!.message.id, '[]');
  assert.deepEqual(fixture.done, []);
  fixture.fake.pass(100);
  assert.equal(fixture.take('read').length, 1, 'not only after the time of a try');
  fixture.index = 12;
  fixture.readReply(one, asked!.message.id, '[1]');
  assert.deepEqual(fixture.done, [[1]]);
  assert.equal(fixture.floor.of(cellName), 12);
  fixture.node = fixture.fake.context.self;
  fixture.answer = [2];
  fixture.index = 11;
  fixture.read();
  fixture.fake.pass(100);
  assert.equal(fixture.done.length, 1);
  fixture.index = 13;
  fixture.fake.pass(100);
  assert.deepEqual(fixture.done, [[1], [2]]);
});

test('what was shown of one cell says nothing about another', () => {
  const floor = new ReadFloor();
  const other = 'other' as CellId;
  floor.raise(cellName, 10);
  floor.raise(cellName, 5);
  assert.deepEqual([floor.of(cellName), floor.of(other), floor.of('')], [10, 0, 0]);
  floor.raise(other, 3);
  assert.deepEqual([floor.of(cellName), floor.of(other)], [0, 3]);
});

test('the leader answers a read in slices, or says that it is none', () => {
  const fixture = new Fixture();
  fixture.answer = 'x'.repeat(1_500_000);
  fixture.gateway.asked(one, { type: 'read', id: 1, cell: cellName, strong: false, query: 'runs', argument: {} });
  assert.deepEqual(fixture.take('readReply').map(({ message }) => [message.index, message.part, message.parts]), [[1, 0, 2], [1, 1, 2]]);
  fixture.answer = undefined;
  fixture.gateway.asked(one, { type: 'read', id: 2, cell: cellName, strong: true, query: 'runs', argument: {} });
  assert.deepEqual(fixture.take('readReply').map(({ message }) => message.code), ['NO_LEADER']);
});

test('a node that stops fails what is under way and what comes after', () => {
  const fixture = new Fixture();
  fixture.submit();
  fixture.gateway.stop();
  fixture.read();
  assert.deepEqual(fixture.done, ['NODE_STOPPING', 'NODE_STOPPING']);
});

test('queries: answers as JSON; what a peer may get wrong is refused', () => {
  const cell = new TestCell();
  cell.open('a');
  const run = cell.submit([module('one')]);
  const { runId } = cell.state.runs.get(run)!;
  const ask = (query: string, argument: Json): Json | SkeinError => answerQuery(cell.state, () => ({}), query, argument);
  const code = (answer: Json | SkeinError): string => (answer instanceof SkeinError ? answer.code : '');
  assert.equal((ask('runs', {}) as { runId: string }[])[0]?.runId, runId);
  assert.deepEqual(ask('runs', { phase: 'failed', limit: 3 }), []);
  assert.deepEqual(ask('counts', null), { live: 1, finished: 0 });
  assert.equal((ask('resolve', runId.slice(0, 6)) as { number: number }).number, run);
  assert.equal((ask('run', runId) as { moduleList: { name: string }[] }).moduleList[0]?.name, 'one');
  assert.equal(code(ask('run', 'nothing')), 'RUN_NOT_FOUND');
  assert.equal(code(ask('run', null)), 'RUN_NOT_FOUND');
  assert.equal(code(ask('runs', null)), 'REQUEST_INVALID');
  assert.equal(code(ask('other', null)), 'REQUEST_INVALID');
});
