/** Goal: the leader's duties toward workers: what was lost is said again, what must not run is stopped, silence is told from its own sleep. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeId, type Cid, type SessionId } from '../../src/core/lib/ids.ts';
import { inputsHashOf } from '../../src/core/cell/inputs.ts';
import type { Command, ResultItem, RunningClaim } from '../../src/core/cell/types.ts';
import type { WorkMessage } from '../../src/protocol/messages.ts';
import { Leader } from '../../src/runtime/leader.ts';
import type { ProposalDone } from '../../src/runtime/proposals.ts';
import type { Replica } from '../../src/runtime/replica.ts';
import { cellName, module, succeeded, TestCell, type ModuleSketch } from '../core/cell/cells.ts';
import { FakeContext } from './fake-context.ts';

const [one, two] = [nodeId('one'), nodeId('two')];
type Message<T extends WorkMessage['type']> = Extract<WorkMessage, { type: T }>;

/** A leader whose proposals are committed in the same turn. */
class Fixture {
  readonly fake = new FakeContext();
  readonly cell = new TestCell();
  readonly proposed: Command[] = [];
  mayPlan = true;
  evicted = false;
  readonly sessions: readonly [SessionId, SessionId] = [this.cell.open('one'), this.cell.open('two')];
  readonly leader: Leader;

  constructor() {
    this.fake.connected.add(one).add(two);
    const replica = {
      cell: cellName,
      state: this.cell.state,
      evicted: () => this.evicted,
      leads: true,
      mayPlan: () => this.mayPlan,
      stamp: () => this.cell.now,
      propose: (command: Command, done?: ProposalDone) => this.commit(command, done),
    };
    this.leader = new Leader(this.fake.context, replica as unknown as Replica, { contacts: () => [], requests: { ask: () => () => undefined }, hint: () => ({ cell: cellName, node: '', addresses: [] }) });
  }

  commit(command: Command, done?: ProposalDone): void {
    this.fake.context.defer(() => {
      this.proposed.push(command);
      const reply = this.cell.apply(command);
      this.leader.applied(this.cell.index, this.cell.events);
      done?.({ reply, index: this.cell.index });
    });
  }

  submit(...modules: ModuleSketch[]): number {
    const run = this.cell.submit(modules.map((sketch, index) => module(`m${index}`, sketch.needs ?? [], sketch)));
    this.leader.applied(this.cell.index, this.cell.events);
    return run;
  }

  take<T extends WorkMessage['type']>(type: T): { to: string; message: Message<T> }[] {
    this.fake.pass();
    return this.fake.takeWork().flatMap(({ to, message }) => (message.type === type ? [{ to, message: message as Message<T> }] : []));
  }

  keepalive(session: SessionId, running: readonly RunningClaim[] = [], from = one): void {
    this.fake.process.run(() => this.leader.receive(from, { type: 'keepalive', cell: cellName, session, sequence: 1, slots: 4, load: 0, receiveBytesPerSecond: 0, running, committing: [], fetching: [] }));
  }

  commands<T extends Command['type']>(type: T): Extract<Command, { type: T }>[] {
    this.fake.pass();
    return this.proposed.flatMap((command) => (command.type === type ? [command as Extract<Command, { type: T }>] : []));
  }
}

/** One module, claimed by the node `one`. */
function claimed(sketch: ModuleSketch = {}): { fixture: Fixture; claim: RunningClaim } {
  const fixture = new Fixture();
  fixture.leader.sessions.get(fixture.sessions[1])!.slots = 0;
  const run = fixture.submit(sketch);
  const [assign] = fixture.take('assign');
  assert.equal(assign?.to, one);
  const [item] = assign.message.items;
  return { fixture, claim: { run, module: 0, fence: item!.fence } };
}

