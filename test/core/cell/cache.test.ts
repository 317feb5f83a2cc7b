/** A result stands for an execution where nothing that the execution depends on differs, and nowhere else. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import { reusable } from '../../../src/core/cell/cache.ts';
import { seenParams } from '../../../src/core/cell/seen-params.ts';
import { fromSections, stateHash, toSections } from '../../../src/core/cell/snapshot.ts';
import type { ModuleSpec, Outcome } from '../../../src/core/cell/types.ts';
import { nodeId, type Cid } from '../../../src/core/lib/ids.ts';
import { failed, hooks, module, spec, succeeded, TestCell, type ModuleSketch } from './cells.ts';

const cached = (name: string, needs: readonly number[] = [], more: ModuleSketch = {}): ModuleSpec => module(name, needs, { cache: true, ...more });

/** Two modules, the second one cached: the first puts out `seed`. */
function chain(cell: TestCell, session: number, seed: string, second: ModuleSketch = {}): { run: number; fence: number } {
  const run = cell.submit([module('source'), cached('work', [0], second)]);
  cell.result(run, 0, cell.claim(run, 0, session), succeeded({ seed }));
  return { run, fence: cell.claim(run, 1, session) };
}

function done(cell: TestCell, session: number, seed: string, second: ModuleSketch = {}): number {
  const { run, fence } = chain(cell, session, seed, second);
  assert.notEqual(fence, 0);
  cell.result(run, 1, fence, succeeded({ made: `of ${seed}` }));
  assert.equal(cell.phase(run), 'succeeded');
  return run;
}

test('the same work on the same inputs is not executed again: its claim ends with the recorded result', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const first = done(cell, session, 'x');
  cell.now += 1_000;
  const { run, fence } = chain(cell, session, 'x');
  assert.equal(fence, 0);
  assert.equal(cell.phase(run), 'succeeded');
  const work = cell.module(run, 1);
  assert.deepEqual([work.phase, work.outcome?.values, work.reusedFrom, work.fence, work.outcome?.durationMs], ['succeeded', { made: 'of x' }, first, 0, 0]);
  assert.match(work.note, /^cached: its result is that of run /);
  assert.equal(cell.state.sessions.get(session)?.milliCpuUsed, 0);
  const third = chain(cell, session, 'x');
  assert.equal(cell.module(third.run, 1).reusedFrom, first, 'the run in which it was worked out, not the one in between');
});

test('whatever the work depends on makes another key', () => {
  const other: Record<string, ModuleSketch> = {
    command: { action: { type: 'run', command: 'false' } },
    code: { action: { type: 'bundle', bundle: 'f'.repeat(64), export: 'f', sourceName: 'f.ts' } },
    env: { env: { A: '1' } },
    outputs: { files: { inputs: [], outputs: [{ name: 'o', pattern: 'o' }] } },
  };
  for (const [what, sketch] of Object.entries(other)) {
    const cell = new TestCell();
    const session = cell.open('a');
    done(cell, session, 'x');
    assert.notEqual(chain(cell, session, 'x', sketch).fence, 0, what);
  }
  const cell = new TestCell();
  const session = cell.open('a');
  done(cell, session, 'x');
  assert.notEqual(chain(cell, session, 'y').fence, 0, 'values of needs');
  for (const change of [{ params: { crf: 1 } }, { env: { LANG: 'C' } }] as const) {
    const reply = cell.apply({ type: 'submit', requestKey: JSON.stringify(change), spec: { ...spec([module('source'), cached('work', [0])]), ...change } });
    assert.ok(reply.type === 'run');
    cell.result(reply.run, 0, cell.claim(reply.run, 0, session), succeeded({ seed: 'x' }));
    assert.notEqual(cell.claim(reply.run, 1, session), 0, JSON.stringify(change));
  }
});

