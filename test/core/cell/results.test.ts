/** One test per sentence of PROTOCOL §6 about claims, fences and results. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import { inputsHashOf } from '../../../src/core/cell/inputs.ts';
import { DECLINED_WAIT_MS } from '../../../src/core/cell/limits.ts';
import type { ClaimItem } from '../../../src/core/cell/types.ts';
import { CLAIMS_PER_BATCH_MAX, fenceOf, type Fence, type RunNumber, type SessionId } from '../../../src/core/lib/ids.ts';
import { TestCell, failed, module, succeeded, type ModuleSketch } from './cells.ts';

test('fence = (index of ClaimBatch, position), strictly rising per module', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('x'), module('y')]);
  const fences = cell.claims([
    { run, module: 1, session },
    { run, module: 0, session },
  ]);
  assert.deepEqual(fences, [fenceOf(cell.index, 0), fenceOf(cell.index, 1)]);
  cell.apply({ type: 'release', claims: [{ run, module: 0, fence: fences[1]! }], reason: 'released' });
  assert.ok(cell.claim(run, 0, session) > fences[1]!);
});

const refusals: readonly (readonly [string, (cell: TestCell, run: RunNumber, session: SessionId) => ClaimItem])[] = [
  ['an unknown run', (_, run, session) => ({ run: run + 50, module: 0, session })],
  ['a module out of range', (_, run, session) => ({ run, module: 99, session })],
  ['a module number that is none', (_, run, session) => ({ run, module: 0.5, session })],
  ['an unknown session', (_, run, session) => ({ run, module: 0, session: session + 50 })],
  ['a module whose parents are not done', (_, run, session) => ({ run, module: 1, session })],
  [
    'a module that is claimed',
    (cell, run, session) => {
      cell.claim(run, 0, session);
      return { run, module: 0, session };
    },
  ],
  [
    'a final module',
    (cell, run, session) => {
      cell.result(run, 0, cell.claim(run, 0, session), succeeded());
      return { run, module: 0, session };
    },
  ],
  ['a label that the node lacks', (cell, _, session) => ({ run: cell.submit([module('g', [], { requires: { labels: ['gpu'] } })]), module: 0, session })],
  ['a label with another value', (cell, _, session) => ({ run: cell.submit([module('g', [], { requires: { labels: ['zone=b'] } })]), module: 0, session })],
  ['a tool that is too old', (cell, _, session) => ({ run: cell.submit([module('g', [], { requires: { tools: { node: '>=99' } } })]), module: 0, session })],
  ['another os', (cell, _, session) => ({ run: cell.submit([module('g', [], { requires: { os: ['darwin'] } })]), module: 0, session })],
  ['another arch', (cell, _, session) => ({ run: cell.submit([module('g', [], { requires: { arch: ['arm64'] } })]), module: 0, session })],
  ['a function that is not registered', (cell, _, session) => ({ run: cell.submit([module('g', [], { action: { type: 'registered', function: 'f' } })]), module: 0, session })],
  ['more cpu than there is', (cell, _, session) => ({ run: cell.submit([module('g', [], { requires: { cpu: 5 } })]), module: 0, session })],
  ['more memory than there is', (cell, _, session) => ({ run: cell.submit([module('g', [], { requires: { memory: 8_001 } })]), module: 0, session })],
];

for (const [what, prepare] of refusals) {
  test(`no claim for ${what}`, () => {
    const cell = new TestCell();
    const session = cell.open('a', { capabilities: { labels: { zone: 'a' }, tools: { node: '24.1.0' } } });
    const item = prepare(cell, cell.submit([module('x'), module('y', [0])]), session);
    assert.deepEqual(cell.claims([item]), [0]);
    assert.deepEqual(cell.events, []);
  });
}

test('cpu and memory are reserved when a claim is committed, within one batch too, and given back when it ends', () => {
  const cell = new TestCell();
  const session = cell.open('a', { capabilities: { slots: 4, memory: 1_000 } });
  const run = cell.submit([module('a', [], { requires: { cpu: 3 } }), module('b', [], { requires: { cpu: 2 } }), module('c', [], { requires: { memory: 600 } }), module('d', [], { requires: { cpu: 0, memory: 600 } })]);
  const fences = cell.claims([0, 1, 2, 3].map((index) => ({ run, module: index, session })));
  assert.deepEqual(
    fences.map((fence) => fence !== 0),
    [true, false, true, false],
  );
  cell.result(run, 0, fences[0]!, succeeded());
  assert.notEqual(cell.claim(run, 1, session), 0);
});

test('a label without value, a gpu and a registered function fit', () => {
  const cell = new TestCell();
  const session = cell.open('a', { capabilities: { gpus: ['RTX'], labels: { ssd: '', zone: 'a=b' }, functions: ['f'] } });
  const requires = { labels: ['gpu', 'ssd', 'zone', 'zone=a=b'] };
  const run = cell.submit([module('x', [], { requires, action: { type: 'registered', function: 'f' } })]);
  assert.notEqual(cell.claim(run, 0, session), 0);
});

test('a batch over the limit is refused as a whole', () => {
  const cell = new TestCell();
  const claims = Array.from({ length: CLAIMS_PER_BATCH_MAX + 1 }, () => ({ run: 1, module: 0, session: 1 }));
  assert.equal(cell.refusal({ type: 'claimBatch', claims }), 'LIMIT_EXCEEDED');
});

/** Node a claims a module and is lost, node b claims it again. */
function claimedTwice(more: ModuleSketch = {}): { cell: TestCell; run: RunNumber; older: Fence; newer: Fence; b: SessionId } {
  const cell = new TestCell();
  const a = cell.open('a');
  const b = cell.open('b');
  const run = cell.submit([module('p'), module('x', [0], more), module('y', [1])]);
  cell.result(run, 0, cell.claim(run, 0, a), succeeded({ value: 1 }));
  const older = cell.claim(run, 1, a);
  cell.apply({ type: 'sessionExpire', session: a, reason: 'silent' });
  return { cell, run, older, newer: cell.claim(run, 1, b), b };
}

