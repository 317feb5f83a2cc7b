/** Modules with `foreach`: what their list is, what becomes of the items, and what those behind them get. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { digestsOfFiles } from '../../../src/core/cell/files.ts';
import { filesOfNeed, itemSource, valuesForItem, valuesOfNeed } from '../../../src/core/cell/foreach.ts';
import { inputsHashOf } from '../../../src/core/cell/inputs.ts';
import { specProblem } from '../../../src/core/cell/run-spec.ts';
import { fromSections, stateHash, toSections } from '../../../src/core/cell/snapshot.ts';
import type { BlobFile, FilesRef, Json, ModuleSpec, Outcome } from '../../../src/core/cell/types.ts';
import { nodeId, type RunNumber } from '../../../src/core/lib/ids.ts';
import { failed, hooks, module, spec, succeeded, TestCell, type ModuleSketch } from './cells.ts';
import { cids, end, file, list, over, phases, valueOf } from './foreach-cells.ts';
import { Invariants } from './invariants.ts';

/** A module `a` has given this list, and `b` goes over it. */
function listed(value: Json, more: ModuleSketch = {}, behind: readonly ModuleSpec[] = []): { cell: TestCell; run: RunNumber; session: number } {
  const cell = new TestCell();
  const session = cell.open('a', { capabilities: { slots: 64 } });
  const run = cell.submit([module('a'), module('b', [0], { ...over(valueOf(0)), ...more }), ...behind]);
  cell.result(run, 0, cell.claim(run, 0, session), succeeded({ list: value }));
  return { cell, run, session };
}

test('each item is a module, and the module ends with the last of them', () => {
  const { cell, run, session } = listed(['x', 'y'], {}, [module('c', [1])]);
  assert.deepEqual(cell.events.at(-1), { type: 'expanded', run, runId: cell.state.runs.get(run)!.runId, module: 1, first: 3, count: 2, at: cell.now });
  assert.deepEqual(phases(cell, run), ['a succeeded', 'b expanded', 'c waiting', 'b[0] ready', 'b[1] ready']);
  assert.equal(cell.claim(run, 1, session), 0, 'nobody executes the module itself');
  assert.deepEqual([3, 4].map((at) => itemSource(cell.module(run, at))), [{ type: 'value', value: 'x' }, { type: 'value', value: 'y' }]);
  end(cell, run, 4, session, succeeded({ out: 2 }));
  assert.equal(cell.module(run, 1).phase, 'expanded');
  end(cell, run, 3, session, succeeded({ out: 1, more: true }));
  assert.deepEqual(phases(cell, run), ['a succeeded', 'b succeeded', 'c ready', 'b[0] succeeded', 'b[1] succeeded']);
  const record = cell.state.runs.get(run)!;
  assert.deepEqual(valuesOfNeed(record, 1), { more: [true, null], out: [1, 2] }, 'in the order of the list');
  assert.equal(valuesOfNeed(record, 1), valuesOfNeed(record, 1), 'made once');
  end(cell, run, 2, session);
  assert.equal(cell.phase(run), 'succeeded');
});

test('lists that can be used, and those that cannot', () => {
  const problems: readonly (readonly [Json, RegExp | number])[] = [
    [[], 0],
    [[1, [2], { a: 3 }, null], 4],
    ['["a","b"]', 2],
    [' [ ] ', 0],
    ['[1', /output list of a is text that is not JSON/],
    ['{"a":1}', /output list of a is not a list/],
    ['["\\ud800"]', /output list of a: /],
    [5, /output list of a is not a list/],
    [{ a: 1 }, /output list of a is not a list/],
  ];
  for (const [value, expected] of problems) {
    const { cell, run } = listed(value, {}, [module('c', [1])]);
    const { phase, outcome } = cell.module(run, 1);
    if (typeof expected === 'number') {
      assert.equal(phase, expected === 0 ? 'succeeded' : 'expanded', JSON.stringify(value));
      assert.equal(cell.state.runs.get(run)!.modules.length, 3 + expected);
      assert.equal(cell.module(run, 2).phase, expected === 0 ? 'ready' : 'waiting');
    } else {
      assert.deepEqual([phase, outcome?.error?.code, cell.module(run, 2).phase, cell.phase(run)], ['failed', 'MODULE_FOREACH', 'skipped', 'failed'], JSON.stringify(value));
      assert.match(outcome?.error?.message ?? '', expected);
    }
  }
});