test('what is ready is claimed, committed, then assigned, and the specification goes first', () => {
  const fixture = new Fixture();
  fixture.submit({}, {});
  fixture.fake.pass();
  const types = fixture.fake.takeWork().map(({ to, message }) => `${to} ${message.type}`);
  assert.deepEqual(types.filter((text) => text.startsWith(one)), ['one runSpec', 'one assign']);
  assert.equal(fixture.commands('claimBatch').length, 1);
});

test('a claim that was refused is planned again at once, elsewhere', () => {
  const fixture = new Fixture();
  fixture.leader.sessions.get(fixture.sessions[1])!.load = 1;
  const held: { command: Command; done: ProposalDone | undefined }[] = [];
  const commit = fixture.commit.bind(fixture);
  fixture.commit = (command, done) => void held.push({ command, done });
  fixture.submit({});
  fixture.fake.pass();
  // Committed before the claim, and heard of before it.
  fixture.cell.apply({ type: 'nodeDrain', node: one, on: true });
  fixture.leader.applied(fixture.cell.index, fixture.cell.events);
  fixture.fake.pass();
  fixture.commit = commit;
  for (const { command, done } of held) commit(command, done);
  assert.deepEqual(fixture.take('assign').map(({ to }) => to), [two]);
});

test('an Assign that was lost is sent again with a later keepalive, one that arrived is not', () => {
  const { fixture, claim } = claimed();
  fixture.keepalive(fixture.sessions[0]);
  assert.equal(fixture.take('assign').length, 0, 'it may still be on its way');
  fixture.fake.pass(600);
  fixture.keepalive(fixture.sessions[0]);
  assert.equal(fixture.take('assign').length, 1);
  fixture.fake.pass(600);
  fixture.keepalive(fixture.sessions[0], [claim]);
  assert.equal(fixture.take('assign').length, 0);
});

test('a keepalive is answered to its own node only, and not without the planner lease', () => {
  const { fixture } = claimed();
  fixture.keepalive(fixture.sessions[0], [], two);
  assert.deepEqual(fixture.take('keepaliveReply').map(({ message }) => message.known), [false]);
  fixture.mayPlan = false;
  fixture.keepalive(fixture.sessions[0]);
  assert.deepEqual(fixture.take('keepaliveReply'), []);
});

test('who was evicted while its session was open is told to say hello again', () => {
  const { fixture, claim } = claimed();
  fixture.evicted = true;
  fixture.keepalive(fixture.sessions[0], [claim]);
  assert.deepEqual(fixture.take('keepaliveReply').map(({ message }) => [message.known, message.stop]), [[false, []]]);
});

test('a lost claim goes on unless it is effectful: that one is stopped', () => {
  for (const effectful of [false, true]) {
    const { fixture, claim } = claimed({ effectful });
    fixture.commit({ type: 'release', now: fixture.cell.now, claims: [claim], reason: 'declined' });
    fixture.fake.pass();
    fixture.keepalive(fixture.sessions[0], [claim]);
    assert.deepEqual(fixture.take('keepaliveReply').map(({ message }) => message.stop), [effectful ? [claim.fence] : []]);
  }
});

test('who waits for the specification of a claim that is not its own any more is told to stop', () => {
  const { fixture, claim } = claimed();
  fixture.fake.process.run(() => fixture.leader.receive(one, { type: 'decline', cell: cellName, session: fixture.sessions[0], claims: [claim], needSpec: true }));
  assert.deepEqual(fixture.take('runSpec').map(({ to }) => to), [one]);
  fixture.fake.process.run(() => fixture.leader.receive(one, { type: 'decline', cell: cellName, session: fixture.sessions[0], claims: [{ ...claim, fence: claim.fence - 1 }], needSpec: true }));
  assert.deepEqual(fixture.take('stop').map(({ message }) => message.fences), [[claim.fence - 1]]);
});