test('already final: the first record stands', () => {
  const { cell, run, older, newer } = claimedTwice();
  assert.equal(cell.result(run, 1, newer, succeeded({ from: 'b' })), 'accepted');
  assert.equal(cell.result(run, 1, newer, succeeded({ from: 'b' })), 'duplicate');
  assert.equal(cell.result(run, 1, older, succeeded({ from: 'a' })), 'duplicate');
  assert.equal(cell.result(run, 1, newer, failed()), 'duplicate');
  assert.deepEqual(cell.module(run, 1).outcome?.values, { from: 'b' });
});

test('another generation is stale', () => {
  const { cell, run, newer } = claimedTwice();
  for (const generation of [0, 2, NaN]) assert.equal(cell.result(run, 1, newer, succeeded(), { generation }), 'stale');
});

test('the last fence is accepted even if its session expired, even effectful', () => {
  for (const effectful of [false, true]) {
    const cell = new TestCell();
    const session = cell.open('a');
    const run = cell.submit([module('x', [], { effectful })]);
    const fence = cell.claim(run, 0, session);
    cell.apply({ type: 'sessionExpire', session, reason: 'silent' });
    assert.equal(cell.result(run, 0, fence, succeeded()), 'accepted');
    assert.deepEqual([cell.module(run, 0).phase, cell.module(run, 0).losses], ['succeeded', 0]);
  }
});

test('an older fence is accepted if ok and on the same inputs, and the newer claim is cancelled', () => {
  const { cell, run, older, newer, b } = claimedTwice();
  assert.equal(cell.result(run, 1, older, succeeded()), 'accepted');
  const record = cell.module(run, 1);
  assert.deepEqual([record.phase, record.acceptedFence, record.nodeId, record.session], ['succeeded', older, 'a', 0]);
  assert.deepEqual(cell.events[0], { type: 'claimEnded', run, module: 1, fence: newer, session: b, why: 'superseded' });
  assert.equal(cell.state.sessions.get(b)!.milliCpuUsed, 0);
  assert.equal(cell.result(run, 1, newer, succeeded()), 'duplicate');
});