test('an output that is not there is named, with those that are', () => {
  const { cell, run } = listed(1, over(valueOf(0, 'lists')));
  assert.equal(cell.module(run, 1).outcome?.error?.message, 'there is no output lists of a: it gave list');
  assert.equal(cell.state.runs.get(run)!.reason, 'b failed: MODULE_FOREACH');
});

test('the first item that fails for good cancels the others', () => {
  const { cell, run, session } = listed([1, 2, 3], { retry: { attempts: 2 } }, [module('c', [1])]);
  const fences = [3, 4].map((at) => cell.claim(run, at, session));
  cell.result(run, 3, fences[0]!, failed());
  assert.deepEqual(phases(cell, run).slice(3), ['b[0] ready', 'b[1] claimed', 'b[2] ready'], 'it has a second attempt');
  cell.now += 60_000;
  end(cell, run, 3, session, failed());
  assert.deepEqual(phases(cell, run), ['a succeeded', 'b failed', 'c skipped', 'b[0] failed', 'b[1] cancelled', 'b[2] cancelled']);
  assert.deepEqual(cell.events.filter(({ type }) => type === 'claimEnded').map((event) => event.type === 'claimEnded' && [event.fence, event.why]), [[fences[1], 'cancelled']]);
  assert.equal(cell.module(run, 4).note, 'b[0] failed (fail-fast)');
  assert.equal(cell.state.runs.get(run)!.reason, 'b[0] failed: MODULE_EXIT');
  assert.equal(cell.state.sessions.get(session)!.claims.size, 0);
});

test('without fail-fast the others go on, and then the module fails', () => {
  const { cell, run, session } = listed([1, 2, 3], over(valueOf(0), { failFast: false }));
  end(cell, run, 2, session, failed());
  end(cell, run, 3, session, failed('MODULE_SIGNAL'));
  assert.equal(cell.module(run, 1).phase, 'expanded');
  end(cell, run, 4, session);
  assert.deepEqual(phases(cell, run), ['a succeeded', 'b failed', 'b[0] failed', 'b[1] failed', 'b[2] succeeded']);
  assert.equal(cell.module(run, 1).outcome?.error?.message, 'b[0] failed: MODULE_EXIT, and 1 more');
  assert.equal(cell.state.runs.get(run)!.reason, 'b[0] failed: MODULE_EXIT, and 1 more');
});

test('POISON is the end of an item like any other', () => {
  const { cell, run } = listed([1, 2]);
  for (let loss = 0; loss < 3; loss++) {
    const session = cell.open(`victim${loss}`);
    cell.claim(run, 2, session);
    cell.apply({ type: 'sessionExpire', session, reason: 'silent' });
  }
  assert.deepEqual(phases(cell, run), ['a succeeded', 'b failed', 'b[0] failed', 'b[1] cancelled']);
  assert.equal(cell.module(run, 2).outcome?.error?.code, 'POISON');
});

test('a node is lost with two items, and the loss of one of them ends the other', () => {
  const { cell, run } = listed([1, 2]);
  for (let loss = 0; loss < 3; loss++) {
    const session = cell.open(`victim${loss}`);
    for (const item of [2, 3]) cell.claim(run, item, session);
    cell.apply({ type: 'sessionExpire', session, reason: 'silent' });
  }
  assert.deepEqual(phases(cell, run), ['a succeeded', 'b failed', 'b[0] failed', 'b[1] cancelled']);
});