test('a result counts from the node that has the claim', () => {
  const { fixture, claim } = claimed();
  const item: ResultItem = { ...claim, generation: 1, inputsHash: inputsHashOf(fixture.cell.state, claim.run, 0), outcome: succeeded() };
  const send = (from: typeof one): void => fixture.fake.process.run(() => fixture.leader.receive(from, { type: 'results', cell: cellName, id: 1, items: [item] }));
  send(two);
  assert.deepEqual(fixture.take('resultsReply'), []);
  send(one);
  assert.deepEqual(fixture.take('resultsReply').map(({ to, message }) => [to, message.verdicts]), [[one, ['accepted']]]);
  send(two);
  assert.deepEqual(fixture.take('resultsReply').map(({ message }) => message.verdicts), [['duplicate']], 'what is final is no secret');
});

test('a silent session ends after its TTL, but not for the time that the leader itself did not run', () => {
  const fixture = new Fixture();
  const { sessionTtlMs } = fixture.fake.context.timing;
  fixture.fake.pass(1000);
  fixture.fake.process.pause();
  fixture.fake.pass(10 * sessionTtlMs);
  fixture.fake.process.resume();
  fixture.fake.pass(1000);
  assert.deepEqual(fixture.commands('sessionExpire'), []);
  fixture.fake.pass(sessionTtlMs);
  assert.equal(fixture.commands('sessionExpire').length, 2);
});

test('a closed connection releases what may be executed twice, after the grace; a heard word takes it back', () => {
  const { fixture, claim } = claimed();
  const { socketGraceMs } = fixture.fake.context.timing;
  fixture.leader.peerDown(one);
  fixture.fake.pass(socketGraceMs / 2);
  fixture.keepalive(fixture.sessions[0], [claim]);
  fixture.fake.pass(2 * socketGraceMs);
  assert.deepEqual(fixture.commands('release'), []);
  fixture.leader.peerDown(one);
  fixture.fake.pass(socketGraceMs + 200);
  assert.deepEqual(fixture.commands('release').map(({ reason, claims }) => [reason, claims]), [['lost', [claim]]]);
});

test('a module whose inputs fit into no message fails and says why', () => {
  const fixture = new Fixture();
  fixture.leader.sessions.get(fixture.sessions[1])!.slots = 0;
  const count = 1000;
  const run = fixture.submit(...Array.from({ length: count }, () => ({})), { needs: Array.from({ length: count }, (_, index) => index) });
  for (let round = 0; round < count; round += 1) {
    const items = fixture.take('assign').flatMap(({ message }) => message.items);
    if (items.length === 0) break;
    fixture.fake.process.run(() => fixture.leader.receive(one, { type: 'results', cell: cellName, id: round, items: items.map(({ module: index, fence, generation, inputsHash }) => ({ run, module: index, fence, generation, inputsHash, outcome: succeeded({ out: 'x'.repeat(4000) }) })) }));
  }
  const last = fixture.cell.module(run, count);
  assert.equal(last.phase, 'failed');
  assert.equal(last.outcome?.error?.code, 'LIMIT_EXCEEDED');
});

test('a claim with a limit is told to stop until its node answers, and only then gives its limit to the next', () => {
  const nas: ModuleSketch = { policy: { limits: [{ key: 'nas', max: 1 }] } };
  const { fixture, claim } = claimed(nas);
  fixture.cell.apply({ type: 'cancel', run: claim.run, reason: '' });
  fixture.leader.applied(fixture.cell.index, fixture.cell.events);
  assert.deepEqual(fixture.take('stop').map(({ message }) => message.fences), [[claim.fence]]);
  // The Stop is lost, or its Assign was: the node names the claim, or nothing.
  for (const running of [[claim], []]) {
    fixture.keepalive(fixture.sessions[0], running);
    assert.deepEqual(fixture.take('keepaliveReply').map(({ message }) => message.stop), [[claim.fence]]);
  }
  assert.equal(fixture.cell.state.ending.size, 1);
  fixture.fake.process.run(() => fixture.leader.receive(one, { type: 'decline', cell: cellName, session: fixture.sessions[0], claims: [{ run: 0, module: 0, fence: claim.fence }], needSpec: false }));
  assert.deepEqual(fixture.commands('release').map(({ claims, reason }) => [claims, reason]), [[[claim], 'declined']]);
  assert.deepEqual([fixture.cell.state.ending.size, fixture.cell.state.seats.size], [0, 0]);
  fixture.keepalive(fixture.sessions[0]);
  assert.deepEqual(fixture.take('keepaliveReply').map(({ message }) => message.stop), [[]]);
});