test('of files that came with the run those count that a command takes or names, and it is shown no others', () => {
  const cids = ['bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy', 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq'] as const;
  const take = (param: string): ModuleSketch => ({ files: { inputs: [{ variable: 'IN', param }], outputs: [] } });
  const command = (text: string): ModuleSketch => ({ action: { type: 'run', command: text } });
  // What a module is, what it is shown, and whether it is executed again when `sample` holds something else.
  const table: readonly (readonly [ModuleSketch, string, boolean])[] = [
    [{}, 'crf', false],
    [take('sources'), 'crf sources', false],
    [take('sample'), 'crf sample', true],
    [{ foreach: { source: { type: 'param', param: 'sample' }, failFast: true, parallelMax: 0 } }, 'crf sample', true],
    [{ env: { A: '${{ params.sample.size }}' } }, 'crf sample', true],
    [{ env: { A: '${{ params.crf }}' } }, 'crf', false],
    [{ env: { A: "${{ params['sam' + 'ple'] }}" } }, 'crf sample sources', true],
    [{ env: { A: '${{ toJSON(params) }}' } }, 'crf sample sources', true],
    [command('cat $SKEIN_PARAMS_FILE'), 'crf sample sources', true],
    [{ action: { type: 'bundle', bundle: 'f'.repeat(64), export: 'f', sourceName: 'f.ts' } }, 'crf sample sources', true],
  ];
  for (const [sketch, shown, again] of table) {
    const cell = new TestCell();
    const session = cell.open('a');
    for (const sample of [0, 1] as const) {
      const params = { sources: { kind: 'file', cid: cids[0], name: 'm.c', size: 9, count: 1 }, sample: { kind: 'file', cid: cids[sample], name: 'x', size: 9, count: 1 }, crf: 3 };
      const whole = { ...spec([cached('work', [], sketch)]), params };
      const reply = cell.apply({ type: 'submit', requestKey: `sample-${sample}`, spec: whole });
      assert.ok(reply.type === 'run', JSON.stringify(reply));
      const at = sketch.foreach === undefined ? 0 : 1;
      const fence = cell.claim(reply.run, at, session);
      assert.equal(fence !== 0, sample === 0 || again, JSON.stringify(sketch));
      assert.equal(Object.keys(seenParams(whole, 0)).toSorted().join(' '), shown, JSON.stringify(sketch));
      if (fence !== 0) cell.result(reply.run, at, fence, succeeded());
    }
  }
  const plain = { ...spec([module('work')]), params: { sample: { kind: 'file', cid: cids[0], name: 'x', size: 9, count: 1 } } };
  assert.equal(seenParams(plain, 0), plain.params, 'who does not ask for it is shown everything');
});

test('what does not change the work finds it: its name, its timeout, its priority', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  done(cell, session, 'x');
  const run = cell.submit([module('source'), cached('renamed', [0], { timeoutMs: 5_000, retry: { attempts: 3 }, policy: { priority: 9 } })]);
  cell.result(run, 0, cell.claim(run, 0, session), succeeded({ seed: 'x' }));
  assert.equal(cell.claim(run, 1, session), 0);
  assert.equal(cell.module(run, 1).phase, 'succeeded');
});

test('another version of a tool that it asks for, or another kind of machine, is other work', () => {
  const cell = new TestCell();
  const gcc = { requires: { tools: { gcc: '*' } } };
  const old = cell.open('old', { capabilities: { tools: { gcc: '12.2' } } });
  const recent = cell.open('recent', { capabilities: { tools: { gcc: '14.1' } } });
  const arm = cell.open('arm', { capabilities: { arch: 'arm64', tools: { gcc: '12.2' } } });
  const same = cell.open('same', { capabilities: { tools: { gcc: '12.2', make: '4' } } });
  done(cell, old, 'x', gcc);
  for (const session of [recent, arm]) {
    const { run, fence } = chain(cell, session, 'x', gcc);
    assert.notEqual(fence, 0);
    cell.apply({ type: 'cancel', run, reason: '' });
  }
  assert.equal(chain(cell, same, 'x', gcc).fence, 0);
});

test('nothing is kept of failures, nor of modules that do not ask for it', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const broken = cell.submit([cached('work')]);
  cell.result(broken, 0, cell.claim(broken, 0, session), failed());
  const plain = cell.submit([module('work')]);
  cell.result(plain, 0, cell.claim(plain, 0, session), succeeded());
  assert.equal(cell.state.cache.size, 0);
  const run = cell.submit([cached('work')]);
  assert.notEqual(cell.claim(run, 0, session), 0);
});

test('effectful modules and registered functions cannot ask for it', () => {
  const cell = new TestCell();
  for (const sketch of [{ effectful: true }, { action: { type: 'registered', function: 'f' } as const }]) {
    assert.equal(cell.refusal({ type: 'submit', requestKey: JSON.stringify(sketch), spec: spec([cached('work', [], sketch)]) }), 'PIPELINE_INVALID');
  }
});