test('max-parallel counts the items of one module', () => {
  const { cell, run, session } = listed([1, 2, 3], over(valueOf(0), { parallelMax: 2 }));
  const first = cell.claim(run, 2, session);
  assert.ok(first > 0 && cell.claim(run, 4, session) > 0);
  assert.equal(cell.claim(run, 3, session), 0);
  cell.result(run, 2, first, succeeded());
  assert.ok(cell.claim(run, 3, session) > 0);
});

test('a claim that comes back may exceed max-parallel: it is executed anyway', () => {
  const { cell, run, session } = listed([1, 2], over(valueOf(0), { parallelMax: 1 }));
  const fence = cell.claim(run, 2, session);
  cell.apply({ type: 'release', claims: [{ run, module: 2, fence }], reason: 'lost' });
  const other = cell.open('b');
  assert.ok(cell.claim(run, 3, other) > 0);
  cell.open('a', { running: [{ run, module: 2, fence }] });
  assert.deepEqual([cell.module(run, 2).phase, cell.module(run, 3).phase], ['claimed', 'claimed']);
});

test('cancel ends all of it, pause keeps items from being claimed', () => {
  const { cell, run, session } = listed([1, 2]);
  cell.apply({ type: 'runPause', run, on: true, reason: '' });
  assert.equal(cell.claim(run, 2, session), 0);
  cell.apply({ type: 'runPause', run, on: false, reason: '' });
  assert.ok(cell.claim(run, 2, session) > 0);
  cell.apply({ type: 'cancel', run, reason: '' });
  assert.deepEqual(phases(cell, run), ['a succeeded', 'b cancelled', 'b[0] cancelled', 'b[1] cancelled']);
  assert.equal(cell.state.liveModules, 0);
});

test('a barrier waits for all items', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('a', [], over(list(1, 2))), module('b', [], over(list())), module('c', [1]), module('d', [2])], undefined, 'p', { barrier: 'wave' });
  assert.deepEqual(phases(cell, run).slice(0, 4), ['a expanded', 'b succeeded', 'c waiting', 'd waiting']);
  end(cell, run, 4, session);
  assert.equal(cell.module(run, 2).phase, 'waiting');
  end(cell, run, 5, session);
  assert.equal(cell.module(run, 2).phase, 'ready');
});

test('empty lists one behind the other end at once, however many', () => {
  for (const barrier of ['none', 'wave'] as const) {
    const cell = new TestCell();
    const modules = Array.from({ length: 20_000 }, (_, at) => module(`m${at}`, at === 0 ? [] : [at - 1], over(list())));
    const run = cell.submit(modules, undefined, 'p', { barrier });
    assert.equal(cell.phase(run), 'succeeded', barrier);
  }
});

test('too many items are a failure of the module', () => {
  const cell = new TestCell();
  const tree: FilesRef = { kind: 'tree', cid: cids[0]!, name: '', size: 1, count: 10_001 };
  const session = cell.open('a');
  const run = cell.submit([module('a', [], { files: { inputs: [], outputs: [{ name: 'parts', pattern: '*' }] } }), module('b', [0], over({ type: 'files', module: 0, output: 'parts' }))]);
  end(cell, run, 0, session, { ...succeeded(), files: { parts: tree } });
  assert.match(cell.module(run, 1).outcome?.error?.message ?? '', /10001 items, at most 10000/);
});

/** `a` leaves files, `b` goes over them, `c` takes what b left. */
function overFiles(files: readonly BlobFile[], more: ModuleSketch = {}): { cell: TestCell; run: RunNumber; session: number; outcome: Outcome } {
  const cell = new TestCell();
  const session = cell.open('a', { capabilities: { slots: 64 } });
  const makes = { files: { inputs: [], outputs: [{ name: 'parts', pattern: 'out/*' }] } };
  const run = cell.submit([module('a', [], makes), module('b', [0], { ...makes, ...over({ type: 'files', module: 0, output: 'parts' }), ...more }), module('c', [1], { files: { inputs: [{ variable: 'IN', module: 1, output: 'parts' }], outputs: [] } })]);
  const tree: FilesRef = { kind: 'tree', cid: cids[0]!, name: '', size: 1, count: files.length };
  const outcome: Outcome = { ...succeeded({ size: 3 }), files: { parts: tree }, digests: { parts: digestsOfFiles(files) } };
  end(cell, run, 0, session, outcome);
  return { cell, run, session, outcome };
}