test('claims with limits of a node whose connection is gone wait for its session to end', () => {
  for (const limits of [[], [{ key: 'nas', max: 1 }]]) {
    const { fixture } = claimed({ policy: { limits } });
    fixture.leader.peerDown(one);
    fixture.fake.pass(2_000);
    assert.deepEqual(fixture.commands('release').map(({ reason }) => reason), limits.length === 0 ? ['lost'] : []);
  }
});

test('a module that takes too long gets a second copy on an idle node; the first result stops the other', () => {
  const { fixture, claim } = claimed({ durationMs: 1_000, policy: { hedgeFactor: 2 } });
  fixture.leader.sessions.get(fixture.sessions[1])!.slots = 4;
  fixture.cell.now += 1_900;
  fixture.fake.pass(200);
  assert.deepEqual(fixture.commands('hedgeBatch'), []);
  fixture.cell.now += 200;
  const [assign] = fixture.take('assign');
  fixture.fake.pass(200);
  const [item] = (assign ?? fixture.take('assign')[0])!.message.items;
  assert.deepEqual(fixture.commands('hedgeBatch').map(({ claims }) => claims), [[{ run: claim.run, module: 0, session: fixture.sessions[1] }]]);
  assert.ok(item!.fence > claim.fence && item!.attempt === 1);
  const result: ResultItem = { ...claim, fence: item!.fence, generation: 1, inputsHash: '', outcome: succeeded() };
  fixture.fake.process.run(() => fixture.leader.receive(one, { type: 'results', cell: cellName, id: 1, items: [result] }));
  fixture.fake.pass();
  assert.equal(fixture.cell.module(claim.run, 0).phase, 'claimed', 'a result of the copy from the node that has the first is dropped');
  fixture.fake.process.run(() => fixture.leader.receive(two, { type: 'results', cell: cellName, id: 2, items: [result] }));
  assert.deepEqual(fixture.take('stop').map(({ to, message }) => [to, message.fences]), [[one, [claim.fence]]]);
  assert.equal(fixture.cell.module(claim.run, 0).phase, 'succeeded');
});

test('a claim is not assigned once more while what it needs is made again: it is handed back', () => {
  const fixture = new Fixture();
  const { cell, leader, sessions } = fixture;
  const takes: ModuleSketch = { files: { inputs: [{ variable: 'IN', module: 0, output: 'o' }], outputs: [] } };
  const run = cell.submit([module('a', [], { files: { inputs: [], outputs: [{ name: 'o', pattern: 'o' }] } }), module('b', [0], takes), module('c', [0, 1], takes)]);
  const cid = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy' as Cid;
  cell.result(run, 0, cell.claim(run, 0, sessions[1]), { ...succeeded(), files: { o: { kind: 'file', cid, name: 'o', size: 1, count: 1 } } }, { holders: [two] });
  const fence = cell.claim(run, 1, sessions[0]);
  cell.apply({ type: 'sessionExpire', session: sessions[1], reason: 'silent' });
  cell.apply({ type: 'invalidate', items: [{ run, module: 0, generation: 1 }] });
  assert.deepEqual([cell.module(run, 0).phase, cell.module(run, 1).phase], ['ready', 'claimed']);
  fixture.fake.process.run(() => leader.receive(one, { type: 'decline', cell: cellName, session: sessions[0], claims: [{ run, module: 1, fence }], needSpec: true }));
  assert.deepEqual(fixture.take('assign'), []);
  fixture.keepalive(sessions[0]);
  assert.deepEqual(fixture.commands('release').map(({ claims, reason }) => [claims, reason]), [[[{ run, module: 1, fence }], 'released']]);
});
