/** Goal: a worker begins only what is its own now, each claim once, and an effectful module only under a fresh word of the leader. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeId, type Cid, type Fence, type NodeId, type RunId } from '../../src/core/lib/ids.ts';
import type { FilesRef, Outcome, RunSpec } from '../../src/core/cell/types.ts';
import type { Execution, Executor } from '../../src/ports/executor.ts';
import type { AssignItem, LeaderHint, WorkMessage } from '../../src/protocol/messages.ts';
import { SkeinError } from '../../src/errors.ts';
import { encodeSpec } from '../../src/protocol/spec-codec.ts';
import type { Blobs, FetchDone } from '../../src/runtime/blobs/blobs.ts';
import type { CopyRequest } from '../../src/runtime/blobs/copy-requests.ts';
import { InputGate } from '../../src/runtime/blobs/input-gate.ts';
import { Worker } from '../../src/runtime/worker.ts';
import { cellName, failed, module, spec, succeeded } from '../core/cell/cells.ts';
import { FakeContext } from './fake-context.ts';

const leader = nodeId('leader');
const hint: LeaderHint = { cell: cellName, node: leader, addresses: [] };
const RUN = 5;
const runId = 'run-5' as RunId;

class FakeExecutor implements Executor {
  readonly started = new Map<Fence, { readonly execution: Execution; readonly done: (outcome: Outcome) => void }>();
  readonly cancelled: string[] = [];
  deadline = -Infinity;

  start(execution: Execution, done: (outcome: Outcome) => void): void {
    assert.ok(!this.started.has(execution.fence), 'a fence is executed once');
    this.started.set(execution.fence, { execution, done });
  }

  cancel(fence: Fence, mode: string, code: string): void {
    this.cancelled.push(`${fence} ${mode} ${code}`);
  }

  setFenceDeadline(monotonicMs: number): void {
    this.deadline = monotonicMs;
  }

  running(): Fence[] {
    return [...this.started.keys()];
  }

  progress(): undefined {
    return undefined;
  }

  readLog(): void {
    assert.fail('nobody reads logs here');
  }

  stop(done: () => void): void {
    done();
  }
}

class Fixture {
  readonly executor = new FakeExecutor();
  readonly fake = new FakeContext({ executor: this.executor });
  spec: RunSpec = spec([module('plain'), module('effect', [], { effectful: true })]);
  /** Whether this node holds the log. */
  known = true;
  /** Inputs that were asked for, which come when a test says so. */
  readonly fetched: FetchDone[] = [];
  /** Questions for copies, and nodes that could be asked. */
  readonly asked: CopyRequest[] = [];
  others: NodeId[] = [];
  readonly worker: Worker;

  constructor() {
    this.fake.connected.add(leader);
    this.worker = new Worker(this.fake.context, {
      inputs: new InputGate(this.fake.context, { fetch: (_cid: Cid, done: FetchDone) => (this.fetched.push(done), () => undefined) } as Partial<Blobs> as Blobs),
      requests: { ask: (request) => (this.asked.push(request), () => undefined) },
      receiveBytesPerSecond: () => 0,
      others: () => this.others,
      specOf: () => (this.known ? { runId, spec: this.spec } : undefined),
      hinted: () => undefined,
      contacts: () => undefined,
      member: () => '',
      checkSuspended: () => undefined,
      refused: () => undefined,
    });
    this.worker.follow(cellName, leader);
  }

  take<T extends WorkMessage['type']>(type: T): Extract<WorkMessage, { type: T }>[] {
    this.fake.pass();
    return this.fake.takeWork().flatMap(({ message }) => (message.type === type ? [message as Extract<WorkMessage, { type: T }>] : []));
  }

  receive(message: WorkMessage, from: NodeId = leader): void {
    this.fake.process.run(() => this.worker.receive(from, message));
  }

  open(session = 7): void {
    const [request] = this.take('sessionOpen').slice(-1);
    assert.ok(request);
    this.receive({ type: 'sessionReply', id: request.id, session, error: '', hint });
    assert.equal(this.worker.sessionId, session);
  }

  assign(fence: Fence, index: number, session = 7, inputs: AssignItem['inputs'] = []): void {
    const item: AssignItem = { run: RUN, module: index, fence, generation: 1, attempt: 1, inputsHash: 'h', needs: [], inputs, inputHolders: inputs.map(() => []), checkpoint: null, item: null };
    this.receive({ type: 'assign', cell: cellName, session, items: [item] });
  }

  /** The leader answers the newest keepalive. */
  ack(more: { readonly known?: boolean; readonly stop?: Fence[]; readonly from?: NodeId } = {}): void {
    const [keepalive] = this.take('keepalive').slice(-1);
    assert.ok(keepalive);
    const { known = true, stop = [], from = leader } = more;
    this.receive({ type: 'keepaliveReply', cell: cellName, session: keepalive.session, sequence: keepalive.sequence, known, stop, contacts: [] }, from);
  }

  runSpec(): void {
    const bytes = encodeSpec(this.spec);
    this.receive({ type: 'runSpec', cell: cellName, run: RUN, runId, offset: 0, total: bytes.length, bytes });
  }

  get started(): Fence[] {
    return this.executor.running();
  }
}