test('a list of files: each item is one of them, and a file that changed changes the inputs of one item', () => {
  const files = [file('out/1'), file('out/2'), file('out/3')];
  const { cell, run, session } = overFiles(files);
  const { files: ref } = cell.module(run, 0).outcome!;
  assert.deepEqual(itemSource(cell.module(run, 4)), { type: 'file', files: ref!['parts'], position: 1 });
  const hashes = (changed: readonly BlobFile[], more: ModuleSketch = {}): string[] => {
    const other = overFiles(changed, more);
    return [3, 4, 5].map((at) => inputsHashOf(other.cell.state, other.run, at));
  };
  const before = hashes(files);
  const after = hashes([file('out/1'), file('out/2', cids[1]), file('out/3')]);
  assert.deepEqual(before.map((hash, at) => hash === after[at]), [true, false, true]);
  assert.equal(new Set(before).size, 3);
  // What takes all of them as an input too depends on all of them.
  const all = { files: { inputs: [{ variable: 'ALL', module: 0, output: 'parts' }], outputs: [{ name: 'parts', pattern: 'out/*' }] } };
  assert.notEqual(hashes(files, all)[0], before[0]);
  for (const at of [3, 4, 5]) end(cell, run, at, session, { ...succeeded(), files: { parts: { kind: 'file', cid: cids[at % 2]!, name: `${at}`, size: 1, count: 1 } } });
  assert.deepEqual(filesOfNeed(cell.state.runs.get(run)!, 1, 'parts').map(({ name }) => name), ['3', '4', '5']);
});

test('a result without the digests of its list is none', () => {
  for (const digests of [undefined, {}, { parts: new Uint8Array(16) }, { other: new Uint8Array(32) }]) {
    const cell = new TestCell();
    const session = cell.open('a');
    const run = cell.submit([module('a', [], { files: { inputs: [], outputs: [{ name: 'parts', pattern: '*' }] } }), module('b', [0], over({ type: 'files', module: 0, output: 'parts' }))]);
    end(cell, run, 0, session, { ...succeeded(), files: { parts: { kind: 'tree', cid: cids[0]!, name: '', size: 1, count: 2 } }, ...(digests === undefined ? {} : { digests }) });
    assert.equal(cell.module(run, 0).outcome?.error?.code, 'MODULE_OUTPUT', JSON.stringify(digests));
  }
});

test('what items gave or left can be gone over again', () => {
  const { cell, run, session } = listed([10, 20], {}, [module('c', [1], over(valueOf(1, 'out')))]);
  end(cell, run, 4, session, succeeded({ out: 'second', beside: 2 }));
  end(cell, run, 3, session, succeeded({ out: 'first', beside: 1 }));
  assert.deepEqual(phases(cell, run).slice(5), ['c[0] ready', 'c[1] ready']);
  assert.deepEqual([5, 6].map((at) => itemSource(cell.module(run, at))), [{ type: 'value', value: 'first' }, { type: 'value', value: 'second' }]);
  assert.deepEqual(valuesForItem(cell.module(run, 5), 1), { beside: [1, 2] }, 'an item sees its own part of the list');

  const { cell: other, run: second, session: there } = overFiles([file('out/1'), file('out/2')]);
  const tree = (count: number): FilesRef => ({ kind: 'tree', cid: cids[1]!, name: '', size: 1, count });
  assert.equal(specProblem(spec([module('a', [], over(list(1))), module('b', [0], over({ type: 'files', module: 0, output: 'parts' }))]))?.message, 'module b: foreach: output parts of module a is not files');
  for (const [at, count] of [[3, 2], [4, 1]] as const) end(other, second, at, there, { ...succeeded(), files: { parts: tree(count) } });
  assert.equal(other.module(second, 1).phase, 'succeeded');
});

