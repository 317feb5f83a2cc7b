/** One test per sentence of PROTOCOL §4 that is the reducer's. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import { sessionOf } from '../../../src/core/cell/accessors.ts';
import { nodeId } from '../../../src/core/lib/ids.ts';
import { TestCell, capabilities, failed, module, succeeded } from './cells.ts';

test('SessionOpen with a new bootId supersedes the old session at once, and what it held is lost', () => {
  const cell = new TestCell();
  const old = cell.open('a');
  const run = cell.submit([module('x')]);
  cell.claim(run, 0, old);
  const fresh = cell.open('a', { bootId: 'again' });
  assert.ok(!cell.state.sessions.has(old));
  assert.equal(sessionOf(cell.state, nodeId('a'))?.id, fresh);
  const { phase, losses, session } = cell.module(run, 0);
  assert.deepEqual([phase, losses, session], ['ready', 1, 0]);
  assert.deepEqual(
    cell.events.map((event) => event.type),
    ['sessionOpened', 'module', 'sessionClosed'],
  );
});

test('running fences whose module was not claimed by another are claimed for it again, under the same fence', () => {
  const cell = new TestCell();
  const old = cell.open('a');
  const run = cell.submit([module('x')]);
  const fence = cell.claim(run, 0, old);
  const fresh = cell.open('a', { running: [{ run, module: 0, fence }] });
  const record = cell.module(run, 0);
  assert.deepEqual([record.phase, record.fence, record.session, record.losses, record.attempt], ['claimed', fence, fresh, 0, 1]);
  assert.equal(cell.state.sessions.get(fresh)!.milliCpuUsed, 1_000);
  assert.equal(cell.result(run, 0, fence, succeeded()), 'accepted');
});

test('the same after the old session had expired: the loss is taken back', () => {
  const cell = new TestCell();
  const old = cell.open('a');
  const run = cell.submit([module('x')]);
  const fence = cell.claim(run, 0, old);
  cell.apply({ type: 'sessionExpire', session: old, reason: 'silent' });
  assert.equal(cell.module(run, 0).losses, 1);
  const fresh = cell.open('a', { running: [{ run, module: 0, fence }] });
  assert.deepEqual([cell.module(run, 0).session, cell.module(run, 0).losses], [fresh, 0]);
});

test('a fence that another node has claimed over is not given back', () => {
  const cell = new TestCell();
  const first = cell.open('a');
  const second = cell.open('b');
  const run = cell.submit([module('x')]);
  const fence = cell.claim(run, 0, first);
  cell.apply({ type: 'sessionExpire', session: first, reason: 'silent' });
  cell.claim(run, 0, second);
  cell.open('a', { running: [{ run, module: 0, fence }] });
  assert.equal(cell.module(run, 0).session, second);
});

test('a node is not given a fence of another node, one that never was, or one whose module is final', () => {
  const cell = new TestCell();
  const first = cell.open('a');
  const run = cell.submit([module('x'), module('y')]);
  const fence = cell.claim(run, 0, first);
  const ended = cell.claim(run, 1, first);
  cell.result(run, 1, ended, succeeded());
  const running = [
    { run, module: 0, fence },
    { run, module: 0, fence: fence + 1 },
    { run, module: 1, fence: ended },
    { run: 999, module: 0, fence },
    { run, module: 77, fence },
  ];
  const second = cell.open('b', { running });
  assert.equal(cell.state.sessions.get(second)!.claims.size, 0);
  assert.equal(cell.module(run, 0).session, first);
});

test('a fence whose failure was counted is not claimed again', () => {
  const cell = new TestCell();
  const old = cell.open('a');
  const run = cell.submit([module('x', [], { retry: { attempts: 2 } })]);
  const fence = cell.claim(run, 0, old);
  cell.result(run, 0, fence, failed());
  cell.open('a', { running: [{ run, module: 0, fence }] });
  assert.equal(cell.module(run, 0).phase, 'ready');
});

test('a node that returns in the same boot without a claim it held has not lost it: nothing is counted', () => {
  const cell = new TestCell();
  const old = cell.open('a');
  const run = cell.submit([module('x')]);
  const fence = cell.claim(run, 0, old);
  cell.open('a');
  assert.deepEqual([cell.module(run, 0).phase, cell.module(run, 0).losses], ['ready', 0]);
  assert.ok(cell.events.some((event) => event.type === 'claimEnded' && event.fence === fence && event.why === 'released'));
});

test('SessionExpire is a log entry: its claims are ready again and a loss is counted, not an attempt', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('x')]);
  cell.claim(run, 0, session);
  cell.apply({ type: 'sessionExpire', session, reason: 'silent' });
  const { phase, losses, failures } = cell.module(run, 0);
  assert.deepEqual([phase, losses, failures], ['ready', 1, 0]);
  assert.equal(cell.refusal({ type: 'sessionExpire', session, reason: 'silent' }), 'REQUEST_INVALID', 'it is gone');
});

test('after 3 losses under one module it fails with POISON', () => {
  const cell = new TestCell();
  const run = cell.submit([module('x', [], { retry: { attempts: 9 } }), module('y', [0]), module('z')]);
  for (let i = 1; i <= 3; i++) {
    const session = cell.open('a');
    cell.claim(run, 0, session);
    cell.apply({ type: 'sessionExpire', session, reason: i === 2 ? 'socket' : 'silent' });
  }
  const { phase, outcome } = cell.module(run, 0);
  assert.deepEqual([phase, outcome?.error?.code], ['failed', 'POISON']);
  assert.equal(cell.module(run, 1).phase, 'skipped');
  assert.equal(cell.module(run, 2).phase, 'ready', 'an independent branch goes on');
});

test('losses that turned out to be none do not add up to POISON', () => {
  const cell = new TestCell();
  let session = cell.open('a');
  const run = cell.submit([module('x')]);
  const fence = cell.claim(run, 0, session);
  for (let i = 0; i < 5; i++) {
    cell.apply({ type: 'sessionExpire', session, reason: 'silent' });
    session = cell.open('a', { running: [{ run, module: 0, fence }] });
  }
  assert.deepEqual([cell.module(run, 0).phase, cell.module(run, 0).losses], ['claimed', 0]);
});

test('a node that left handed its work back: no loss, and its drain mark goes', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('x')]);
  cell.claim(run, 0, session);
  cell.apply({ type: 'nodeDrain', node: nodeId('a'), on: true });
  cell.apply({ type: 'sessionExpire', session, reason: 'left' });
  assert.deepEqual([cell.module(run, 0).phase, cell.module(run, 0).losses], ['ready', 0]);
  assert.notEqual(cell.claim(run, 0, cell.open('a')), 0);
});

test('drain keeps a node from new claims, not from those it has', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('x'), module('y')]);
  const fence = cell.claim(run, 0, session);
  cell.apply({ type: 'nodeDrain', node: nodeId('a'), on: true });
  assert.equal(cell.claim(run, 1, session), 0);
  assert.equal(cell.result(run, 0, fence, succeeded()), 'accepted');
  cell.apply({ type: 'nodeDrain', node: nodeId('a'), on: false });
  assert.notEqual(cell.claim(run, 1, session), 0);
});

test('the stamp of the state never goes back and ignores what is no time', () => {
  const cell = new TestCell();
  const { now } = cell.state;
  for (const stamp of [now - 5_000, NaN, -1, Infinity]) {
    cell.now = stamp;
    cell.apply({ type: 'nodeDrain', node: nodeId('a'), on: false });
    assert.equal(cell.state.now, now);
  }
  cell.now = now + 1.5;
  cell.apply({ type: 'nodeDrain', node: nodeId('a'), on: false });
  assert.equal(cell.state.now, now + 1);
});

test('capabilities that cannot be kept are refused', () => {
  const cell = new TestCell();
  const bad = [{ slots: NaN }, { slots: -1 }, { memory: Infinity }, { labels: { '\ud800': '' } }, { tools: { node: 'x'.repeat(1_000) } }, { gpus: Array.from({ length: 2_000 }, () => 'g') }];
  for (const more of bad) {
    const command = { type: 'sessionOpen', node: nodeId('a'), member: '', bootId: 'b', name: 'n', capabilities: capabilities(more), running: [] } as const;
    assert.equal(cell.refusal(command), 'REQUEST_INVALID', JSON.stringify(more));
  }
  assert.equal(cell.state.sessions.size, 0);
});

test('names of nodes outlive their sessions', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  cell.apply({ type: 'sessionExpire', session, reason: 'silent' });
  assert.equal(cell.state.nodeNames.get(nodeId('a')), 'node-a');
});
