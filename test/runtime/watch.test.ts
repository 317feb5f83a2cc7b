/** Goal: whoever follows a run hears all of it, in order, through snapshots, lost messages and changes of the node asked. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeId, type NodeId } from '../../src/core/lib/ids.ts';
import type { CellState } from '../../src/core/cell/state.ts';
import type { WorkMessage } from '../../src/protocol/messages.ts';
import type { RunEvent } from '../../src/runtime/api.ts';
import { EventFeed, newestSequence } from '../../src/runtime/event-feed.ts';
import { WatchClient, WatchServer } from '../../src/runtime/watch.ts';
import { cellName, module, succeeded, TestCell } from '../core/cell/cells.ts';
import { FakeContext } from './fake-context.ts';

/** A cell whose events go to a feed, as those of a replica do. */
class Followed {
  readonly cell = new TestCell();
  readonly feed = new EventFeed();
  readonly session = this.cell.open('a');

  push(): void {
    this.feed.push(this.cell.index, this.cell.events, this.cell.state);
  }

  submit(): number {
    const run = this.cell.submit([module('one')]);
    this.push();
    return run;
  }

  claim(run: number): number {
    const fence = this.cell.claim(run, 0, this.session);
    this.push();
    return fence;
  }

  finish(run: number, fence: number): void {
    this.cell.result(run, 0, fence, succeeded());
    this.push();
  }
}

const phases = (events: readonly RunEvent[]): string[] => events.map(({ type, phase }) => `${type} ${phase}`);
const rising = (events: readonly RunEvent[]): boolean => events.every(({ sequence }, at) => at === 0 || sequence >= events[at - 1]!.sequence);

test('feed: a pause and its end, as they happen and as the present state', () => {
  const followed = new Followed();
  const run = followed.submit();
  const pause = (on: boolean, reason = ''): void => {
    followed.cell.apply({ type: 'runPause', run, on, reason });
    followed.push();
  };
  const heard: RunEvent[] = [];
  followed.feed.watch(run, 0, followed.cell.state, (event) => heard.push(event));
  pause(true, 'first');
  pause(false);
  const fence = followed.claim(run);
  pause(true, 'second');
  assert.deepEqual(heard.map(({ phase, note }) => `${phase} ${note}`.trim()), ['queued', 'paused first', 'queued', 'running', 'paused second']);
  followed.feed.reset(followed.cell.state);
  const late: RunEvent[] = [];
  followed.feed.watch(run, 0, followed.cell.state, (event) => late.push(event));
  assert.deepEqual(phases(late), ['run queued', 'module running', 'run paused']);
  pause(false);
  followed.finish(run, fence);
  assert.deepEqual(phases(late).slice(3), ['run running', 'module succeeded', 'run succeeded']);
});

test('feed: a second copy and the end of one of two', () => {
  const cell = new TestCell();
  const feed = new EventFeed();
  const [a, b] = [cell.open('a'), cell.open('b')];
  const apply = (...command: Parameters<TestCell['apply']>): void => {
    cell.apply(...command);
    feed.push(cell.index, cell.events, cell.state);
  };
  const run = cell.submit([module('one', [], { policy: { priority: 0, limits: [], hedgeFactor: 2 } })]);
  const heard: RunEvent[] = [];
  const end = feed.watch(run, undefined, cell.state, (event) => heard.push(event));
  apply({ type: 'claimBatch', claims: [{ run, module: 0, session: a }] });
  apply({ type: 'hedgeBatch', claims: [{ run, module: 0, session: b }] });
  const { fence } = cell.module(run, 0).hedge!;
  apply({ type: 'release', claims: [{ run, module: 0, fence }], reason: 'declined' });
  end();
  const other = cell.submit([module('two', [], { policy: { priority: 0, limits: [], hedgeFactor: 2 } })]);
  apply({ type: 'claimBatch', claims: [{ run: other, module: 0, session: a }] });
  apply({ type: 'hedgeBatch', claims: [{ run: other, module: 0, session: b }] });
  const late: RunEvent[] = [];
  feed.reset(cell.state);
  feed.watch(other, 0, cell.state, (event) => late.push(event));
  const told = heard.filter(({ type }) => type === 'copy').map(({ node, note, module: name, fence: of }) => [node, note.split(':')[0], name, of === fence]);
  assert.deepEqual(told, [['node-b', 'a second copy was started', 'one', true], ['node-b', 'one of two copies ended', 'one', true]]);
  assert.deepEqual(late.slice(0, 3).map(({ type, node }) => `${type} ${node}`.trim()), ['run', 'module node-a', 'copy node-b']);
});

test('feed: the past from any point, then what happens; another run is not told', () => {
  const followed = new Followed();
  const run = followed.submit();
  const other = followed.submit();
  const heard: RunEvent[] = [];
  const end = followed.feed.watch(run, 0, followed.cell.state, (event) => heard.push(event));
  const fence = followed.claim(run);
  followed.claim(other);
  const late: RunEvent[] = [];
  followed.feed.watch(run, heard.at(-1)!.sequence, followed.cell.state, (event) => late.push(event));
  followed.finish(run, fence);
  assert.deepEqual(phases(heard), ['run queued', 'module running', 'module succeeded', 'run succeeded']);
  assert.deepEqual(phases(late), ['module succeeded', 'run succeeded']);
  assert.ok(rising(heard));
  end();
  followed.submit();
  assert.equal(heard.length, 4);
});