test('files of items can be gone over: their lists one after the other', () => {
  const cell = new TestCell();
  const session = cell.open('a', { capabilities: { slots: 64 } });
  const makes = { files: { inputs: [], outputs: [{ name: 'parts', pattern: 'out/*' }] } };
  const run = cell.submit([module('a', [], { ...makes, ...over(list('x', 'y')) }), module('b', [0], over({ type: 'files', module: 0, output: 'parts' }))]);
  const leave = (at: number, files: readonly BlobFile[]): void => end(cell, run, at, session, { ...succeeded(), files: { parts: { kind: 'tree', cid: cids[at % 2]!, name: '', size: 1, count: files.length } }, digests: { parts: digestsOfFiles(files) } });
  leave(2, [file('1'), file('2')]);
  leave(3, [file('1'), file('3')]);
  assert.deepEqual([4, 5, 6, 7].map((at) => { const source = itemSource(cell.module(run, at)); return source.type === 'file' && [source.files.cid === cids[1], source.position]; }), [[false, 0], [false, 1], [true, 0], [true, 1]]);
  const hashes = [4, 5, 6, 7].map((at) => inputsHashOf(cell.state, run, at));
  assert.equal(new Set(hashes).size, 3, 'two of them are the same file');
  assert.equal(hashes[0], hashes[2]);
});

test('a cell that is restored in the middle goes on as before', () => {
  const { cell, run, session } = overFiles([file('out/1'), file('out/2'), file('out/3')], over({ type: 'files', module: 0, output: 'parts' }, { parallelMax: 2 }));
  const fence = cell.claim(run, 4, session);
  end(cell, run, 3, session, { ...succeeded(), files: { parts: { kind: 'file', cid: cids[0]!, name: 'x', size: 1, count: 1 } } });
  cell.now += 5_000;
  const { header, runs } = toSections(cell.state);
  const restored = new TestCell(false);
  restored.state = fromSections(header, runs.map(({ plain }) => plain()), hooks);
  restored.index = cell.index;
  restored.now = cell.now;
  new Invariants().check(restored.state);
  for (const one of [cell, restored]) {
    assert.ok(one.claim(run, 5, session) > 0);
    one.result(run, 4, fence, failed());
  }
  assert.deepEqual(phases(restored, run), phases(cell, run));
  assert.equal(stateHash(restored.state), stateHash(cell.state));
  const again = toSections(restored.state);
  assert.equal(stateHash(fromSections(again.header, again.runs.map(({ plain }) => plain()), hooks)), stateHash(cell.state), 'also when the run has ended');
});

function rerun(cell: TestCell, run: RunNumber): RunNumber {
  const reply = cell.apply({ type: 'rerun', requestKey: `again-${run}`, run, failedOnly: true });
  assert.ok(reply.type === 'run', JSON.stringify(reply));
  new Invariants().check(cell.state);
  return reply.run;
}