test('nothing is begun before a session is open, nor for another session or cell', () => {
  const fixture = new Fixture();
  fixture.assign(1, 0, 0);
  fixture.assign(2, 0);
  fixture.open();
  fixture.assign(3, 0, 6);
  fixture.receive({ type: 'assign', cell: 'other' as typeof cellName, session: 7, items: [] });
  assert.deepEqual(fixture.started, []);
  fixture.assign(4, 0);
  fixture.assign(4, 0);
  assert.deepEqual(fixture.started, [4]);
});

test('a session counts only when the node that was asked has answered', () => {
  const fixture = new Fixture();
  const [request] = fixture.take('sessionOpen');
  fixture.receive({ type: 'sessionReply', id: request!.id, session: 9, error: '', hint }, nodeId('stranger'));
  assert.equal(fixture.worker.sessionId, 0);
});

test('an effectful module begins under a word of the leader that is younger than the fence time', () => {
  const fixture = new Fixture();
  fixture.open();
  const { selfFenceMs } = fixture.fake.context.timing;
  assert.equal(fixture.executor.deadline, fixture.fake.context.now() + selfFenceMs, 'opening a session is such a word');
  fixture.assign(1, 1);
  assert.deepEqual(fixture.started, [1]);
  fixture.fake.pass(selfFenceMs + 1);
  fixture.assign(2, 1);
  assert.deepEqual(fixture.started, [1]);
  assert.deepEqual(fixture.take('decline').flatMap(({ claims }) => claims.map(({ fence }) => fence)), [2]);
  fixture.fake.pass(1000);
  fixture.ack({ from: nodeId('stranger') });
  fixture.assign(3, 1);
  assert.deepEqual(fixture.started, [1], 'another node cannot say it');
  fixture.fake.pass(1000);
  fixture.ack();
  fixture.assign(4, 1);
  assert.deepEqual(fixture.started, [1, 4]);
});

test('a leader that is reached again is told at once that this session lives, so that nothing is fenced for a keepalive that is not due', () => {
  const fixture = new Fixture();
  fixture.open();
  fixture.assign(1, 1);
  const { keepaliveMs, selfFenceMs } = fixture.fake.context.timing;
  // Just after a keepalive was lost, and with less than the time between two of them left.
  fixture.fake.pass(selfFenceMs - keepaliveMs / 2);
  fixture.take('keepalive');
  const reach = (peer: NodeId): void => fixture.fake.process.run(() => fixture.worker.peerUp(peer));
  reach(nodeId('another'));
  assert.deepEqual(fixture.take('keepalive'), []);
  reach(leader);
  const reachedAt = fixture.fake.context.now();
  fixture.ack();
  assert.equal(fixture.executor.deadline, reachedAt + selfFenceMs);
});

test('a node that has no room for a module hands it back uncounted, and offers no slots before it may have room again', () => {
  const fixture = new Fixture();
  fixture.open();
  fixture.assign(1, 0);
  fixture.take('keepalive');
  const { done } = fixture.executor.started.get(1)!;
  fixture.fake.process.run(() => done({ ...failed('NODE_EXHAUSTED'), tail: '' }));
  fixture.fake.pass();
  const told = fixture.fake.takeWork().map(({ message }) => message).filter(({ type }) => type !== 'sessionOpen');
  const [keepalive, decline] = told;
  assert.ok(keepalive?.type === 'keepalive' && keepalive.slots === 0, 'first it offers nothing, so that the module does not come back');
  assert.ok(decline?.type === 'decline' && decline.claims.length === 1 && !decline.needSpec);
  assert.equal(told.filter(({ type }) => type === 'results').length, 0);
  fixture.fake.pass(9000);
  assert.equal(fixture.take('keepalive').at(-1)?.slots ?? 0, 0);
  fixture.fake.pass(2000);
  assert.notEqual(fixture.take('keepalive').at(-1)?.slots, 0);
});

test('after a suspend nothing of before counts: effectful modules are killed, old acks ignored, the session asked for anew', () => {
  const fixture = new Fixture();
  fixture.open();
  fixture.assign(1, 0);
  fixture.assign(2, 1);
  fixture.fake.pass(1000);
  const [keepalive] = fixture.take('keepalive').slice(-1);
  fixture.fake.process.run(() => fixture.worker.suspended());
  assert.deepEqual(fixture.executor.cancelled, ['2 now MODULE_FENCED']);
  fixture.receive({ type: 'keepaliveReply', cell: cellName, session: 7, sequence: keepalive!.sequence, known: true, stop: [], contacts: [] });
  fixture.assign(3, 1);
  assert.deepEqual(fixture.started, [1, 2]);
  fixture.open();
  fixture.assign(3, 1);
  assert.deepEqual(fixture.started, [1, 2, 3]);
});