const stale: readonly (readonly [string, ModuleSketch, Partial<{ inputsHash: string; ok: boolean; fence: Fence }>])[] = [
  ['failed', {}, { ok: false }],
  ['on other inputs', {}, { inputsHash: 'ffff' }],
  ['of an effectful module', { effectful: true }, {}],
  ['that was never issued', {}, { fence: 1 }],
  ['of another module', {}, { fence: fenceOf(5, 0) }],
  ['from the future', {}, { fence: fenceOf(10_000, 0) }],
];

for (const [what, more, { inputsHash, ok = true, fence }] of stale) {
  test(`an older fence is stale: ${what}`, () => {
    const { cell, run, older, newer } = claimedTwice(more);
    const verdict = cell.result(run, 1, fence ?? older, ok ? succeeded() : failed(), inputsHash === undefined ? {} : { inputsHash });
    assert.equal(verdict, 'stale');
    assert.deepEqual([cell.module(run, 1).phase, cell.module(run, 1).fence], ['claimed', newer]);
  });
}

test('fence 0 never counts, not even for a module that was never claimed', () => {
  const cell = new TestCell();
  const run = cell.submit([module('x')]);
  assert.equal(cell.result(run, 0, 0, succeeded()), 'stale');
});

test('unknown run or module', () => {
  const cell = new TestCell();
  const run = cell.submit([module('x')]);
  assert.equal(cell.result(run + 9, 0, 1, succeeded()), 'unknown');
  assert.equal(cell.result(run, 9, 1, succeeded()), 'unknown');
});

test('Cancel makes modules final at its index: later results are duplicates', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('x')]);
  const fence = cell.claim(run, 0, session);
  cell.apply({ type: 'cancel', run, reason: '' });
  assert.equal(cell.result(run, 0, fence, succeeded()), 'duplicate');
  assert.equal(cell.module(run, 0).phase, 'cancelled');
});

test('a failed attempt is counted once however often it is reported', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('x', [], { retry: { attempts: 3 } })]);
  const fence = cell.claim(run, 0, session);
  assert.deepEqual([cell.result(run, 0, fence, failed()), cell.result(run, 0, fence, failed())], ['accepted', 'duplicate']);
  assert.equal(cell.module(run, 0).failures, 1);
});

for (const [code, waitMs] of [['NODE_STOPPING', 0], ['MODULE_CANCELLED', 0], ['MODULE_FENCED', 0], ['NODE_EXHAUSTED', DECLINED_WAIT_MS]] as const) {
  test(`${code} is no attempt, and no loss: the module is ready again${waitMs === 0 ? ' at once' : ', and waits a moment'}`, () => {
    const cell = new TestCell();
    const session = cell.open('a');
    const run = cell.submit([module('x')]);
    const fence = cell.claim(run, 0, session);
    assert.equal(cell.result(run, 0, fence, failed(code)), 'accepted');
    const record = cell.module(run, 0);
    assert.deepEqual([record.phase, record.failures, record.losses, record.session], ['ready', 0, 0, 0]);
    assert.equal(record.notBefore, waitMs === 0 ? 0 : cell.state.now + waitMs);
    cell.now += waitMs;
    assert.notEqual(cell.claim(run, 0, session), 0);
  });
}

test('a lost node is not counted a second time when it reports that it was fenced', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('x', [], { effectful: true })]);
  const fence = cell.claim(run, 0, session);
  cell.apply({ type: 'sessionExpire', session, reason: 'silent' });
  cell.result(run, 0, fence, failed('MODULE_FENCED'));
  assert.deepEqual([cell.module(run, 0).phase, cell.module(run, 0).losses], ['ready', 1]);
});

test('inputsHash depends on the values of the needs and on nothing else', () => {
  const hash = (values: Record<string, number>, name: string): string => {
    const cell = new TestCell();
    const session = cell.open('a');
    const run = cell.submit([module(name), module('child', [0])]);
    assert.equal(inputsHashOf(cell.state, run, 1), '', 'not known before the needs are done');
    cell.result(run, 0, cell.claim(run, 0, session), succeeded(values));
    return inputsHashOf(cell.state, run, 1);
  };
  assert.equal(hash({ a: 1, b: 2 }, 'x'), hash({ b: 2, a: 1 }, 'y'));
  assert.notEqual(hash({ a: 1 }, 'x'), hash({ a: 2 }, 'x'));
  assert.notEqual(hash({}, 'x'), hash({ a: 1 }, 'x'));
  assert.equal(inputsHashOf(new TestCell().state, 1, 0), '');
});