test('a result goes with the run that has it, which is the last one that took it over', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const first = done(cell, session, 'x');
  const { run: second } = chain(cell, session, 'x');
  cell.apply({ type: 'retire', runs: [first] });
  assert.equal(cell.state.cache.size, 1);
  assert.equal(chain(cell, session, 'x').fence, 0);
  cell.apply({ type: 'retire', runs: [...cell.state.finished.keys()] });
  assert.equal(cell.state.cache.size, 0);
  assert.equal(cell.state.runs.has(second), false);
  assert.notEqual(chain(cell, session, 'x').fence, 0);
});

test('`reuse` ends what is ready though no slot is free, for any node that it would fit', () => {
  const cell = new TestCell();
  const session = cell.open('a', { capabilities: { slots: 1 } });
  done(cell, session, 'x');
  const run = cell.submit([module('source'), cached('work', [0]), cached('after', [1])]);
  cell.result(run, 0, cell.claim(run, 0, session), succeeded({ seed: 'x' }));
  const blocker = cell.submit([module('blocker')]);
  assert.notEqual(cell.claim(blocker, 0, session), 0);
  const items = reusable(cell.state, cell.state.runs.get(run)!.modules);
  assert.deepEqual(items, [{ run, module: 1, session }]);
  cell.apply({ type: 'reuse', claims: [...items, { run, module: 0, session }, { run: 999, module: 0, session }, { run, module: 2, session }] });
  assert.deepEqual(cell.state.runs.get(run)!.modules.map(({ phase }) => phase), ['succeeded', 'succeeded', 'ready']);
  assert.deepEqual(reusable(cell.state, cell.state.runs.get(run)!.modules), []);
});

test('a run that is paused before it began has begun when a result was taken over', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const first = cell.submit([cached('work')]);
  cell.result(first, 0, cell.claim(first, 0, session), succeeded());
  const run = cell.submit([cached('work'), module('other')]);
  cell.apply({ type: 'runPause', run, on: true, reason: '' });
  cell.apply({ type: 'reuse', claims: [{ run, module: 0, session }] });
  cell.apply({ type: 'runPause', run, on: false, reason: '' });
  assert.deepEqual([cell.module(run, 0).phase, cell.phase(run), cell.state.runs.get(run)!.startedAt], ['succeeded', 'running', cell.now]);
});

test('a snapshot carries the keys, and a restored cell answers alike', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  done(cell, session, 'x');
  chain(cell, session, 'x');
  const { header, runs } = toSections(cell.state);
  const restored = fromSections(header, runs.map(({ plain }) => plain()), hooks);
  assert.equal(stateHash(restored), stateHash(cell.state));
  assert.deepEqual([...restored.cache.keys()], [...cell.state.cache.keys()]);
  cell.state = restored;
  assert.equal(chain(cell, session, 'x').fence, 0);
});

// ── Reruns ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** a, b → c → d; c fails. */
function broken(cell: TestCell, session: number): number {
  const run = cell.submit([module('a'), module('b'), module('c', [0, 1]), module('d', [2])]);
  for (const index of [0, 1]) cell.result(run, index, cell.claim(run, index, session), succeeded({ n: index }));
  cell.result(run, 2, cell.claim(run, 2, session), failed());
  assert.equal(cell.phase(run), 'failed');
  return run;
}

function rerun(cell: TestCell, run: number, failedOnly: boolean, requestKey = `again-${run}-${failedOnly}`): number {
  const reply = cell.apply({ type: 'rerun', requestKey, run, failedOnly });
  assert.ok(reply.type === 'run', JSON.stringify(reply));
  return reply.run;
}

test('a finished run is run once more, as a new run of the same specification', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const before = broken(cell, session);
  const run = rerun(cell, before, false);
  const record = cell.state.runs.get(run)!;
  assert.deepEqual([record.rerunOf, record.modules.map(({ phase }) => phase)], [before, ['ready', 'ready', 'waiting', 'waiting']]);
  assert.deepEqual(record.spec.modules.map(({ action }) => action), Array.from({ length: 4 }, () => ({ type: 'run', command: 'true' })));
  for (const index of [0, 1, 2, 3]) cell.result(run, index, cell.claim(run, index, session), succeeded());
  assert.equal(cell.phase(run), 'succeeded');
});

