/** Goal: for every reason why a module is not running there is a sentence that names what would help, and a word for each node. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import { nodeId, type Cid, type RunNumber, type SessionId } from '../../../src/core/lib/ids.ts';
import { explain, Explainer, type Explanation, type ExplainInit } from '../../../src/core/plan/explain.ts';
import type { NodeOutlook } from '../../../src/core/plan/explain-nodes.ts';
import { span } from '../../../src/core/plan/explain-words.ts';
import type { ModulePolicy, ModuleSpec, RunPolicy } from '../../../src/core/cell/types.ts';
import { TestCell, failed, module, succeeded } from '../cell/cells.ts';

const policy = (more: Partial<ModulePolicy>): { readonly policy: ModulePolicy } => ({ policy: { priority: 0, limits: [], hedgeFactor: 0, ...more } });
const mutex = (...keys: string[]): { readonly policy: ModulePolicy } => policy({ limits: keys.map((key) => ({ key, max: 1 })) });

class Case {
  readonly cell = new TestCell();
  readonly run: RunNumber;

  constructor(modules: readonly ModuleSpec[], runPolicy: Partial<RunPolicy> = {}) {
    this.run = this.submit(modules, runPolicy);
  }

  submit(modules: readonly ModuleSpec[], runPolicy: Partial<RunPolicy> = {}): RunNumber {
    return this.cell.submit(modules, undefined, 'pipeline', runPolicy);
  }

  whole(index: number, init: ExplainInit = {}, run = this.run): Explanation {
    return new Explainer(this.cell.state, { now: this.cell.now, ...init }).module(this.cell.state.runs.get(run)!.modules[index]!);
  }

  why(index: number, init: ExplainInit = {}, run = this.run): string {
    const { summary, reasons } = this.whole(index, init, run);
    assert.equal(summary, reasons.map(({ text }) => text).join('; '));
    assert.equal(summary, explain(this.cell.state, run, index, { now: this.cell.now, ...init }));
    return summary;
  }

  codes(index: number, init: ExplainInit = {}): string[] {
    return this.whole(index, init).reasons.map(({ code }) => code);
  }

  nodes(index: number, init: ExplainInit = {}, run = this.run): string[] {
    return this.whole(index, init, run).nodes.map(({ node, verdict, text }) => `${node} ${verdict}: ${text}`);
  }

  /** Without what only the leader knows: everybody answers. */
  outlook(changes: ReadonlyMap<SessionId, Partial<NodeOutlook>> = new Map()): NodeOutlook[] {
    return Array.from(this.cell.state.sessions.values(), ({ id, capabilities }) => ({ session: id, slots: capabilities.slots, silentMs: 0, ...changes.get(id) }));
  }
}

test('waits for its needs: those that run, then those that could, then the others', () => {
  const at = new Case([module('a'), module('b'), module('c'), module('d', [1]), module('e', [2, 3, 1, 0])]);
  const session = at.cell.open('x');
  at.cell.result(at.run, 2, at.cell.claim(at.run, 2, session), succeeded());
  at.cell.claim(at.run, 0, session);
  at.cell.now += 200_000;
  assert.equal(at.why(4), 'waits for a (running on node-x for 3 min), b (ready) and d');
  assert.deepEqual(at.codes(4), ['needs']);
  assert.equal(explain(at.cell.state, at.run, 9), '');
});

test('a long list of needs is cut', () => {
  const at = new Case([...Array.from({ length: 8 }, (_, i) => module(`m${i}`)), module('all', [0, 1, 2, 3, 4, 5, 6, 7])]);
  at.cell.open('x');
  assert.equal(at.why(8), 'waits for m0 (ready), m1 (ready), m2 (ready), m3 (ready) and 4 more');
});

