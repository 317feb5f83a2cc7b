/** Copies (PROTOCOL §6): how many a result needs, who holds them, and what runs again when all are lost. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { areFilesMissed, areFilesWanted, copiesWanted } from '../../../src/core/cell/copies.ts';
import { GENERATIONS_MAX, HOLDERS_MAX, INPUTS_MISSED_MAX, UNABLE_MAX } from '../../../src/core/cell/limits.ts';
import { stateHash } from '../../../src/core/cell/snapshot.ts';
import type { ModuleSpec } from '../../../src/core/cell/types.ts';
import { nodeId } from '../../../src/core/lib/ids.ts';
import { failed, module, spec, succeeded, TestCell } from './cells.ts';
import { chain, Files, left, makes, nodes, takes } from './files-cells.ts';

test('what nobody takes, and what touches the world, needs two copies; the rest one', () => {
  const two = module('t', [], makes([], 'o', 'x'));
  const table: readonly (readonly [readonly ModuleSpec[], readonly number[]])[] = [
    [chain, [1, 1, 2]],
    [[module('a')], [0]],
    [[module('a', [], { ...makes([], 'o'), effectful: true }), chain[1]!, chain[2]!], [2, 1, 2]],
    [[two, module('b', [0], makes([takes(0)]))], [2, 0]],
    [[two, module('b', [0], makes([takes(0), { variable: 'X', module: 0, output: 'x' }]))], [1, 0]],
  ];
  for (const [modules, wanted] of table) assert.deepEqual(modules.map((_, index) => copiesWanted(spec(modules), index)), wanted);
});

test('holders are counted against the nodes that could be ones', () => {
  // Nodes with a session, who holds it, who cannot, and what that comes to for a module that gives files to the user.
  const table: readonly (readonly [string, string, string, string])[] = [
    ['a', 'a', '', 'accepted'],
    ['ab', 'a', '', 'needCopies'],
    ['ab', 'aa', '', 'needCopies'],
    ['ab', 'ab', '', 'accepted'],
    ['ab', 'ax', '', 'needCopies'],
    ['ab', '', '', 'needCopies'],
    ['abc', 'bc', '', 'accepted'],
    ['abc', 'a', 'b', 'needCopies'],
    ['abc', 'a', 'bc', 'accepted'],
    ['ab', '', 'b', 'needCopies'],
  ];
  for (const [open, holders, unable, verdict] of table) {
    const cell = new Files(open);
    const run = cell.submit([module('a', [], makes([], 'o'))]);
    const fence = cell.claim(run, 0, cell.sessions['a']!);
    const told = cell.deliver(run, 0, fence, left('o'), holders, { unable: nodes(unable) });
    assert.equal(told, verdict, `${open}: ${holders} hold it, ${unable} cannot`);
    assert.equal(cell.module(run, 0).phase, verdict === 'accepted' ? 'succeeded' : 'claimed');
  }
});

test('a result that needs copies is no attempt, keeps its claim, and counts when it comes again', () => {
  const cell = new Files('ab');
  const run = cell.submit([module('a', [], makes([], 'o'))]);
  const fence = cell.claim(run, 0, cell.sessions['a']!);
  const hash = stateHash(cell.state);
  const { revision } = cell.state.runs.get(run)!;
  assert.equal(cell.deliver(run, 0, fence, left('o'), 'a'), 'needCopies');
  assert.equal(cell.state.runs.get(run)!.revision, revision, 'nothing of the run changed');
  assert.notEqual(hash, '');
  assert.deepEqual([cell.module(run, 0).failures, cell.module(run, 0).phase], [0, 'claimed']);
  assert.equal(cell.deliver(run, 0, fence, left('o'), 'ab'), 'accepted');
  assert.deepEqual(cell.module(run, 0).holders, nodes('ab'));
  assert.equal(cell.deliver(run, 0, fence, left('o'), 'a'), 'duplicate', 'the first record stands');
});

test('when only one node is left, one copy is enough', () => {
  const cell = new Files('ab');
  const run = cell.submit([module('a', [], makes([], 'o'))]);
  const fence = cell.claim(run, 0, cell.sessions['a']!);
  assert.equal(cell.deliver(run, 0, fence, left('o'), 'a'), 'needCopies');
  cell.gone('b');
  assert.equal(cell.deliver(run, 0, fence, left('o'), 'a'), 'accepted');
});

test('a maker without a session is no holder until it has one again', () => {
  const cell = new Files('ab');
  const run = cell.submit(chain);
  const fence = cell.claim(run, 0, cell.sessions['a']!);
  cell.gone('a');
  assert.equal(cell.deliver(run, 0, fence, left('o'), 'a'), 'needCopies');
  cell.open('a', { running: [{ run, module: 0, fence }] });
  assert.equal(cell.deliver(run, 0, fence, left('o'), 'a'), 'accepted');
});

test('a late result under an earlier fence needs its copies, too', () => {
  const cell = new Files('abc');
  const run = cell.submit([module('a', [], makes([], 'o'))]);
  const late = cell.claim(run, 0, cell.sessions['a']!);
  cell.gone('a');
  const newer = cell.claim(run, 0, cell.sessions['b']!);
  cell.open('a');
  assert.equal(cell.deliver(run, 0, late, left('o'), 'a'), 'needCopies');
  assert.equal(cell.module(run, 0).fence, newer);
  assert.equal(cell.module(run, 0).session, cell.sessions['b'], 'the newer one goes on meanwhile');
  assert.equal(cell.deliver(run, 0, late, left('o'), 'ac'), 'accepted');
});

test('a failure needs no copies, nor does what cannot be kept', () => {
  const cell = new Files('ab');
  const run = cell.submit([module('a', [], { ...makes([], 'o'), retry: { attempts: 2 } })]);
  assert.equal(cell.deliver(run, 0, cell.claim(run, 0, cell.sessions['a']!), failed(), ''), 'accepted');
  cell.now += 10_000;
  assert.equal(cell.deliver(run, 0, cell.claim(run, 0, cell.sessions['a']!), left('other'), 'a'), 'accepted');
  assert.equal(cell.module(run, 0).outcome?.error?.code, 'MODULE_OUTPUT');
});

test('more nodes than can be named as unable: that many are enough', () => {
  const cell = new TestCell();
  for (let i = 0; i <= UNABLE_MAX + 1; i++) cell.open(`n${i}`);
  const run = cell.submit([module('a', [], makes([], 'o'))]);
  const unable = Array.from({ length: UNABLE_MAX }, (_, i) => nodeId(`n${i + 1}`));
  const fence = cell.claim(run, 0, cell.state.sessionOfNode.get(nodeId('n0'))!);
  assert.equal(cell.result(run, 0, fence, left('o'), { holders: [nodeId('n0')], unable: unable.slice(1) }), 'needCopies');
  assert.equal(cell.result(run, 0, fence, left('o'), { holders: [nodeId('n0')], unable }), 'accepted');
});

test('holders come and go, of the generation that is meant, and stay few', () => {
  const cell = new Files('abcdefghij');
  const run = cell.submit(chain);
  cell.done(run, 0, 'a', left('o'));
  const holders = (node: string, on: boolean, generation = 1, index = 0): void => void cell.apply({ type: 'holders', items: [{ run, module: index, generation, node: nodeId(node), on }] });
  holders('b', true);
  holders('b', true);
  assert.deepEqual(cell.module(run, 0).holders, nodes('ab'));
  holders('c', true, 2);
  holders('c', true, 1, 1);
  assert.deepEqual([cell.module(run, 0).holders, cell.module(run, 1).holders], [nodes('ab'), []]);
  holders('a', false);
  assert.deepEqual(cell.module(run, 0).holders, nodes('b'));
  for (const node of 'acdefghi') holders(node, true);
  assert.equal(cell.module(run, 0).holders.length, HOLDERS_MAX);
  assert.ok(!cell.module(run, 0).holders.includes(nodeId('i')), 'all of them are there: one more is one too many');
  cell.gone('b');
  holders('i', true);
  assert.ok(cell.module(run, 0).holders.includes(nodeId('i')) && !cell.module(run, 0).holders.includes(nodeId('b')), 'it takes the place of one that is away');
  cell.restored();
});

test('files that are lost and needed are made again, and who waited for them waits again', () => {
  const cell = new Files('abc');
  const run = cell.submit(chain);
  cell.done(run, 0, 'a', left('o'));
  const first = cell.module(run, 0).fence;
  cell.gone('a');
  cell.lose(run, 0);
  assert.equal(cell.phases(run), 'ready waiting waiting');
  const { generation, outcome, holders, note } = cell.restored().module(run, 0);
  assert.deepEqual([generation, outcome, holders], [2, null, []]);
  assert.match(note, /runs again: output o of a \(node-a had it\) is lost/);
  cell.open('a');
  assert.equal(cell.result(run, 0, first, left('o'), { holders: nodes('a') }), 'stale', 'an earlier generation');
  assert.equal(cell.result(run, 0, first, left('o'), { generation: 2, holders: nodes('a') }), 'stale', 'an earlier fence');
  cell.done(run, 0, 'b', left('o'));
  assert.equal(cell.phases(run), 'succeeded ready waiting');
  cell.done(run, 1, 'b', left('p'));
  cell.done(run, 2, 'b', left('q'), 'bc');
  assert.equal(cell.phase(run), 'succeeded');
});

test('nothing runs again while somebody has it, or nobody needs it', () => {
  const cell = new Files('ab');
  const run = cell.submit(chain);
  cell.done(run, 0, 'a', left('o'), 'ab');
  cell.gone('a');
  cell.lose(run, 0);
  assert.equal(cell.module(run, 0).generation, 1, 'b has it');
  cell.done(run, 1, 'b', left('p'));
  cell.gone('b');
  cell.open('c');
  cell.lose(run, 0);
  assert.equal(cell.module(run, 0).generation, 1, 'whoever takes it has ended');
  assert.deepEqual([areFilesWanted(cell.module(run, 0)), areFilesMissed(cell.module(run, 1))], [false, true]);
  cell.lose(run, 1);
  assert.equal(cell.phases(run), 'succeeded ready waiting');
  cell.lose(run, 0);
  assert.equal(cell.phases(run), 'ready waiting waiting', 'now it is needed for that');
});

test('who is executed goes on when what it needs is made again, and may hand it back', () => {
  const cell = new Files('abc');
  const run = cell.submit([chain[0]!, chain[1]!, module('c', [0], makes([takes(0)], 'q'))]);
  cell.done(run, 0, 'a', left('o'));
  const fence = cell.claim(run, 1, cell.sessions['b']!);
  cell.gone('a');
  cell.lose(run, 0);
  assert.equal(cell.restored().phases(run), 'ready claimed waiting');
  assert.equal(cell.deliver(run, 1, fence, failed('INPUT_MISSING'), ''), 'accepted');
  assert.equal(cell.phases(run), 'ready waiting waiting', 'handed back, it waits with the other');
  assert.deepEqual([cell.module(run, 1).failures, cell.module(run, 1).losses, cell.module(run, 1).inputsMissed], [0, 0, 1]);
  cell.done(run, 0, 'b', left('o'));
  assert.equal(cell.phases(run), 'succeeded ready ready');
  assert.equal(cell.claim(run, 1, cell.sessions['b']!), 0, 'not in the same breath');
  cell.now += 10_000;
  const again = cell.claim(run, 1, cell.sessions['b']!);
  cell.apply({ type: 'invalidate', items: [{ run, module: 0, generation: 1 }] });
  assert.equal(cell.deliver(run, 1, again, left('p'), 'bc'), 'accepted');
});

test('what ended while its need was open again stays ended, and is counted once', () => {
  const cell = new Files('abc');
  const run = cell.submit([chain[0]!, module('b', [0], makes([takes(0)])), module('c', [0, 1], makes([takes(0)]))]);
  cell.done(run, 0, 'a', left('o'));
  const fence = cell.claim(run, 1, cell.sessions['b']!);
  cell.gone('a');
  cell.lose(run, 0);
  assert.equal(cell.deliver(run, 1, fence, succeeded(), ''), 'accepted');
  assert.equal(cell.restored().phases(run), 'ready succeeded waiting');
  cell.done(run, 0, 'b', left('o'));
  assert.equal(cell.restored().phases(run), 'succeeded succeeded ready');
});

test('a module that fails in its second generation ends those below it, also one that is executed', () => {
  const cell = new Files('abc');
  const run = cell.submit([chain[0]!, module('b', [0], makes([takes(0)])), module('c', [0], makes([takes(0)]))]);
  cell.done(run, 0, 'a', left('o'));
  const fence = cell.claim(run, 1, cell.sessions['b']!);
  cell.gone('a');
  cell.lose(run, 0);
  cell.deliver(run, 0, cell.claim(run, 0, cell.sessions['b']!), failed(), '');
  assert.equal(cell.phases(run), 'failed skipped skipped');
  assert.ok(cell.events.some((event) => event.type === 'claimEnded' && event.fence === fence));
  assert.equal(cell.restored().phase(run), 'failed');
});

test('with a barrier the later waves wait again', () => {
  const cell = new Files('abc');
  const modules = [chain[0]!, module('b', [0]), module('x'), module('c', [1, 0], makes([takes(0)]))];
  const run = cell.submit(modules, undefined, 'waves', { barrier: 'wave' });
  cell.done(run, 0, 'a', left('o'));
  cell.done(run, 2, 'b', succeeded(), '');
  cell.done(run, 1, 'b', succeeded(), '');
  assert.equal(cell.phases(run), 'succeeded succeeded succeeded ready');
  cell.gone('a');
  cell.lose(run, 0);
  assert.equal(cell.restored().phases(run), 'ready succeeded succeeded waiting');
  cell.done(run, 0, 'b', left('o'));
  assert.equal(cell.restored().phases(run), 'succeeded succeeded succeeded ready');
});

test('what touches the world outside is not done again: the run fails and says what was lost', () => {
  const cell = new Files('ab');
  const run = cell.submit([module('e', [], { ...makes([], 'o'), effectful: true }), module('b', [0], makes([takes(0)])), module('other')]);
  cell.done(run, 0, 'a', left('o'), 'ab');
  const fence = cell.claim(run, 2, cell.sessions['b']!);
  cell.gone('a');
  cell.apply({ type: 'holders', items: [{ run, module: 0, generation: 1, node: nodeId('b'), on: false }] });
  cell.lose(run, 0);
  assert.equal(cell.phase(run), 'failed');
  assert.match(cell.state.runs.get(run)!.reason, /^OUTPUT_LOST: output o of e \(node-a had it\) is lost, and e is effectful: it is not run again$/);
  assert.ok(cell.events.some((event) => event.type === 'claimEnded' && event.fence === fence));
  assert.equal(cell.restored().phases(run), 'succeeded cancelled cancelled');
});

test('what is lost again and again is made so often and no more', () => {
  const cell = new Files('b');
  const run = cell.submit(chain);
  for (let generation = 1; generation <= GENERATIONS_MAX; generation++) {
    cell.sessions['a'] = cell.open('a');
    assert.equal(cell.module(run, 0).generation, generation);
    cell.done(run, 0, 'a', left('o'));
    cell.gone('a');
    cell.lose(run, 0);
  }
  assert.equal(cell.phase(run), 'failed');
  assert.match(cell.state.runs.get(run)!.reason, /^OUTPUT_LOST: .*8th time/);
});

test('a module whose input never comes fails in the end', () => {
  const cell = new Files('a');
  const run = cell.submit([chain[0]!, module('b', [0], { ...makes([takes(0)]), retry: { attempts: 3 } })]);
  cell.done(run, 0, 'a', left('o'));
  for (let missed = 1; missed <= INPUTS_MISSED_MAX; missed++) {
    assert.equal(cell.module(run, 1).phase, 'ready');
    cell.deliver(run, 1, cell.claim(run, 1, cell.sessions['a']!), failed('INPUT_MISSING'), '');
    cell.now += 10_000;
  }
  assert.deepEqual([cell.module(run, 1).phase, cell.module(run, 1).outcome?.error?.code], ['failed', 'INPUT_MISSING']);
});

test('an execution of an earlier generation is not claimed again by its node', () => {
  const cell = new Files('ab');
  const run = cell.submit(chain);
  cell.done(run, 0, 'a', left('o'));
  const { fence } = cell.module(run, 0);
  cell.gone('a');
  cell.lose(run, 0);
  cell.open('a', { running: [{ run, module: 0, fence }] });
  assert.equal(cell.module(run, 0).phase, 'ready');
});

test('a finished run is not touched', () => {
  const cell = new Files('ab');
  const run = cell.submit([module('a', [], makes([], 'o'))]);
  cell.done(run, 0, 'a', left('o'), 'ab');
  cell.gone('a');
  cell.gone('b');
  cell.lose(run, 0);
  assert.deepEqual([cell.phase(run), cell.module(run, 0).generation], ['succeeded', 1]);
  cell.apply({ type: 'holders', items: [{ run, module: 0, generation: 1, node: nodeId('c'), on: true }] });
  assert.deepEqual(cell.restored().module(run, 0).holders, nodes('abc'), 'its holders are still known');
});

test('a result of an earlier run brings its holders along, and stands for nothing when they are gone', () => {
  const cell = new Files('ab');
  const work = module('a', [], { ...makes([], 'o'), cache: true });
  const first = cell.submit([work]);
  cell.done(first, 0, 'a', left('o'), 'ab');
  const second = cell.submit([work, module('open')]);
  cell.apply({ type: 'reuse', claims: [{ run: second, module: 0, session: cell.sessions['b']! }] });
  assert.deepEqual([cell.module(second, 0).phase, cell.module(second, 0).holders], ['succeeded', nodes('ab')]);
  cell.gone('a');
  cell.gone('b');
  cell.open('c');
  cell.lose(second, 0);
  assert.deepEqual([cell.module(second, 0).phase, cell.module(second, 0).generation, cell.module(second, 0).reusedFrom], ['ready', 2, 0]);
  const session = cell.state.sessionOfNode.get(nodeId('c'))!;
  cell.apply({ type: 'reuse', claims: [{ run: second, module: 0, session }] });
  assert.equal(cell.restored().module(second, 0).phase, 'ready', 'what is lost is not reused');
  const third = cell.submit([work]);
  cell.apply({ type: 'reuse', claims: [{ run: third, module: 0, session }] });
  assert.equal(cell.module(third, 0).phase, 'ready');
});

test('a run that is run again has the holders of what it takes over, and makes again what is lost', () => {
  const cell = new Files('ab');
  const before = cell.submit([chain[0]!, module('b', [0], makes([takes(0)]))]);
  cell.done(before, 0, 'a', left('o'), 'a');
  cell.deliver(before, 1, cell.claim(before, 1, cell.sessions['b']!), failed(), '');
  const reply = cell.apply({ type: 'rerun', requestKey: 'again', run: before, failedOnly: true });
  assert.ok(reply.type === 'run', JSON.stringify(reply));
  assert.deepEqual([cell.phases(reply.run), cell.module(reply.run, 0).holders], ['succeeded ready', nodes('a')]);
  cell.gone('a');
  cell.lose(reply.run, 0);
  assert.equal(cell.restored().phases(reply.run), 'ready waiting');
});