test('release: declined waits a moment, handed back does not, only the live fence counts', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('x')]);
  const first = cell.claim(run, 0, session);
  cell.apply({ type: 'release', claims: [{ run, module: 0, fence: first + 1 }], reason: 'released' });
  assert.equal(cell.module(run, 0).phase, 'claimed');
  cell.apply({ type: 'release', claims: [{ run, module: 0, fence: first }], reason: 'declined' });
  assert.equal(cell.claim(run, 0, session), 0);
  cell.now += 250;
  const second = cell.claim(run, 0, session);
  cell.apply({ type: 'release', claims: [{ run, module: 0, fence: second }], reason: 'released' });
  assert.notEqual(cell.claim(run, 0, session), 0);
  assert.deepEqual([cell.module(run, 0).failures, cell.module(run, 0).losses], [0, 0]);
});

test('release lost counts a loss, but an effectful claim waits for its session to expire', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('x'), module('y', [], { effectful: true })]);
  const claims = [0, 1].map((index) => ({ run, module: index, fence: cell.claim(run, index, session) }));
  cell.apply({ type: 'release', claims, reason: 'lost' });
  assert.deepEqual([cell.module(run, 0).phase, cell.module(run, 0).losses], ['ready', 1]);
  assert.deepEqual([cell.module(run, 1).phase, cell.module(run, 1).losses], ['claimed', 0]);
});

test('release timeout is a failed attempt; an effectful module is not tried again, since nobody saw it stop', () => {
  for (const effectful of [false, true]) {
    const cell = new TestCell();
    const session = cell.open('a');
    const run = cell.submit([module('x', [], { effectful, timeoutMs: 10, retry: { attempts: 2 } })]);
    const fence = cell.claim(run, 0, session);
    cell.apply({ type: 'release', claims: [{ run, module: 0, fence }], reason: 'timeout' });
    const record = cell.module(run, 0);
    assert.deepEqual([record.phase, record.failures, record.outcome?.error?.code], [effectful ? 'failed' : 'ready', 1, 'MODULE_TIMEOUT']);
    assert.ok(cell.events.some((event) => event.type === 'claimEnded' && event.why === 'timeout'));
    if (!effectful) assert.equal(cell.result(run, 0, fence, succeeded()), 'accepted', 'it was late, not lost');
  }
});

test('values over 4 KB, or no JSON, make the attempt fail with MODULE_OUTPUT', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const bad = [{ v: 'x'.repeat(4_096) }, { v: NaN }, { v: '\ud800' }, { ['n'.repeat(300)]: 1 }, Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`v${i}`, 'x'.repeat(4_000)]))];
  for (const values of bad) {
    const run = cell.submit([module('x')]);
    assert.equal(cell.result(run, 0, cell.claim(run, 0, session), succeeded(values)), 'accepted');
    assert.equal(cell.module(run, 0).outcome?.error?.code, 'MODULE_OUTPUT');
    assert.equal(cell.phase(run), 'failed');
  }
  const run = cell.submit([module('x')]);
  cell.result(run, 0, cell.claim(run, 0, session), succeeded({ v: 'x'.repeat(4_094) }));
  assert.equal(cell.phase(run), 'succeeded');
});

test('text of an outcome is cut to its limits: the end of the tail, the start of the message', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('x')]);
  const outcome = { ...failed(), tail: `${'a'.repeat(3_000)}end`, error: { code: 'c'.repeat(100), message: `start${'m'.repeat(3_000)}` }, exitCode: NaN, durationMs: -1 };
  cell.result(run, 0, cell.claim(run, 0, session), outcome);
  const kept = cell.module(run, 0).outcome!;
  assert.ok(kept.tail.length === 2_048 && kept.tail.endsWith('end'));
  assert.ok(kept.error!.message.startsWith('start') && kept.error!.message.length === 1_024);
  assert.deepEqual([kept.error!.code.length, kept.exitCode, kept.durationMs], [64, null, 0]);
});