test('a run that is run again takes over the items that succeeded', () => {
  for (const barrier of ['none', 'wave'] as const) {
    const cell = new TestCell();
    const session = cell.open('a', { capabilities: { slots: 64 } });
    const run = cell.submit([module('a'), module('b', [0], over(valueOf(0), { failFast: false })), module('c', [1]), module('d', [1], over(valueOf(1, 'out')))], undefined, 'p', { barrier });
    end(cell, run, 0, session, succeeded({ list: ['x', 'y', 'z'] }));
    for (const [at, outcome] of [[4, succeeded({ out: 1 })], [5, failed()], [6, succeeded({ out: 3 })]] as const) end(cell, run, at, session, outcome);
    assert.equal(cell.phase(run), 'failed');
    const again = rerun(cell, run);
    assert.deepEqual(cell.events.map((event) => ('module' in event && 'phase' in event ? `${event.module} ${event.phase}` : event.type)), ['runSubmitted', 'expanded', '0 succeeded', '4 succeeded', '6 succeeded'], barrier);
    assert.deepEqual(phases(cell, again), ['a succeeded', 'b expanded', 'c waiting', 'd waiting', 'b[0] succeeded', 'b[1] ready', 'b[2] succeeded']);
    end(cell, again, 5, session, succeeded({ out: 2 }));
    assert.deepEqual(phases(cell, again).slice(1), ['b succeeded', 'c ready', 'd expanded', 'b[0] succeeded', 'b[1] succeeded', 'b[2] succeeded', 'd[0] ready', 'd[1] ready', 'd[2] ready']);
    end(cell, again, 2, session, failed());
    for (const at of [7, 8, 9]) end(cell, again, at, session);
    const third = rerun(cell, again);
    assert.deepEqual(phases(cell, third), ['a succeeded', 'b succeeded', 'c ready', 'd succeeded', ...[0, 1, 2].map((item) => `b[${item}] succeeded`), ...[0, 1, 2].map((item) => `d[${item}] succeeded`)]);
    end(cell, third, 2, session);
    assert.equal(cell.phase(third), 'succeeded');
  }
});

test('cached items: an equal file is not worked on again, wherever it stands in the list', () => {
  const cell = new TestCell();
  const session = cell.open('a', { capabilities: { slots: 64 } });
  const makes = { files: { inputs: [], outputs: [{ name: 'parts', pattern: 'out/*' }] } };
  const go = (files: readonly BlobFile[], env: Readonly<Record<string, string>> = {}): { phases: string[]; run: RunNumber } => {
    const run = cell.submit([module('a', [], makes), module('b', [0], { ...over({ type: 'files', module: 0, output: 'parts' }), cache: true, env })]);
    end(cell, run, 0, session, { ...succeeded(), files: { parts: { kind: 'tree', cid: cids[files.length % 2]!, name: '', size: 1, count: files.length } }, digests: { parts: digestsOfFiles(files) } });
    for (let at = 2; at < 2 + files.length; at++) {
      const fence = cell.claim(run, at, session);
      if (fence !== 0) cell.result(run, at, fence, succeeded({ from: at }));
    }
    const { modules } = cell.state.runs.get(run)!;
    return { run, phases: modules.slice(2).map(({ reusedFrom }) => (reusedFrom === 0 ? 'worked' : 'cached')) };
  };
  const [one, two, three] = [file('out/1'), file('out/2'), file('out/3', cids[1])];
  assert.deepEqual(go([one, two]).phases, ['worked', 'worked']);
  const second = go([one, file('out/2', cids[1]), three]);
  assert.deepEqual(second.phases, ['cached', 'worked', 'worked']);
  assert.deepEqual(go([two, three]).phases, ['cached', 'cached']);
  const asking = { WHERE: '${{ item.index }}' };
  assert.deepEqual(go([one, two], asking).phases, ['worked', 'worked']);
  assert.deepEqual(go([two, one], asking).phases, ['worked', 'worked'], 'its place is a part of its work');
  assert.deepEqual(go([two, one], asking).phases, ['cached', 'cached']);
});

test('specifications that cannot be', () => {
  const good = module('a', [], { files: { inputs: [], outputs: [{ name: 'parts', pattern: '*' }] } });
  const bad: readonly (readonly [readonly ModuleSpec[], RegExp])[] = [
    [[good, module('b', [], over(valueOf(0)))], /goes over the output of a module that is not among its needs/],
    [[good, module('b', [0], over(valueOf(0, 'parts')))], /output parts of module a is files/],
    [[good, module('b', [0], { ...over({ type: 'files', module: 0, output: 'parts' }), action: { type: 'registered', function: 'f' } })], /goes over files, which registered functions do not take/],
    [[good, module('b', [0], over(valueOf(0), { parallelMax: -1 }))], /max-parallel of module b/],
    [[good, module('b', [], over({ type: 'list', values: Array.from({ length: 10_001 }, () => 0) }))], /10001 items/],
    [[module('b', [], over(list(NaN)))], /foreach of module b/],
    [[module('b', [], over(list(1))), module('b[0]')], /module b\[0\] has the name of an item/],
    [[module('b', [], { policy: { limits: [{ key: '\0x', max: 1 }] } })], /control character/],
  ];
  for (const [modules, says] of bad) assert.match(specProblem(spec(modules))?.message ?? 'fine', says);
  assert.equal(specProblem(spec([module('b', [], over(list(1))), module('b[x]'), module('c[0]')])), undefined);
});