test('a claim that waits for its specification is begun when that comes, and given up with its session', () => {
  const fixture = new Fixture();
  fixture.known = false;
  fixture.open();
  fixture.assign(1, 0);
  assert.deepEqual(fixture.take('decline').map(({ needSpec }) => needSpec), [true]);
  fixture.runSpec();
  assert.deepEqual(fixture.started, [1]);
  const other = new Fixture();
  other.known = false;
  other.open();
  other.assign(1, 1);
  other.fake.pass(1000);
  other.ack({ known: false });
  assert.deepEqual(other.take('sessionOpen').map(({ running }) => running), [[]]);
  other.receive({ type: 'sessionReply', id: 2, session: 8, error: '', hint });
  other.runSpec();
  assert.deepEqual(other.started, [], 'somebody else may have it now');
});

test('what runs goes along into the next session, and a result is kept until it is recorded', () => {
  const fixture = new Fixture();
  fixture.open();
  fixture.assign(1, 0);
  fixture.assign(2, 0);
  fixture.fake.process.run(() => fixture.executor.started.get(1)!.done(succeeded()));
  const [results] = fixture.take('results');
  fixture.fake.pass(1000);
  fixture.ack({ known: false });
  const [open] = fixture.take('sessionOpen');
  assert.deepEqual(open?.running.map(({ fence }) => fence).sort(), [1, 2]);
  fixture.receive({ type: 'resultsReply', id: results!.id, verdicts: ['accepted'], nodes: [], hint });
  fixture.assign(1, 0);
  assert.deepEqual(fixture.started, [1, 2]);
});

test('a module that its node stopped is handed back and not begun again under that fence', () => {
  const fixture = new Fixture();
  fixture.open();
  fixture.assign(1, 0);
  fixture.fake.process.run(() => fixture.executor.started.get(1)!.done({ ...failed('NODE_STOPPING'), tail: '' }));
  assert.deepEqual(fixture.take('decline').flatMap(({ claims }) => claims.map(({ fence }) => fence)), [1]);
  fixture.assign(1, 0);
  assert.deepEqual(fixture.take('decline').flatMap(({ claims }) => claims.map(({ fence }) => fence)), [1]);
  assert.ok(fixture.worker.idle);
});

for (const code of ['NODE_STOPPING', 'MODULE_FENCED', 'NODE_EXHAUSTED']) {
  test(`what a module printed that its node hands back with ${code} is told; of one that printed nothing there is no result`, () => {
    const fixture = new Fixture();
    fixture.open();
    fixture.assign(1, 0);
    fixture.assign(2, 0);
    fixture.fake.process.run(() => fixture.executor.started.get(1)!.done({ ...failed(code), tail: 'half way\n' }));
    const [result] = fixture.take('results').flatMap(({ items }) => items);
    assert.deepEqual([result?.fence, result?.outcome.error?.code, result?.outcome.tail], [1, code, 'half way\n']);
    assert.deepEqual(fixture.take('decline'), []);
    fixture.fake.process.run(() => fixture.executor.started.get(2)!.done({ ...failed(code), tail: '' }));
    assert.deepEqual(fixture.take('decline').flatMap(({ claims }) => claims.map(({ fence }) => fence)), [2]);
  });
}

test('what another cell has of the same number is another module: it waits for the end of the one before, and is not told of it', () => {
  const fixture = new Fixture();
  fixture.open();
  fixture.assign(9, 0);
  const { done } = fixture.executor.started.get(9)!;
  const other = 'other' as typeof cellName;
  fixture.fake.process.run(() => fixture.worker.follow(other, leader));
  fixture.open(8);
  const assign = (): void => fixture.receive({ type: 'assign', cell: other, session: 8, items: [{ run: RUN, module: 0, fence: 9, generation: 1, attempt: 1, inputsHash: 'h', needs: [], inputs: [], inputHolders: [], checkpoint: null, item: null }] });
  assign();
  assert.deepEqual(fixture.take('decline').map(({ claims }) => claims.map(({ fence }) => fence)), [[9]]);
  fixture.fake.process.run(() => done(failed()));
  assert.deepEqual(fixture.take('results'), []);
  assert.equal(fixture.worker.slotsUsed, 0);
});