test('executing and ended', () => {
  const at = new Case([module('a', [], { retry: { attempts: 3 } }), module('b'), module('c')]);
  const session = at.cell.open('x');
  at.cell.open('y');
  at.cell.claim(at.run, 0, session);
  at.cell.claim(at.run, 1, session);
  at.cell.now += 14_000;
  assert.equal(at.why(0), 'runs on node-x for 14 s (attempt 1 of 3)');
  assert.deepEqual(at.nodes(0), ['node-x executes: executes it for 14 s']);
  assert.equal(at.why(1, { outlook: [{ session, slots: 4, silentMs: 8_000 }] }), 'runs on node-x for 14 s; node-x does not answer (last heard of 8 s ago)');
  at.cell.result(at.run, 2, at.cell.claim(at.run, 2, session), succeeded());
  assert.deepEqual([at.why(2), at.codes(2), at.nodes(2)], ['succeeded on node-x', ['ended'], []]);
});

test('two copies', () => {
  const at = new Case([module('a', [], policy({ hedgeFactor: 2 })), module('b', [0])]);
  const [x, y] = [at.cell.open('x'), at.cell.open('y')];
  at.cell.claim(at.run, 0, x);
  at.cell.now += 180_000;
  at.cell.apply({ type: 'hedgeBatch', claims: [{ run: at.run, module: 0, session: y }] });
  at.cell.now += 9_000;
  assert.equal(at.why(0), 'runs on node-x for 3 min and, as a second copy, on node-y for 9 s');
  assert.deepEqual(at.nodes(0), ['node-x executes: executes it for 3 min', 'node-y executes: executes a second copy for 9 s']);
  assert.equal(at.why(1), 'waits for a (running on node-x for 3 min)');
});

test('a retry, a failed, a skipped and a cancelled module', () => {
  const at = new Case([module('a', [], { retry: { attempts: 2, backoffMs: 12_000 } }), module('b', [0])]);
  const session = at.cell.open('x');
  at.cell.result(at.run, 0, at.cell.claim(at.run, 0, session), failed());
  assert.equal(at.why(0), 'next attempt in 12 s (attempt 2 of 2, after MODULE_EXIT)');
  // Nothing is written while it waits, but time passes.
  assert.equal(at.why(0, { now: at.cell.now + 5_500 }), 'next attempt in 7 s (attempt 2 of 2, after MODULE_EXIT)');
  at.cell.now += 12_000;
  at.cell.result(at.run, 0, at.cell.claim(at.run, 0, session), failed());
  assert.deepEqual([at.why(0), at.why(1)], ['MODULE_EXIT', 'needs a, which failed']);
  const other = at.submit([module('c')]);
  at.cell.apply({ type: 'cancel', run: other, reason: 'no need' });
  assert.equal(at.why(0, {}, other), 'the run was cancelled: no need');
});

test('the queue is paused, the run is paused, or both', () => {
  const at = new Case([module('a'), module('b', [0])]);
  at.cell.open('x');
  at.cell.apply({ type: 'runPause', run: at.run, on: true, reason: '' });
  at.cell.now += 5_000;
  at.cell.apply({ type: 'queuePause', on: true, reason: 'maintenance' });
  at.cell.now += 180_000;
  assert.equal(at.why(0), 'the queue has been paused for 3 min (maintenance); the run has been paused for 3 min');
  assert.equal(at.why(1), 'waits for a (ready); the queue has been paused for 3 min (maintenance); the run has been paused for 3 min');
  assert.deepEqual(at.codes(0), ['queue-paused', 'run-paused']);
  assert.deepEqual(at.nodes(0), ['node-x room: has room (4 of 4 cpu free)']);
  at.cell.apply({ type: 'queuePause', on: false, reason: '' });
  assert.equal(at.why(0), 'the run has been paused for 3 min');
});

