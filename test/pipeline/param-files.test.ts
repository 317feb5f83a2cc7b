/** Goal: files of whoever submits become blobs with their names and rights, or a message says which parameter is wrong, and how. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { filesOfParam } from '../../src/core/cell/files.ts';
import { specProblem } from '../../src/core/cell/run-spec.ts';
import type { FilesRef, Json, RunSpec } from '../../src/core/cell/types.ts';
import { compileRun } from '../../src/pipeline/compile.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';
import type { BlobPlace } from '../../src/pipeline/param-files.ts';
import { pipelineToJson } from '../../src/pipeline/to-json.ts';
import { testBlobs } from '../support/node-blobs.ts';
import { failure, folderWith, load } from './helpers.ts';

const pipeline = `
name: p
params:
  src: { type: file, required: false }
  all: { type: files, required: false }
  own: { type: files, default: lib }
modules:
  a: { run: 'cat "$SRC"', inputs: { SRC: "\${{ params.src }}", ALL: "\${{ params['all'] }}" } }
  b: { run: 'ls "$OWN"; echo "\${{ params.src.name }}"', inputs: { OWN: "\${{ params.own }}" } }
`;

interface Bed {
  readonly folder: string;
  readonly place: BlobPlace;
  readonly compile: (given: Readonly<Record<string, Json>>, place?: BlobPlace) => Promise<RunSpec>;
  /** Paths of the tree of a parameter, `x` behind those that can be executed. */
  readonly tree: (spec: RunSpec, param: string) => Promise<string[]>;
}

async function bed(t: TestContext): Promise<Bed> {
  const folder = await folderWith(t, { 'pipelines/p.yaml': pipeline, 'pipelines/lib/own.txt': 'own', 'here/film.mkv': 'film', 'here/src/b.c': 'b', 'here/src/a.c': 'a', 'here/src/in/.h': 'h', 'here/src/in/note.md': 'n' });
  chmodSync(path.join(folder, 'here/src/a.c'), 0o755);
  const place = testBlobs(path.join(folder, 'blobs')).node;
  const directory = path.join(folder, 'here');
  return {
    folder: directory,
    place,
    compile: async (given, other = place) => compileRun(await loadPipeline(path.join(folder, 'pipelines/p.yaml')), given, { place: other, directory }),
    tree: async (spec, param) => (await place.files(filesOfParam(spec.params, param)!.cid)).map(({ path: where, executable }) => `${where}${executable ? ' x' : ''}`),
  };
}

test('a file has its name, its size and the name of its content; modules take it as an input', async (t) => {
  const { compile, place, tree } = await bed(t);
  const spec = await compile({ src: 'film.mkv' });
  const { cid } = (await place.putFiles([path.join((await bed(t)).folder, 'film.mkv')]))[0]!;
  assert.deepEqual(spec.params['src'], { kind: 'file', cid, name: 'film.mkv', size: 4, count: 1 } satisfies FilesRef);
  assert.deepEqual(spec.modules[0]?.files?.inputs, [{ variable: 'SRC', param: 'src' }]);
  assert.deepEqual(spec.modules[0].env, { ALL: '' }, 'what was not given is an empty variable, and no input');
  assert.deepEqual(await tree(spec, 'own'), ['own.txt'], 'a default is found beside the pipeline file');
  assert.equal(specProblem(spec), undefined);
});

const trees: readonly (readonly [Json, readonly string[]])[] = [
  ['src', ['a.c x', 'b.c', 'in/.h', 'in/note.md']],
  ['./src/', ['a.c x', 'b.c', 'in/.h', 'in/note.md']],
  ['src/*.c', ['a.c x', 'b.c']],
  ['src/**/*.md', ['in/note.md']],
  ['*/{a,b}.c', ['src/a.c x', 'src/b.c']],
  ['film.mkv', ['film.mkv']],
  [['film.mkv', 'src/*.c'], ['a.c x', 'b.c', 'film.mkv']],
  [['src/a.c', 'src'], ['a.c x', 'b.c', 'in/.h', 'in/note.md']],
];
for (const [given, paths] of trees) {
  test(`files ${JSON.stringify(given)}`, async (t) => {
    const { compile, tree } = await bed(t);
    const spec = await compile({ all: given });
    assert.deepEqual(await tree(spec, 'all'), paths);
    const { kind, name, count } = filesOfParam(spec.params, 'all')!;
    assert.deepEqual([kind, name, count], ['tree', '', paths.length]);
  });
}