test('an output may be named like something that every record answers to', () => {
  const cell = new TestCell();
  const session = cell.open('a', { capabilities: { slots: 64 } });
  const run = cell.submit([module('a', [], over(list(1, 2))), module('b', [0], over(valueOf(0, 'constructor')))]);
  end(cell, run, 2, session);
  end(cell, run, 3, session, succeeded({ constructor: 'x' }));
  assert.deepEqual(valuesOfNeed(cell.state.runs.get(run)!, 0), { constructor: [null, 'x'] });
  assert.deepEqual([4, 5].map((at) => itemSource(cell.module(run, at))), [{ type: 'value', value: null }, { type: 'value', value: 'x' }]);
  assert.notEqual(inputsHashOf(cell.state, run, 4), inputsHashOf(cell.state, run, 5));
});

test('what a worker reports of outputs with such names is judged, whatever it is', () => {
  for (const name of ['__proto__', 'constructor', 'toString']) {
    const cell = new TestCell();
    const session = cell.open('a', { capabilities: { slots: 64 } });
    const outputs = ['other', name].map((each) => ({ name: each, pattern: each }));
    const files = { kind: 'tree', cid: cids[0]!, name: '', size: 1, count: 10_001 } as const;
    const many = Object.fromEntries([[name, files], ['other', { ...files, count: 1 }]]);
    const run = cell.submit([module('a', [], { files: { inputs: [], outputs } }), module('b', [0], over({ type: 'files', module: 0, output: name })), module('c', [0], over({ type: 'files', module: 0, output: 'other' }))]);
    assert.equal(cell.result(run, 0, cell.claim(run, 0, session), { ...succeeded(), files: many, digests: { other: new Uint8Array(16) } }, { holders: [nodeId('a')] }), 'accepted');
    assert.deepEqual([cell.module(run, 0).outcome?.ok, Object.keys(cell.module(run, 0).outcome?.digests ?? {})], [true, ['other']]);
    assert.equal(stateHash(cell.state).length, 32);
    const wrong = cell.submit([module('a', [], { files: { inputs: [], outputs } })]);
    cell.result(wrong, 0, cell.claim(wrong, 0, session), { ...succeeded(), files: { other: files, more: files } });
    assert.equal(cell.module(wrong, 0).outcome?.error?.message, `output ${name} was not reported`);
  }
});

test('items of a run that is run again wait for their wave, and begin with it', () => {
  const cell = new TestCell();
  const session = cell.open('a', { capabilities: { slots: 64 } });
  const run = cell.submit([module('a'), module('b'), module('c', [0], over(list(1, 2, 3), { failFast: false }))], undefined, 'p', { barrier: 'wave' });
  for (const [at, outcome] of [[0, succeeded()], [1, failed()], [3, succeeded()], [4, succeeded()], [5, failed()]] as const) end(cell, run, at, session, outcome);
  const again = rerun(cell, run);
  assert.deepEqual(phases(cell, again), ['a succeeded', 'b ready', 'c expanded', 'c[0] succeeded', 'c[1] succeeded', 'c[2] waiting']);
  const { header, runs } = toSections(cell.state);
  assert.equal(stateHash(fromSections(header, runs.map(({ plain }) => plain()), hooks)), stateHash(cell.state));
  end(cell, again, 1, session);
  assert.equal(cell.module(again, 5).phase, 'ready');
  end(cell, again, 5, session);
  assert.equal(cell.phase(again), 'succeeded');
});