test('a mutex: who holds it, where and for how long', () => {
  const at = new Case([module('a', [], mutex('nas')), module('b', [], mutex('nas', 'tape')), module('c', [], mutex('tape'))]);
  const session = at.cell.open('x');
  const { shortId } = at.cell.state.runs.get(at.run)!;
  at.cell.claim(at.run, 0, session);
  at.cell.now += 14_000;
  assert.equal(at.why(1), `mutex nas is held by run ${shortId}/a on node-x for 14 s`);
  at.cell.claim(at.run, 2, session);
  assert.equal(at.why(1), `mutex nas is held by run ${shortId}/a on node-x for 14 s; mutex tape is held by run ${shortId}/c on node-x for 0 s`);
  at.cell.apply({ type: 'cancel', run: at.run, reason: '' });
  const other = at.submit([module('d', [], mutex('nas'))]);
  assert.equal(at.why(0, {}, other), `mutex nas is held by run ${shortId}/a on node-x, until it has stopped there`);
});

test('a limit: how many of how many, and by whom', () => {
  const licences = policy({ limits: [{ key: 'licences', max: 6 }] });
  const at = new Case(Array.from({ length: 7 }, (_, i) => module(`m${i}`, [], licences)));
  const sessions = [at.cell.open('x'), at.cell.open('y')];
  const { shortId } = at.cell.state.runs.get(at.run)!;
  for (let i = 0; i < 6; i++) at.cell.claim(at.run, i, sessions[i % 2]!);
  const holders = [0, 1, 2, 3].map((i) => `run ${shortId}/m${i} on node-${i % 2 === 0 ? 'x' : 'y'} for 0 s`).join(', ');
  assert.equal(at.why(6), `limit licences: 6 of 6 held by ${holders} and 2 more`);
  assert.deepEqual(at.codes(6), ['limit']);
});

test('the run is at its max-parallel', () => {
  const at = new Case([module('a'), module('b'), module('c')], { parallelMax: 2 });
  const session = at.cell.open('x');
  at.cell.claim(at.run, 0, session);
  assert.equal(at.why(2), 'about to be claimed');
  at.cell.claim(at.run, 1, session);
  assert.equal(at.why(2), 'the run is at its max-parallel of 2');
});

test('a barrier: which wave, and what is left of the one before', () => {
  const at = new Case([module('a'), module('b'), module('c', [0]), module('d', [2])], { barrier: 'wave' });
  const session = at.cell.open('x');
  at.cell.result(at.run, 0, at.cell.claim(at.run, 0, session), succeeded());
  assert.equal(at.why(2), 'is in wave 2 of 3; wave 1 has 1 module left (barrier)');
  assert.equal(at.why(3), 'waits for c; is in wave 3 of 3; wave 1 has 1 module left (barrier)');
  at.cell.result(at.run, 1, at.cell.claim(at.run, 1, session), succeeded());
  assert.equal(at.why(2), 'about to be claimed');
});

test('no node fits: what nobody has, and the node that lacks least', () => {
  const at = new Case([module('a', [], { requires: { labels: ['gpu'], tools: { ffmpeg: '>=6' } } }), module('b', [0], { requires: { labels: ['gpu'] } })]);
  assert.equal(at.why(0), 'no node is connected');
  at.cell.open('x');
  assert.equal(at.why(0), 'needs label gpu and tool ffmpeg >=6: no node has them (nearest: node-x lacks label gpu and tool ffmpeg >=6)');
  at.cell.open('b', { capabilities: { tools: { ffmpeg: '7.0' } } });
  assert.equal(at.why(0), 'needs label gpu: no node has it (nearest: node-b lacks label gpu)');
  assert.equal(at.why(1), 'waits for a (ready); needs label gpu: no node has it (nearest: node-b lacks label gpu)');
  at.cell.open('c', { capabilities: { labels: { gpu: '' }, tools: { ffmpeg: '5.1' } } });
  assert.equal(at.why(0), 'no node has all that it needs (nearest: node-b lacks label gpu)');
  assert.deepEqual(at.nodes(0), ['node-b unfit: lacks label gpu', 'node-c unfit: lacks tool ffmpeg >=6 (has 5.1)', 'node-x unfit: lacks label gpu and tool ffmpeg >=6']);
});