test('a blob that was put before is named by its CID, with a name of its own if it needs one', async (t) => {
  const { compile, folder, place, tree } = await bed(t);
  const [{ cid, size }] = (await place.putFiles([path.join(folder, 'film.mkv')])) as [Awaited<ReturnType<BlobPlace['putFiles']>>[0]];
  const ref = { kind: 'file', cid, name: 'src', size, count: 1 } as const;
  assert.deepEqual((await compile({ src: `blob:${cid}` })).params['src'], ref);
  assert.deepEqual((await compile({ src: `blob:${cid}/b.mkv` })).params['src'], { ...ref, name: 'b.mkv' });
  assert.deepEqual((await compile({ src: { cid, name: 'c.mkv', executable: true } })).params['src'], { ...ref, kind: 'program', name: 'c.mkv' });
  const first = await compile({ all: 'src' });
  const again = await compile({ all: { cid: filesOfParam(first.params, 'all')!.cid } });
  assert.deepEqual(again.params['all'], first.params['all']);
  assert.deepEqual(await tree(again, 'all'), await tree(first, 'all'));
  assert.deepEqual((await compile(first.params)).params, first.params, 'the parameters of one run may be given to the next');
  await failure(compile({ all: `blob:${cid}` }), 'BLOB_INVALID');
  const error = await failure(compile({ src: 'blob:nonsense' }), 'BLOB_INVALID');
  assert.match(error.message, /^parameter `src`: "nonsense" is not the name of a blob/);
});