test('feed: what a snapshot replaced is told as the present state, also the end of a run', () => {
  const followed = new Followed();
  const run = followed.submit();
  const heard: RunEvent[] = [];
  followed.feed.watch(run, 0, followed.cell.state, (event) => heard.push(event));
  const before = heard.at(-1)!.sequence;
  followed.cell.result(run, 0, followed.cell.claim(run, 0, followed.session), succeeded()); // never pushed: it came as a whole
  followed.feed.reset(followed.cell.state);
  assert.deepEqual(phases(heard).slice(-3), ['run queued', 'module succeeded', 'run succeeded']);
  assert.ok(rising(heard));
  assert.equal(heard.at(-1)!.sequence, newestSequence(followed.cell.state));
  assert.deepEqual(heard.slice(-3, -1).map(({ sequence }) => sequence), [before, before], 'only the last moves a watcher on');
  const known = heard.length;
  followed.feed.reset(followed.cell.state);
  assert.equal(heard.length, known, 'told once');
});

test('feed: a node that is behind tells nobody again what another node told', () => {
  const followed = new Followed();
  const run = followed.submit();
  const heard: RunEvent[] = [];
  followed.feed.watch(run, newestSequence(followed.cell.state) + 2 ** 21, followed.cell.state, (event) => heard.push(event));
  const fence = followed.claim(run);
  followed.finish(run, fence);
  assert.deepEqual(phases(heard), ['module succeeded', 'run succeeded'].slice(0, heard.length));
  assert.ok(!phases(heard).includes('module running'));
});

interface Pair {
  readonly followed: Followed;
  readonly server: FakeContext;
  readonly client: FakeContext;
  readonly watches: WatchClient;
  readonly watchServer: WatchServer;
  serves: CellState | undefined;
  local: boolean;
  /** Carries what was sent; `lose` drops it. */
  carry(lose?: (message: WorkMessage) => boolean): void;
}

const there = nodeId('there');
const here = nodeId('self');

function pair(): Pair {
  const followed = new Followed();
  const [server, client] = [new FakeContext({ self: 'there' }), new FakeContext()];
  server.connected.add(here);
  client.connected.add(there);
  const local = new EventFeed();
  const made: Pair = {
    followed,
    server,
    client,
    serves: followed.cell.state,
    local: false,
    watchServer: new WatchServer(server.context, followed.feed, () => made.serves),
    watches: new WatchClient(client.context, {
      target: () => ({ cell: cellName, node: there }),
      local: () => (made.local ? { feed: local, state: followed.cell.state } : undefined),
    }),
    carry: (lose = () => false) => {
      for (let round = 0; round < 4; round += 1) {
        server.pass();
        client.pass();
        for (const { message } of client.takeWork()) if (message.type === 'watch' && !lose(message)) server.process.run(() => made.watchServer.receive(here, message));
        for (const { message } of server.takeWork()) if (message.type === 'watchEvents' && !lose(message)) made.watches.receive(there, message);
      }
    },
  };
  return made;
}

function follow(made: Pair, run: number): RunEvent[] {
  const heard: RunEvent[] = [];
  made.watches.watch(run, 0, (event) => heard.push(event));
  made.carry();
  return heard;
}

function passBoth(made: Pair, ms: number): void {
  for (let at = 0; at < ms; at += 250) {
    made.client.pass(250);
    made.server.pass(250);
    made.carry();
  }
}

test('from a node without a log: all of it, in order', () => {
  const made = pair();
  const run = made.followed.submit();
  const heard = follow(made, run);
  made.followed.finish(run, made.followed.claim(run));
  made.carry();
  assert.deepEqual(phases(heard), ['run queued', 'module running', 'module succeeded', 'run succeeded']);
});

test('what was lost with a connection that closed is told again', () => {
  const made = pair();
  const run = made.followed.submit();
  const heard = follow(made, run);
  made.followed.finish(run, made.followed.claim(run));
  made.carry((message) => message.type === 'watchEvents');
  made.watches.peerDown(there);
  made.watchServer.peerDown(here);
  passBoth(made, 500);
  assert.deepEqual(phases(heard).slice(-2), ['module succeeded', 'run succeeded']);
});

test('what was lost without anybody noticing is told again with a later renewal', () => {
  const made = pair();
  const run = made.followed.submit();
  const heard = follow(made, run);
  made.followed.finish(run, made.followed.claim(run));
  made.carry((message) => message.type === 'watchEvents');
  passBoth(made, 15_000);
  assert.deepEqual(phases(heard), ['run queued', 'module running', 'module succeeded', 'run succeeded']);
});

test('a node that lost its log says so, and is asked again', () => {
  const made = pair();
  const run = made.followed.submit();
  const heard = follow(made, run);
  made.serves = undefined;
  passBoth(made, 10_000);
  made.serves = made.followed.cell.state;
  made.followed.finish(run, made.followed.claim(run));
  passBoth(made, 1000);
  assert.deepEqual(phases(heard).slice(-2), ['module succeeded', 'run succeeded']);
});

test('events count only from the node that was asked, and none after the end', () => {
  const made = pair();
  const run = made.followed.submit();
  const heard: RunEvent[] = [];
  const end = made.watches.watch(run, 0, (event) => heard.push(event));
  made.client.pass();
  const [asked] = made.client.takeWork();
  assert.ok(asked?.message.type === 'watch');
  const { id } = asked.message;
  const event = { sequence: 1, type: 'run', phase: 'queued' } as unknown as RunEvent;
  const tell = (from: NodeId): void => made.watches.receive(from, { type: 'watchEvents', id, events: [event as never], gone: false });
  tell(nodeId('stranger'));
  made.client.pass();
  assert.equal(heard.length, 0);
  tell(there);
  end();
  made.client.pass();
  assert.equal(heard.length, 0, 'it was ended before its turn');
});

test('a subscription that nobody renews ends on the server', () => {
  const made = pair();
  const run = made.followed.submit();
  follow(made, run);
  made.server.pass(40_000);
  made.followed.claim(run);
  made.server.pass();
  assert.deepEqual(made.server.takeWork(), []);
});