test('too big for every node', () => {
  const at = new Case([module('a', [], { requires: { cpu: 16 } }), module('b', [], { requires: { memory: 3 * 2 ** 30 } }), module('c')]);
  at.cell.open('x', { capabilities: { memory: 2 ** 31 } });
  assert.equal(at.why(0), 'needs 16 cpu slots: no node has it (nearest: node-x lacks 16 cpu slots (has 4))');
  assert.equal(at.why(1), 'needs 3 GiB of memory: no node has it (nearest: node-x lacks 3 GiB of memory (has 2 GiB))');
  at.cell.apply({ type: 'nodeDrain', node: nodeId('x'), on: true });
  at.cell.open('keeper', { capabilities: { slots: 0 } });
  assert.deepEqual(at.nodes(2), ['node-keeper unfit: executes nothing: it has no cpu slots', 'node-x drained: drained: it gets no modules']);
});

test('full, by cpu and by memory; others go first', () => {
  const at = new Case([module('a', [], { requires: { cpu: 3, memory: 6_000 } }), module('b', [], { requires: { cpu: 2 } }), module('c', [], { requires: { memory: 4_000 } }), module('gpu', [], { requires: { cpu: 2, labels: ['gpu'] } })]);
  const x = at.cell.open('x', { capabilities: { memory: 8_192 } });
  assert.equal(at.why(1), 'about to be claimed');
  at.cell.claim(at.run, 0, x);
  assert.equal(at.why(1), 'the only node, node-x, is full');
  assert.deepEqual(at.nodes(1), ['node-x full: full (3 of 4 cpu in use; needs 2)']);
  assert.deepEqual(at.nodes(2), ['node-x full: full (5.9 KiB of 8 KiB of memory in use; needs 3.9 KiB)']);
  const y = at.cell.open('y', { capabilities: { labels: { gpu: '' }, slots: 2 } });
  at.cell.claim(at.run, 1, y);
  assert.equal(at.why(3), 'the only node for it, node-y, is full');
  const urgent = at.submit([module('u', [], { requires: { cpu: 2 } }), module('v', [], policy({ priority: 2 }))], { priority: 9 });
  assert.equal(at.why(0, {}, urgent), 'all 2 nodes are full');
  assert.equal(at.why(3), 'the only node for it, node-y, is full, and 1 module of higher priority goes first');
  // Of the modules of higher priority none fits into the slot that is left on node-x.
  assert.deepEqual(at.nodes(1, {}, urgent), ['node-x room: has room (1 of 4 cpu free)', 'node-y full: full (2 of 2 cpu in use; needs 1)']);
  at.submit([module('w'), module('held', [], mutex('nas')), module('later', [], mutex('nas'))]);
  assert.deepEqual(at.nodes(1, {}, urgent)[0], 'node-x behind: has room, behind 3 modules of higher priority');
  at.cell.apply({ type: 'queuePause', on: true, reason: '' });
  assert.deepEqual(at.nodes(1, {}, urgent)[0], 'node-x room: has room (1 of 4 cpu free)');
});

test('a module that is kept anyway says nothing of nodes that are only full', () => {
  const at = new Case([module('a', [], mutex('nas')), module('b', [], mutex('nas'))]);
  at.cell.claim(at.run, 0, at.cell.open('x', { capabilities: { slots: 1 } }));
  assert.deepEqual(at.codes(1), ['limit']);
  assert.deepEqual(at.nodes(1), ['node-x full: full (1 of 1 cpu in use; needs 1)']);
});