test('with failedOnly what succeeded is taken over, and told', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const before = broken(cell, session);
  const run = rerun(cell, before, true);
  assert.deepEqual(cell.events.flatMap((event) => (event.type === 'module' ? [[event.module, event.phase]] : [])), [[0, 'succeeded'], [1, 'succeeded']]);
  const record = cell.state.runs.get(run)!;
  assert.deepEqual(record.modules.map(({ phase, reusedFrom }) => [phase, reusedFrom]), [['succeeded', before], ['succeeded', before], ['ready', 0], ['waiting', 0]]);
  assert.deepEqual(record.modules[1]!.outcome?.values, { n: 1 });
  for (const index of [2, 3]) cell.result(run, index, cell.claim(run, index, session), succeeded());
  assert.equal(cell.phase(run), 'succeeded');
  assert.equal(cell.refusal({ type: 'rerun', requestKey: 'k', run, failedOnly: true }), 'RUN_SUCCEEDED');
});

test('files that nobody has any more are not taken over, unless they are those of what is not done twice', () => {
  for (const effectful of [false, true]) {
    const cell = new TestCell();
    const session = cell.open('a');
    const before = cell.submit([module('a', [], { effectful, files: { inputs: [], outputs: [{ name: 'o', pattern: 'o' }] } }), module('b'), module('c', [1])]);
    const files: Outcome['files'] = { o: { kind: 'file', cid: 'x' as Cid, name: 'o', size: 1, count: 1 } };
    cell.result(before, 0, cell.claim(before, 0, session), { ...succeeded(), files }, { holders: [nodeId('a')] });
    cell.result(before, 1, cell.claim(before, 1, session), failed());
    const phases = (key: string): string[] => cell.state.runs.get(rerun(cell, before, true, key))!.modules.map(({ phase }) => phase);
    assert.deepEqual(phases('there'), ['succeeded', 'ready', 'waiting']);
    cell.apply({ type: 'holders', items: [{ run: before, module: 0, generation: 1, node: nodeId('a'), on: false }] });
    assert.deepEqual(phases('gone'), [effectful ? 'succeeded' : 'ready', 'ready', 'waiting']);
  }
});

test('with a barrier the waves go on where they stopped', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const before = cell.submit([module('a'), module('b'), module('c', [0]), module('d', [1])], undefined, 'waves', { barrier: 'wave' });
  cell.result(before, 0, cell.claim(before, 0, session), succeeded());
  cell.result(before, 1, cell.claim(before, 1, session), failed());
  cell.result(before, 2, cell.claim(before, 2, session), succeeded());
  const run = rerun(cell, before, true);
  const { header, runs } = toSections(cell.state);
  assert.equal(stateHash(fromSections(header, runs.map(({ plain }) => plain()), hooks)), stateHash(cell.state));
  assert.deepEqual(cell.state.runs.get(run)!.modules.map(({ phase }) => phase), ['succeeded', 'ready', 'succeeded', 'waiting']);
  cell.result(run, 1, cell.claim(run, 1, session), succeeded());
  assert.equal(cell.module(run, 3).phase, 'ready');
});

test('refused: what is not there, what has not ended, what is not kept; the same key gives the same run', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const live = cell.submit([module('a')]);
  assert.equal(cell.refusal({ type: 'rerun', requestKey: 'k1', run: 999, failedOnly: false }), 'RUN_NOT_FOUND');
  assert.equal(cell.refusal({ type: 'rerun', requestKey: 'k1', run: live, failedOnly: false }), 'RUN_LIVE');
  const before = broken(cell, session);
  const run = rerun(cell, before, true, 'twice');
  assert.deepEqual(cell.apply({ type: 'rerun', requestKey: 'twice', run: before, failedOnly: true }), { type: 'run', run, runId: cell.state.runs.get(run)!.runId, duplicate: true });
  const record = cell.state.runs.get(before)!;
  Object.assign(record, { source: null });
  assert.equal(cell.refusal({ type: 'rerun', requestKey: 'k2', run: before, failedOnly: false }), 'RUN_SPEC_GONE');
});

test('specifications of finished runs are kept up to a budget: the oldest are dropped, on every replica alike', () => {
  const cell = new TestCell();
  cell.state = { ...cell.state, hooks: { ...hooks, encodeSubmit: () => new Uint8Array(10 * 1024 * 1024) } };
  const session = cell.open('a');
  const runs = Array.from({ length: 8 }, () => {
    const run = cell.submit([module('a')]);
    cell.result(run, 0, cell.claim(run, 0, session), succeeded());
    return run;
  });
  const kept = (): boolean[] => runs.map((run) => cell.state.runs.get(run)!.source !== null);
  assert.deepEqual(kept(), [false, false, true, true, true, true, true, true]);
  cell.apply({ type: 'retire', runs: runs.slice(2, 4) });
  assert.equal(cell.state.sourceBytes, 4 * 10 * 1024 * 1024);
});
