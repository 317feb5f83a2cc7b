/** Files in the log: what is declared, what is reported, and what becomes of both. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { blobRefs, submittedFiles } from '../../../src/core/cell/files.ts';
import { inputsHashOf } from '../../../src/core/cell/inputs.ts';
import { specProblem } from '../../../src/core/cell/run-spec.ts';
import { fromSections, stateHash, toSections } from '../../../src/core/cell/snapshot.ts';
import type { FilesRef, Json, ModuleFiles, ModuleSpec, Outcome, RunSpec } from '../../../src/core/cell/types.ts';
import { nodeId, type Cid, type RunNumber } from '../../../src/core/lib/ids.ts';
import { hooks, module, spec, succeeded, TestCell } from './cells.ts';

const cid = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy' as Cid;
const other = 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq' as Cid;
const tree: FilesRef = { kind: 'tree', cid, name: '', size: 10, count: 2 };
const makes = (files: Partial<ModuleFiles>): Partial<ModuleSpec> => ({ files: { inputs: [], outputs: [], ...files } });
const source = module('a', [], makes({ outputs: [{ name: 'parts', pattern: 'out/*' }] }));
const sink = module('b', [0], makes({ inputs: [{ variable: 'IN', module: 0, output: 'parts' }] }));
const withFiles = (files: Outcome['files']): Outcome => ({ ...succeeded(), ...(files === undefined ? {} : { files }) });

test('what is reported must be what was declared', () => {
  const bad: readonly (readonly [Outcome['files'], RegExp])[] = [
    [undefined, /0 outputs with files were reported, 1 are declared/],
    [{}, /0 outputs/],
    [{ other: tree }, /output parts was not reported/],
    [{ parts: tree, other: tree }, /2 outputs/],
    [{ parts: { ...tree, size: -1 } }, /cannot be kept/],
    [{ parts: { ...tree, count: 1.5 } }, /cannot be kept/],
    [{ parts: { ...tree, cid: '' as Cid } }, /cannot be kept/],
    [{ parts: { ...tree, kind: 'folder' as 'tree' } }, /cannot be kept/],
    [{ parts: { ...tree, name: 'x' } }, /cannot be kept/],
    [{ parts: { ...tree, kind: 'file', name: 'x' } }, /cannot be kept/],
    ...['', '.', '..', 'a/b', 'a\\b', 'a\0', '\ud800'].map((name): [Outcome['files'], RegExp] => [{ parts: { ...tree, kind: 'file', name } }, /cannot be kept/]),
  ];
  for (const [files, says] of bad) {
    const cell = new TestCell();
    const run = cell.submit([source]);
    assert.equal(cell.result(run, 0, cell.claim(run, 0, cell.open('a')), withFiles(files)), 'accepted');
    const { phase, outcome } = cell.module(run, 0);
    assert.deepEqual([phase, outcome?.error?.code], ['failed', 'MODULE_OUTPUT']);
    assert.match(outcome?.error?.message ?? '', says);
    assert.equal(outcome?.files, undefined);
  }
});

test('a run refers to what its modules left, while it lives and when it has ended', () => {
  const cell = new TestCell();
  const two = module('a', [], makes({ outputs: [{ name: 'parts', pattern: 'out/*' }, { name: 'log', pattern: 'log' }] }));
  const run = cell.submit([two, module('b')]);
  const refs = (): unknown[] => [...blobRefs(cell.state.runs.get(run)!)];
  assert.deepEqual(refs(), []);
  const session = cell.open('a');
  cell.result(run, 0, cell.claim(run, 0, session), withFiles({ parts: tree, log: { kind: 'file', cid: other, name: 'log', size: 1, count: 1 } }), { holders: [nodeId('a')] });
  const expected = [{ cid, tree: true }, { cid: other, tree: false }];
  assert.deepEqual(refs(), expected);
  cell.result(run, 1, cell.claim(run, 1, session), succeeded());
  assert.equal(cell.state.finished.has(run), true);
  assert.deepEqual(refs(), expected);
});

test('a module that declares none may report none', () => {
  const cell = new TestCell();
  const run = cell.submit([module('a')]);
  cell.result(run, 0, cell.claim(run, 0, cell.open('a')), withFiles({ parts: tree }));
  assert.equal(cell.module(run, 0).outcome?.error?.code, 'MODULE_OUTPUT');
});

test('a failed module reports none, and that is all right', () => {
  const cell = new TestCell();
  const run = cell.submit([source]);
  cell.result(run, 0, cell.claim(run, 0, cell.open('a')), { ...succeeded(), ok: false, error: { code: 'MODULE_EXIT', message: 'no' } });
  assert.equal(cell.module(run, 0).outcome?.error?.code, 'MODULE_EXIT');
});

test('other files are other inputs, the same files under another node are not', () => {
  const hashOf = (ref: FilesRef): string => {
    const cell = new TestCell();
    const run = cell.submit([source, sink]);
    cell.result(run, 0, cell.claim(run, 0, cell.open('a')), withFiles({ parts: ref }), { holders: [nodeId('a')] });
    return inputsHashOf(cell.state, run, 1);
  };
  assert.equal(hashOf(tree), hashOf({ ...tree }));
  assert.notEqual(hashOf(tree), hashOf({ ...tree, cid: other }));
});

const taker = module('a', [], makes({ inputs: [{ variable: 'SRC', param: 'src' }] }));
const film: FilesRef = { kind: 'file', cid, name: 'film.mkv', size: 10, count: 1 };

function submitWith(cell: TestCell, params: RunSpec['params']): RunNumber {
  const reply = cell.apply({ type: 'submit', requestKey: 'key', spec: { ...spec([taker]), params } });
  assert.ok(reply.type === 'run', JSON.stringify(reply));
  return reply.run;
}

test('other files of the submitter are other inputs, under whatever name', () => {
  const hashOf = (ref: FilesRef): string => {
    const cell = new TestCell();
    const run = submitWith(cell, { src: { ...ref } });
    return inputsHashOf(cell.state, run, 0);
  };
  assert.equal(hashOf(film), hashOf({ ...film, name: 'other.mkv' }));
  assert.notEqual(hashOf(film), hashOf({ ...film, cid: other }));
});

test('what came with a run is known as long as the run is', () => {
  const cell = new TestCell();
  const run = submitWith(cell, { src: { ...film }, all: { ...tree }, note: 'x', odd: { kind: 'file', cid } });
  assert.deepEqual([...submittedFiles(cell.state.runs.get(run)!.spec.params)], [['src', film], ['all', tree]]);
  assert.deepEqual([...blobRefs(cell.state.runs.get(run)!)], [{ cid, tree: false }, { cid, tree: true }]);
  cell.result(run, 0, cell.claim(run, 0, cell.open('a')), succeeded());
  const sections = toSections(cell.state);
  const back = fromSections(sections.header, sections.runs.map(({ plain }) => plain()), hooks);
  assert.equal(stateHash(back), stateHash(cell.state));
  assert.deepEqual([...submittedFiles(back.runs.get(run)!.spec.params).keys()].toSorted(), ['all', 'src']);
});

test('an input of a parameter that is no files is refused', () => {
  for (const src of [undefined, null, 'film.mkv', { ...film, size: -1 }, { ...film, kind: 'folder' }, { ...film, name: '../x' }, { ...film, cid: '' }, [film]]) {
    const params = src === undefined ? {} : { src: src as Json };
    assert.match(specProblem({ ...spec([taker]), params })?.message ?? '', /input SRC: parameter src is no files/);
  }
  assert.equal(specProblem({ ...spec([taker]), params: { src: { ...film } } }), undefined);
});

test('a snapshot brings declarations and files back, live and ended', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  for (const ends of [false, true]) {
    const run = cell.submit([source, sink]);
    cell.result(run, 0, cell.claim(run, 0, session), withFiles({ parts: tree }), { holders: [nodeId('a')] });
    if (ends) cell.result(run, 1, cell.claim(run, 1, session), succeeded());
  }
  const sections = toSections(cell.state);
  const back = fromSections(sections.header, sections.runs.map(({ plain }) => plain()), hooks);
  assert.equal(stateHash(back), stateHash(cell.state));
  const [live, ended] = [...back.runs.values()];
  assert.deepEqual(live?.spec.modules.map(({ files }) => files), [source.files, sink.files]);
  assert.equal(ended?.phase, 'succeeded');
  assert.deepEqual(ended.modules[0]?.outcome?.files, { parts: tree }, 'they can be downloaded long after');
});

test('declarations that cannot work are refused', () => {
  const input = (variable: string, from = 0, output = 'parts'): ModuleSpec[] => [source, module('c'), module('b', [0], makes({ inputs: [{ variable, module: from, output }] }))];
  const output = { name: 'o', pattern: 'p' };
  const bad: readonly (readonly [readonly ModuleSpec[], RegExp])[] = [
    [input('IN', 1), /not among its needs/],
    [input('IN', 7), /not among its needs/],
    [input('IN', 0, 'x'), /declares no output x/],
    [input('../..'), /cannot name the variable/],
    [input('A B'), /cannot name the variable/],
    [[module('a', [], makes({ outputs: [output, output] }))], /twice/],
    [[module('a', [], makes({ outputs: Array.from({ length: 65 }, (_, i) => ({ name: `o${i}`, pattern: 'p' })) }))], /more than 64/],
    [[module('a', [], { ...makes({ outputs: [output] }), action: { type: 'registered', function: 'f' } })], /registered functions cannot have/],
    [[module('a', [], makes({ outputs: [{ name: 'o', pattern: 'x'.repeat(1025) }] }))], /pattern/],
  ];
  for (const [modules, says] of bad) assert.match(specProblem(spec(modules))?.message ?? '', says);
  assert.equal(specProblem(spec(input('IN'))), undefined);
});

const bundle: FilesRef = { kind: 'file', cid: other, name: 'steps.ts', size: 5_000_000, count: 1 };
const calls = module('f', [], { action: { type: 'bundle', bundle: other, export: 'f', sourceName: './steps.ts' } });
const withBundle = (bundles: RunSpec['bundles']): RunSpec => ({ ...spec([calls]), bundles });

test('a bundle that is a blob is needed as what came with the run is, also when it has ended, and is there again in a rerun', () => {
  const cell = new TestCell();
  const submitted = cell.apply({ type: 'submit', requestKey: 'key', spec: withBundle({ [other]: bundle, abc: 'small' }) });
  assert.ok(submitted.type === 'run');
  const { run } = submitted;
  const refs = (of: RunNumber): unknown => [...blobRefs(cell.state.runs.get(of)!)];
  assert.deepEqual(refs(run), [{ cid: other, tree: false }]);
  cell.result(run, 0, cell.claim(run, 0, cell.open('a')), succeeded());
  assert.deepEqual(cell.state.runs.get(run)!.spec.bundles, { [other]: bundle }, 'what lay in the log is forgotten, which blob it was is not');
  assert.deepEqual(refs(run), [{ cid: other, tree: false }]);
  const sections = toSections(cell.state);
  const back = fromSections(sections.header, sections.runs.map(({ plain }) => plain()), hooks);
  assert.equal(stateHash(back), stateHash(cell.state));
  assert.deepEqual([...blobRefs(back.runs.get(run)!)], refs(run));
  const again = cell.apply({ type: 'rerun', requestKey: 'again', run, failedOnly: false });
  assert.ok(again.type === 'run', JSON.stringify(again));
  assert.deepEqual(cell.state.runs.get(again.run)!.spec.bundles, { [other]: bundle, abc: 'small' });
});

test('a bundle that is neither a text nor the blob of its name is refused', () => {
  assert.equal(specProblem(withBundle({ [other]: bundle })), undefined);
  for (const wrong of [7, null, [bundle], { ...bundle, cid }, { ...bundle, kind: 'tree', name: '' }, { ...bundle, kind: 'program' }, { ...bundle, count: 2 }, { ...bundle, size: -1 }, { ...bundle, name: 'a/b' }]) {
    const problem = specProblem(withBundle({ [other]: wrong as unknown as FilesRef }));
    assert.deepEqual([problem?.code, problem?.message], ['PIPELINE_INVALID', `bundle ${other} is neither a text nor the blob of that name`], JSON.stringify(wrong));
  }
  assert.equal(specProblem(withBundle(Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`b${at}`, 'x']))))?.code, 'LIMIT_EXCEEDED');
});
