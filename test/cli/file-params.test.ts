/** Files that the command line sends along with a run: read here, put on the node that it talks to. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { filesOfParam } from '../../src/core/cell/files.ts';
import { SkeinError } from '../../src/errors.ts';
import { BLOB_CHUNK_BYTES } from '../../src/protocol/limits.ts';
import { sharedBlobs } from '../support/node-blobs.ts';
import { TestBed } from './harness.ts';

const pipeline = `params:
  src: { type: file }
  all: { type: files, required: false }
modules:
  a: { run: 'cat "$SRC"', inputs: { SRC: "\${{ params.src }}", ALL: "\${{ params.all }}" } }
`;

function withFiles(bed: TestBed): TestBed {
  writeFileSync(join(bed.home, 'p.yaml'), pipeline);
  writeFileSync(join(bed.home, 'a b.txt'), 'some text');
  mkdirSync(join(bed.home, 'many'));
  for (let i = 0; i < 40; i++) writeFileSync(join(bed.home, 'many', `f${i}`), `file ${i}`);
  return bed;
}

test('-p NAME=PATH puts the file on the node and submits its name; nothing else is read', async (t) => {
  const bed = withFiles(new TestBed(t));
  const { api } = await bed.serve();
  const ended = await bed.run(['run', 'p.yaml', '-d', '-p', 'src=a b.txt', '-p', 'all=many/f*']);
  assert.equal(ended.code, 0, ended.stderr);
  const [spec] = api.submitted;
  const src = filesOfParam(spec!.params, 'src');
  assert.deepEqual([src?.name, src?.size], ['a b.txt', 9]);
  assert.equal(Buffer.concat(await (await sharedBlobs().open(src!.cid)).content.toArray()).toString(), 'some text');
  const all = filesOfParam(spec!.params, 'all');
  assert.equal(all?.count, 40);
  const listed = await sharedBlobs().files(all.cid);
  const seventh = listed.find(({ path }) => path === 'f7');
  assert.equal(Buffer.concat(await (await sharedBlobs().open(seventh!.cid)).content.toArray()).toString(), 'file 7');
});

test('a large file that the node has already is not sent again', async (t) => {
  const bed = withFiles(new TestBed(t));
  await bed.serve();
  writeFileSync(join(bed.home, 'large'), Buffer.alloc(BLOB_CHUNK_BYTES + 5, 'x'));
  const blobs = sharedBlobs();
  const put = blobs.uploads.put.bind(blobs.uploads);
  let puts = 0;
  t.mock.method(blobs.uploads, 'put', (...given: Parameters<typeof put>) => ((puts += 1), put(...given)));
  for (const expected of [1, 1]) {
    assert.equal((await bed.run(['run', 'p.yaml', '-d', '-p', 'src=large'])).code, 0);
    assert.equal(puts, expected);
  }
});

test('--params-file names files too, and a blob is named by its CID', async (t) => {
  const bed = withFiles(new TestBed(t));
  const { api } = await bed.serve();
  const { cid } = (await sharedBlobs().putFiles([join(bed.home, 'a b.txt')]))[0]!;
  writeFileSync(join(bed.home, 'params.yaml'), `src: { cid: ${cid}, name: film.mkv }\nall: [many, "a b.txt"]\n`);
  assert.equal((await bed.run(['run', 'p.yaml', '-d', '--params-file', 'params.yaml'])).code, 0);
  const { params } = api.submitted[0]!;
  assert.deepEqual([params['src'], filesOfParam(params, 'all')?.count], [{ kind: 'file', cid, name: 'film.mkv', size: 9, count: 1 }, 41]);
});

test('what cannot be sent is exit 2 and says what is wrong; nothing is submitted', async (t) => {
  const bed = withFiles(new TestBed(t));
  const { api } = await bed.serve();
  for (const [given, says] of [
    ['src=gone.txt', /^error PARAM_INVALID: parameter `src` names `gone\.txt`, and there is no such file in /],
    ['src=many', /^error PARAM_INVALID: parameter `src` must be a file, and `many` is a folder/],
    ['src=blob:hello', /^error BLOB_INVALID: parameter `src`: "hello" is not the name of a blob/],
  ] as const) {
    const ended = await bed.run(['run', 'p.yaml', '-d', '-p', given]);
    assert.equal(ended.code, 2, ended.stderr);
    assert.match(ended.stderr, says);
  }
  assert.match((await bed.run(['run', 'p.yaml', '-d'])).stderr, /parameter `src` is missing \(give it: -p src=PATH\)/);
  assert.equal(api.submitted.length, 0);
});

test('files are put again when the node that had them has gone before the submit', async (t) => {
  const bed = withFiles(new TestBed(t));
  const { api } = await bed.serve();
  const submit = api.submit.bind(api);
  let tries = 0;
  api.submit = (...given: Parameters<typeof submit>) => {
    tries += 1;
    return tries === 1 ? Promise.reject(new SkeinError('BLOB_NOT_FOUND', 'parameter "src": no node has it')) : submit(...given);
  };
  assert.equal((await bed.run(['run', 'p.yaml', '-d', '-p', 'src=a b.txt'])).code, 0);
  assert.equal(tries, 2);
  assert.equal(api.submitted.length, 1);
});

test('validate, plan and graph need the files to be there, and no node', async (t) => {
  const bed = withFiles(new TestBed(t));
  for (const verb of ['validate', 'plan', 'graph']) {
    const fine = await bed.run(['pipeline', verb, 'p.yaml', '-p', 'src=a b.txt', '-p', 'all=many']);
    assert.equal(fine.code, 0, fine.stderr);
    assert.equal((await bed.run(['pipeline', verb, 'p.yaml', '-p', 'src=gone'])).code, 2);
  }
});