const bad: readonly (readonly [string, Json, RegExp, ((folder: string) => void)?])[] = [
  ['src', 'none.mkv', /^parameter `src` names `none.mkv`, and there is no such file in \//],
  ['src', 'src', /^parameter `src` must be a file, and `src` is a folder: pack it, or give the parameter `type: files`$/],
  ['src', ['film.mkv'], /^parameter `src` must be the path of a file, blob:CID, or \{cid: CID, name: NAME\}/],
  ['src', 5, /^parameter `src` must be the path of a file/],
  ['src', { cid: 'x', name: '../y' }, /^parameter `src` must be the path of a file/],
  ['src', { cid: 'x', path: 'y' }, /^parameter `src` must be the path of a file/],
  ['src', '', /^parameter `src` must be the path of a file/],
  ['src', '/dev/null', /^parameter `src` must be a file, and `\/dev\/null` is neither a file nor a folder/],
  ['all', [], /^parameter `all` must be a folder, a file or a pattern/],
  ['all', 'src/*.java', /^parameter `all` names `src\/\*\.java`, which fits no file/],
  ['all', 'nowhere/*.c', /^parameter `all` names `nowhere\/\*\.c`, and there is no folder/],
  ['all', 'empty', /^parameter `all` names no files: `empty` has none/, (folder) => mkdirSync(path.join(folder, 'empty'))],
  ['all', ['src', 'other'], /^parameter `all` names two files that would both be `a\.c`/, (folder) => (mkdirSync(path.join(folder, 'other')), writeFileSync(path.join(folder, 'other/a.c'), 'x'))],
  ['all', 'src', /^parameter `all` names `.*back.*`, a link to a folder that it lies in/, (folder) => symlinkSync('..', path.join(folder, 'src/in/back'))],
  ['all', 'src', /^parameter `all` names `.*dead`, which is a link to nothing/, (folder) => symlinkSync('nothing', path.join(folder, 'src/dead'))],
  ['all', 'src', /^parameter `all` names `.*a\ufffd`, whose name is not UTF-8: rename it/, (folder) => writeFileSync(Buffer.concat([Buffer.from(path.join(folder, 'src/a')), Buffer.of(0xff)]), '')],
  ['all', 'src/*', /^parameter `all` names `.*a\ufffd`, whose name is not UTF-8: rename it/, (folder) => writeFileSync(Buffer.concat([Buffer.from(path.join(folder, 'src/a')), Buffer.of(0xff)]), '')],
  ['all', 'src', /^parameter `all` names `.*back\\slash`, whose name is not one that a file can have on every node/, (folder) => writeFileSync(path.join(folder, 'src/back\\slash'), '')],
];
for (const [param, given, says, arrange] of bad) {
  test(`refused: ${param} = ${JSON.stringify(given)} ${says.source.slice(0, 60)}`, async (t) => {
    const { compile, folder } = await bed(t);
    arrange?.(folder);
    const error = await failure(compile({ [param]: given }), 'PARAM_INVALID');
    assert.match(error.message, says);
    assert.equal((error.data['problems'] as { param: string }[])[0]?.param, param);
  });
}

test('links to files and folders are followed', async (t) => {
  const { compile, folder, tree } = await bed(t);
  mkdirSync(path.join(folder, 'links'));
  symlinkSync('../film.mkv', path.join(folder, 'links/film'));
  symlinkSync('../src/in', path.join(folder, 'links/in'));
  const spec = await compile({ src: 'links/film', all: 'links' });
  assert.equal(filesOfParam(spec.params, 'src')?.name, 'film');
  assert.deepEqual(await tree(spec, 'all'), ['film', 'in/.h', 'in/note.md']);
});

test('names with spaces, wildcards, line breaks and unicode', async (t) => {
  const { compile, folder, tree } = await bed(t);
  mkdirSync(path.join(folder, '[odd] *'));
  const names = ['a b', 'ä€😀', 'new\nline', '*.c', '${{ params.x }}'];
  for (const name of names) writeFileSync(path.join(folder, '[odd] *', name), name);
  const spec = await compile({ all: '[odd] *', src: '[odd] */*.c' });
  assert.deepEqual((await tree(spec, 'all')).toSorted(), names.toSorted());
  assert.equal(filesOfParam(spec.params, 'src')?.name, '*.c', 'a file of that name is meant before a pattern is tried');
});

test('all parameters are looked at before anything is sent', async (t) => {
  const { compile, place } = await bed(t);
  let sent = 0;
  const counting: BlobPlace = { putFiles: (files) => ((sent += files.length), place.putFiles(files)), putTree: (files) => place.putTree(files), putBytes: (bytes) => place.putBytes(bytes), fetch: (cid) => place.fetch(cid), files: (cid) => place.files(cid) };
  const error = await failure(compile({ src: 'film.mkv', all: 'nowhere' }, counting), 'PARAM_INVALID');
  assert.match(error.message, /`nowhere`/);
  assert.equal(sent, 0);
});

test('a file that is written to meanwhile is refused', async (t) => {
  const { compile, folder, place } = await bed(t);
  const writing: BlobPlace = {
    putFiles: async (files) => {
      const named = await place.putFiles(files);
      writeFileSync(path.join(folder, 'film.mkv'), 'longer than before');
      return named;
    },
    putTree: (files) => place.putTree(files),
    putBytes: (bytes) => place.putBytes(bytes),
    fetch: (cid) => place.fetch(cid),
    files: (cid) => place.files(cid),
  };
  const error = await failure(compile({ src: 'film.mkv' }, writing), 'PARAM_INVALID');
  assert.match(error.message, /^parameter `src` names `.*film\.mkv`, which changed while it was read/);
});

test('without a folder paths mean nothing: a node reads none of its own files for a text that was sent to it', async (t) => {
  const { folder, place } = await bed(t);
  const text = await loadPipeline({ text: pipeline, directory: null });
  const refused = async (given: Record<string, Json>): Promise<string> => (await failure(compileRun(text, given, { place, directory: null }), 'PARAM_INVALID')).message;
  assert.match(await refused({ src: path.join(folder, 'film.mkv'), own: null }), /^parameter `src` names `.*`, and the files of whoever sends this are not here: put them/);
  assert.match(await refused({}), /^parameter `own` names `lib`, and the files of whoever sends this are not here/);
});

test('a file that may not be read', { skip: process.getuid?.() === 0 ? 'root may read everything' : false }, async (t) => {
  const { compile, folder } = await bed(t);
  chmodSync(path.join(folder, 'film.mkv'), 0);
  assert.match((await failure(compile({ src: 'film.mkv' }), 'PARAM_INVALID')).message, /may not be read: permission denied/);
});

test('a function for the modules gets what is known of the files', async (t) => {
  const { folder, place } = await bed(t);
  const file = path.join(folder, 'p.ts');
  const builder = path.resolve(import.meta.dirname, '../../src/pipeline/builder.ts');
  writeFileSync(file, `import { definePipeline } from ${JSON.stringify(builder)};
export default definePipeline({
  params: { src: { type: 'file' }, all: { type: 'files', default: 'src' } },
  modules: ({ src, all }) => ({ ['take-' + src.size + '-' + all.count]: { run: 'true', inputs: { S: '\${{ params.src }}' } } }),
});
`);
  const spec = await compileRun(await loadPipeline(file), { src: 'film.mkv' }, { place, directory: folder });
  assert.deepEqual(spec.modules.map(({ name }) => name), ['take-4-4']);
  assert.equal(readFileSync(path.join(folder, 'film.mkv'), 'utf8'), 'film', 'files of the submitter stay where they are');
});

test('written out as a document it loads again as it was', async () => {
  const once = await load(pipeline);
  const again = await load(JSON.stringify(pipelineToJson(once)), 'p.json');
  assert.deepEqual([again.params, again.modules], [once.params, once.modules]);
});
