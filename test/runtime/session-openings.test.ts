/** Goal: one entry for a session however often it is asked for, an answer to each request, and no session in another's name. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { memberId, nodeId, type MemberId, type NodeId } from '../../src/core/lib/ids.ts';
import type { Command } from '../../src/core/cell/types.ts';
import { LeaderSessions } from '../../src/runtime/leader-sessions.ts';
import type { ProposalDone } from '../../src/runtime/proposals.ts';
import type { Replica } from '../../src/runtime/replica.ts';
import { SessionOpenings } from '../../src/runtime/session-openings.ts';
import { capabilities, cellName, TestCell } from '../core/cell/cells.ts';
import { FakeContext } from './fake-context.ts';

const node = nodeId('worker');
const member = memberId(node, 's1');

class Fixture {
  readonly fake = new FakeContext();
  readonly cell = new TestCell();
  readonly sessions = new LeaderSessions();
  readonly proposed: { readonly command: Command; readonly done: ProposalDone }[] = [];
  removed: MemberId[] = [];
  mayPlan = true;
  givenUp = false;
  readonly openings: SessionOpenings;

  constructor() {
    this.fake.connected.add(node);
    const replica = {
      state: this.cell.state,
      stamp: () => this.cell.now,
      mayPlan: () => this.mayPlan,
      evicted: (one: MemberId | '') => one !== '' && this.removed.includes(one),
      propose: (command: Command, done: ProposalDone) => this.proposed.push({ command, done }),
    };
    this.openings = new SessionOpenings({ context: this.fake.context, replica: replica as unknown as Replica, sessions: this.sessions, hint: () => ({ cell: cellName, node: '', addresses: [] }), givenUp: () => this.givenUp, heard: () => undefined });
  }

  ask(id: number, more: { readonly member?: MemberId | ''; readonly bootId?: string; readonly from?: NodeId } = {}): void {
    const { bootId = 'b1', from = node } = more;
    this.openings.receive(from, { type: 'sessionOpen', id, cell: cellName, member: more.member ?? member, bootId, name: 'w', version: '0', capabilities: capabilities(), addresses: [], running: [] });
  }

  commit(at: number): void {
    const { command, done } = this.proposed[at]!;
    const reply = this.cell.apply(command);
    for (const event of this.cell.events) {
      if (event.type === 'sessionOpened') this.sessions.open(this.cell.state, event.session, 0);
      else if (event.type === 'sessionClosed') this.sessions.close(event.session);
    }
    done({ reply, index: this.cell.index });
  }

  get answers(): string[] {
    this.fake.pass();
    return this.fake.takeWork().map(({ message }) => (message.type === 'sessionReply' ? `${message.id} ${message.session === 0 ? message.error || 'none' : message.session}` : message.type));
  }
}

test('asked three times, opened once, answered each time', () => {
  const fixture = new Fixture();
  fixture.ask(1);
  fixture.ask(2);
  assert.equal(fixture.proposed.length, 1);
  fixture.commit(0);
  const session = fixture.cell.index;
  fixture.ask(3);
  assert.deepEqual(fixture.answers, [`1 ${session}`, `2 ${session}`, `3 ${session}`]);
  assert.equal(fixture.proposed.length, 1);
});

test('another process or another disk is another session, also while the first is on its way', () => {
  const fixture = new Fixture();
  fixture.ask(1);
  fixture.ask(2, { member: memberId(node, 's2') });
  fixture.ask(3, { member: memberId(node, 's2'), bootId: 'b2' });
  assert.equal(fixture.proposed.length, 3);
  fixture.commit(0);
  fixture.commit(1);
  fixture.proposed[2]!.done(undefined);
  assert.deepEqual(fixture.answers.map((answer) => answer.replace(/ \d+$/, ' open')), ['1 open', '2 open', '3 none']);
});

test('no session in the name of another node, nor for a member that was removed', () => {
  const fixture = new Fixture();
  fixture.ask(1, { member: memberId(nodeId('other'), 's1') });
  fixture.removed.push(member);
  fixture.ask(2);
  assert.deepEqual(fixture.answers, ['1 REQUEST_INVALID', '2 MEMBER_REMOVED']);
  assert.equal(fixture.proposed.length, 0);
});

test('without the planner lease, or while it is being given up, an open session is not confirmed: nobody watches over it', () => {
  const fixture = new Fixture();
  fixture.ask(1);
  fixture.commit(0);
  assert.equal(fixture.answers.length, 1);
  fixture.mayPlan = false;
  fixture.ask(2);
  fixture.mayPlan = true;
  fixture.givenUp = true;
  fixture.ask(3);
  assert.deepEqual(fixture.answers, []);
  assert.equal(fixture.proposed.length, 1);
});