test('drained, silent, starting or stopping', () => {
  const at = new Case([module('a')]);
  const [x, y] = [at.cell.open('x'), at.cell.open('y')];
  const silent = (...ids: SessionId[]): { outlook: NodeOutlook[] } => ({ outlook: at.outlook(new Map(ids.map((id) => [id, { silentMs: 7_000 }]))) });
  assert.equal(at.why(0, silent(x)), 'about to be claimed');
  assert.equal(at.why(0, silent(x, y)), 'all 2 nodes do not answer');
  assert.deepEqual(at.nodes(0, silent(x)), ['node-x silent: does not answer (last heard of 7 s ago)', 'node-y room: has room (4 of 4 cpu free)']);
  assert.equal(at.why(0, { outlook: [] }), 'all 2 nodes offer no slots now');
  assert.deepEqual(at.nodes(0, { outlook: at.outlook(new Map([[y, { slots: 0 }]])) }), ['node-x room: has room (4 of 4 cpu free)', 'node-y closed: offers no slots now: it starts or stops']);
  at.cell.apply({ type: 'nodeDrain', node: nodeId('x'), on: true });
  assert.equal(at.why(0, silent(y)), 'the only node for it, node-y, does not answer');
  at.cell.apply({ type: 'nodeDrain', node: nodeId('y'), on: true });
  assert.deepEqual([at.why(0), at.codes(0)], ['all 2 nodes are drained', ['drained']]);
});

test('the ready modules of a run, together where the same keeps them', () => {
  const at = new Case([module('a', [], mutex('nas')), module('b', [], mutex('nas')), module('c', [], mutex('nas')), module('d', [], { requires: { labels: ['gpu'] } }), module('e', [3])]);
  at.cell.claim(at.run, 0, at.cell.open('x'));
  const groups = new Explainer(at.cell.state).run(at.cell.state.runs.get(at.run)!);
  assert.deepEqual(groups.map(({ modules, count, reasons }) => [modules, count, reasons.map(({ code }) => code)]), [[['b', 'c'], 2, ['limit']], [['d'], 1, ['unfit']]]);
  at.cell.apply({ type: 'cancel', run: at.run, reason: '' });
  assert.deepEqual(new Explainer(at.cell.state).run(at.cell.state.runs.get(at.run)!), []);
});

test('spans of time in one unit', () => {
  assert.deepEqual([-5, 0, 14_900, 119_000, 120_000, 7_200_000, 200_000_000].map(span), ['0 s', '0 s', '14 s', '119 s', '2 min', '2 h', '2 d']);
});

test('files: fetched, copied, lost, made again', () => {
  const file = { kind: 'file', cid: 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy' as Cid, name: 'f', size: 1, count: 1 } as const;
  const outputs = [{ name: 'o', pattern: 'o' }];
  const at = new Case([module('split', [], { files: { inputs: [], outputs } }), module('join', [0], { files: { inputs: [{ variable: 'IN', module: 0, output: 'o' }], outputs: [] } })]);
  const { cell, run } = at;
  const [x, y] = [cell.open('x'), cell.open('y')];
  const fence = cell.claim(run, 0, x);
  const told = (more: Partial<NodeOutlook>): ExplainInit => ({ outlook: at.outlook(new Map([[x, more]])) });
  assert.equal(at.why(0, told({ fetching: new Set([fence]) })), 'its inputs are being fetched on node-x for 0 s');
  assert.match(at.why(0, told({ committing: new Set([fence]) })), /^has ended on node-x; its result counts when another node has a copy of its files$/);
  cell.result(run, 0, fence, { ...succeeded(), files: { o: file } }, { holders: [nodeId('x')] });
  const taker = cell.claim(run, 1, y);
  cell.result(run, 1, taker, failed('INPUT_MISSING'));
  assert.match(at.why(1), /^an input was not found on any node, looked for again in 2 s/);
  cell.apply({ type: 'sessionExpire', session: x, reason: 'silent' });
  assert.match(at.why(1), /needs files of split, and node-x, which has them, is not there; if nobody comes back, split runs again/);
  cell.apply({ type: 'invalidate', items: [{ run, module: 0, generation: 1 }] });
  assert.match(at.why(0), /runs again, for the 2nd time, since all copies of its files were lost/);
  assert.match(at.why(1), /^waits for split \(ready\)/);
});