test('another cell is another life: what ran is killed and its results go nowhere', () => {
  const fixture = new Fixture();
  fixture.open();
  fixture.assign(1, 0);
  fixture.fake.process.run(() => fixture.worker.follow('other' as typeof cellName, leader));
  assert.deepEqual(fixture.executor.cancelled, ['1 now MODULE_CANCELLED']);
  fixture.fake.process.run(() => fixture.executor.started.get(1)!.done(succeeded()));
  fixture.fake.pass(3000);
  assert.deepEqual(fixture.take('results'), []);
  assert.ok(fixture.worker.idle);
});

test('a result told to a leader that had not begun is told again with its first answer, not a resend interval later', () => {
  const fixture = new Fixture();
  fixture.open();
  fixture.ack();
  fixture.assign(1, 0);
  const next = nodeId('next');
  fixture.fake.connected.add(next);
  fixture.fake.process.run(() => fixture.executor.started.get(1)!.done(succeeded()));
  fixture.take('results');
  fixture.fake.process.run(() => fixture.worker.follow(cellName, next));
  assert.equal(fixture.take('results').length, 1);
  fixture.fake.pass(15);
  fixture.ack({ from: next });
  assert.equal(fixture.take('results').length, 1);
  fixture.fake.pass(100);
  assert.equal(fixture.take('results').length, 0);
});

test('each Stop has an answer: what runs is ended, what never began is declined and never begins', () => {
  const fixture = new Fixture();
  fixture.open();
  fixture.assign(4, 0);
  fixture.take('decline');
  fixture.receive({ type: 'stop', cell: cellName, session: 7, fences: [4, 5], reason: 'cancelled' });
  assert.deepEqual(fixture.take('decline').map(({ claims, needSpec }) => [claims, needSpec]), [[[{ run: 0, module: 0, fence: 5 }], false]]);
  fixture.assign(5, 0);
  assert.ok(!fixture.started.includes(5));
  assert.deepEqual(fixture.take('decline').map(({ claims }) => claims.map(({ fence }) => fence)), [[5]], 'its Assign came after the Stop');
});

test('an exclusive module whose inputs come after the leader was lost is not begun under its next word', () => {
  const fixture = new Fixture();
  const files = { inputs: [{ variable: 'IN', module: 0, output: 'o' }], outputs: [] };
  fixture.spec = spec([module('plain'), module('effect', [0], { effectful: true, files }), module('pure', [0], { files })]);
  fixture.open();
  fixture.ack();
  const ref: FilesRef = { kind: 'file', cid: 'x' as Cid, name: 'x', size: 1, count: 1 };
  fixture.assign(1, 1, 7, [[ref]]);
  fixture.assign(2, 2, 7, [[ref]]);
  assert.equal(fixture.fetched.length, 2);
  fixture.fake.pass(fixture.fake.context.timing.selfFenceMs + 1);
  fixture.ack();
  const declined = fixture.take('decline').flatMap(({ claims }) => claims.map(({ fence }) => fence));
  // Of both, the files themselves are fetched after what names them.
  for (const round of [1, 2]) for (const done of fixture.fetched.splice(0)) fixture.fake.process.run(() => done(undefined, round));
  assert.deepEqual([fixture.started, declined], [[2], [1]]);
});

test('nor without any next word', () => {
  const fixture = new Fixture();
  const files = { inputs: [{ variable: 'IN', module: 0, output: 'o' }], outputs: [] };
  fixture.spec = spec([module('plain'), module('effect', [0], { effectful: true, files })]);
  fixture.open();
  fixture.assign(1, 1, 7, [[{ kind: 'file', cid: 'x' as Cid, name: 'x', size: 1, count: 1 }]]);
  fixture.fake.pass(fixture.fake.context.timing.selfFenceMs + 1);
  for (const round of [1, 2]) {
    for (const done of fixture.fetched.splice(0)) fixture.fake.process.run(() => done(undefined, round));
    fixture.fake.pass();
  }
  assert.deepEqual([fixture.started, fixture.take('decline').flatMap(({ claims }) => claims.map(({ fence }) => fence))], [[], [1]]);
});

test('a module whose inputs cannot be stored here is handed back, not failed', () => {
  const fixture = new Fixture();
  fixture.spec = spec([module('plain'), module('pure', [0], { files: { inputs: [{ variable: 'IN', module: 0, output: 'o' }], outputs: [] } })]);
  fixture.open();
  for (const code of ['BLOB_DISK_FULL', 'BLOB_STORE_FAILED', 'LIMIT_EXCEEDED'] as const) {
    const fence = fixture.fake.notes.length + 1;
    fixture.assign(fence, 1, 7, [[{ kind: 'file', cid: 'x' as Cid, name: 'x', size: 1, count: 1 }]]);
    for (const done of fixture.fetched.splice(0)) fixture.fake.process.run(() => done(new SkeinError(code, 'no room'), 0));
    assert.deepEqual(fixture.take('decline').flatMap(({ claims }) => claims.map((claim) => claim.fence)), [fence], code);
  }
});
