/** `skein runs download`: each file where it belongs, and errors that say whose they are. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import test, { type TestContext } from 'node:test';
import { SkeinError } from '../../src/errors.ts';
import { PACKED_BYTES_MAX } from '../../src/io/blobs/pack.ts';
import type { FilesRef } from '../../src/core/cell/types.ts';
import { FakeNode, fakeSpec } from '../support/fake-node.ts';
import { sharedBlobs } from '../support/node-blobs.ts';
import { TestBed } from './harness.ts';

async function left(text: string, kind: 'file' | 'program' = 'file'): Promise<FilesRef> {
  const { cid, size } = await sharedBlobs().put(Readable.from([Buffer.from(text)]));
  return { kind, cid, name: 'file.txt', size, count: 1 };
}

/** Each module has left its own name. */
async function finished(t: TestContext, ...modules: string[]): Promise<TestBed> {
  const bed = new TestBed(t);
  const { api } = await bed.serve(new FakeNode());
  const { runId } = await api.submit(fakeSpec(Object.fromEntries(modules.map((name) => [name, []]))));
  for (const name of modules) api.module(runId, name, 'succeeded', { files: { out: await left(name, name === 'tool' ? 'program' : 'file') } });
  api.finish(runId, 'succeeded');
  return bed;
}

test('modules whose names would be one folder have a folder each, and none is where run.json is', async (t) => {
  const bed = await finished(t, 'a/b', 'a_b', 'run.json', 'tool', '@x:y');
  const { code, stdout, stderr } = await bed.run(['runs', 'download', '7f01', '--out', 'got']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^5 files, 22 B, and run\.json in /);
  const got = join(bed.home, 'got');
  assert.deepEqual(readdirSync(got).toSorted(), ['@x:y', 'a_b', 'a_b~2', 'run.json', 'run.json~2', 'tool']);
  for (const [folder, name] of [['a_b', 'a/b'], ['a_b~2', 'a_b'], ['run.json~2', 'run.json'], ['tool', 'tool']] as const) assert.equal(readFileSync(join(got, folder, 'out', 'file.txt'), 'utf8'), name);
  assert.deepEqual([statSync(join(got, 'tool/out/file.txt')).mode & 0o111, statSync(join(got, 'a_b/out/file.txt')).mode & 0o111], [0o111 & ~process.umask(), 0]);
  assert.equal((JSON.parse(readFileSync(join(got, 'run.json'), 'utf8')) as { phase: string }).phase, 'succeeded');
  // The same folder as before, though the other module is not asked for.
  assert.equal((await bed.run(['runs', 'download', '7f01', '--out', 'one', '--module', 'a_b'])).code, 0);
  assert.deepEqual(readdirSync(join(bed.home, 'one')).toSorted(), ['a_b~2', 'run.json']);
});

test('what cannot be written is exit 2 with its name, and leaves nothing half written', async (t) => {
  const bed = await finished(t, 'a');
  writeFileSync(join(bed.home, 'file'), '');
  mkdirSync(join(bed.home, 'got', 'run.json'), { recursive: true });
  for (const [out, says] of [['file', /^error OPTION_INVALID: .*file could not be written: EEXIST/], ['file/below', /below could not be written: ENOTDIR/], ['got', /got.run\.json could not be written: EISDIR/]] as const) {
    const { code, stdout, stderr } = await bed.run(['runs', 'download', '7f01', '--out', out]);
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.match(stderr, says);
  }
  assert.deepEqual(readdirSync(join(bed.home, 'got')), ['run.json']);
});

test('names of any length that a disk can have, and what says how far they are, in one line', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve(new FakeNode());
  const { runId } = await api.submit(fakeSpec({ a: [] }));
  const [long, odd] = ['n'.repeat(255), 'red\u001b[31m\nline'];
  const bytes = Buffer.alloc(PACKED_BYTES_MAX + 1, 'x');
  const { cid, size } = await sharedBlobs().put(Readable.from([bytes]));
  api.module(runId, 'a', 'succeeded', { files: { small: { ...(await left('short')), name: long }, large: { kind: 'file', cid, size, name: long, count: 1 }, odd: { kind: 'file', cid, size, name: odd, count: 1 } } });
  api.finish(runId, 'succeeded');
  let asked = 0;
  t.mock.method(sharedBlobs(), 'fetch', (text: string) => Promise.resolve({ ...sharedBlobs().progress(text), whole: asked++ > 1 }));
  const { code, stderr } = await bed.run(['runs', 'download', '7f01', '--out', 'got']);
  assert.equal(code, 0, stderr);
  for (const [output, length] of [['small', 5], ['large', size]] as const) assert.equal(statSync(join(bed.home, 'got', 'a', output, long)).size, length);
  assert.equal(statSync(join(bed.home, 'got', 'a', 'odd', odd)).size, size);
  assert.ok(!stderr.includes('\u001b') && stderr.trim().split('\n').every((each) => each.includes(' are here')), stderr);
});

test('files that do not come together in time come one by one', async (t) => {
  const bed = await finished(t, 'a', 'b', 'c');
  t.mock.method(sharedBlobs(), 'readPack', () => Promise.reject(new SkeinError('NODE_STOPPING', 'the node stops')));
  const { code, stdout, stderr } = await bed.run(['runs', 'download', '7f01', '--out', 'got']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^3 files/);
  for (const name of ['a', 'b', 'c']) assert.equal(readFileSync(join(bed.home, 'got', name, 'out', 'file.txt'), 'utf8'), name);
});

test('what is no file is not replaced by one', { skip: process.platform === 'win32' ? 'no sockets in folders there' : false }, async (t) => {
  const bed = new TestBed(t);
  await bed.serve(new FakeNode());
  const { cid } = await left('text');
  const socket = createServer().listen(join(bed.home, 'socket'));
  t.after(() => socket.close());
  await once(socket, 'listening');
  const { code, stderr } = await bed.run(['blob', 'get', cid, '--out', 'socket']);
  assert.equal(code, 2, stderr);
  assert.match(stderr, /^error OPTION_INVALID: .*socket is there and is no file: it is not replaced/);
  assert.ok(statSync(join(bed.home, 'socket')).isSocket());
});

test('blob verify goes on when the node removes what it has listed', async (t) => {
  const bed = new TestBed(t);
  await bed.serve(new FakeNode());
  const [gone, damaged] = [(await left('gone')).cid, (await left('damaged')).cid];
  const listed = sharedBlobs().list();
  t.mock.method(sharedBlobs(), 'verify', (cid: string) => (cid === gone ? Promise.reject(new SkeinError('BLOB_NOT_FOUND', `${cid} is not on this node`)) : Promise.resolve(cid !== damaged)));
  const all = await bed.run(['blob', 'verify']);
  assert.deepEqual([all.code, all.stdout], [1, `${listed.length - 2} of ${listed.length - 1} blobs are whole\n`]);
  assert.equal(all.stderr, `${damaged} was damaged and is removed from this node\n`);
  assert.match((await bed.run(['blob', 'verify', gone])).stderr, /^error BLOB_NOT_FOUND/);
});

/** A run whose module has left one file, too large for a pack, as each of these outputs. */
async function leftLarge(t: TestContext, ...outputs: string[]): Promise<{ readonly bed: TestBed; readonly bytes: Buffer; readonly cid: string; readonly size: number }> {
  const bed = new TestBed(t);
  const { api } = await bed.serve(new FakeNode());
  const { runId } = await api.submit(fakeSpec({ a: [] }));
  const bytes = Buffer.alloc(PACKED_BYTES_MAX + 1, 'x');
  const { cid, size } = await sharedBlobs().put(Readable.from([bytes]));
  const ref: FilesRef = { kind: 'file', cid, size, name: 'large', count: 1 };
  api.module(runId, 'a', 'succeeded', { files: Object.fromEntries(outputs.map((output) => [output, ref])) });
  api.finish(runId, 'succeeded');
  return { bed, bytes, cid, size };
}

function endless(first: Uint8Array): Readable {
  const readable = new Readable({ read: () => undefined });
  readable.push(first);
  return readable;
}

test('Ctrl-C ends it, and nothing stays of a file that was on its way', async (t) => {
  const { bed, bytes, cid, size } = await leftLarge(t, 'large');
  // The last byte never comes.
  t.mock.method(sharedBlobs(), 'open', () => Promise.resolve({ cid, size, content: endless(bytes.subarray(1)) }));
  const out = join(bed.home, 'got');
  const partsIn = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.part'));
  mkdirSync(out);
  for (const [signal, argv] of [['SIGINT', ['blob', 'get', cid, '--out', 'got/file']], ['SIGINT', ['runs', 'download', '7f01', '--out', 'got']], ['SIGTERM', ['runs', 'download', '7f01', '--out', 'got']]] as const) {
    const running = bed.start(argv);
    const state = { over: false };
    void running.done.then(() => (state.over = true));
    while (partsIn(out).length === 0 && !state.over) await new Promise((resolve) => setTimeout(resolve, 5));
    running.signal(signal);
    assert.equal((await running.done).code, 130, argv.join(' '));
    assert.deepEqual(partsIn(out), []);
  }
  assert.deepEqual(readdirSync(out).toSorted(), ['a', 'run.json']);
});

test('one file that cannot be written ends it, however long the others would take', async (t) => {
  const { bed, bytes, cid, size } = await leftLarge(t, 'blocked', 'endless');
  let opened = 0;
  t.mock.method(sharedBlobs(), 'open', () => Promise.resolve({ cid, size, content: opened++ === 0 ? endless(bytes.subarray(1)) : Readable.from([bytes]) }));
  for (const output of ['blocked', 'endless']) mkdirSync(join(bed.home, 'got', 'a', output, 'large'), { recursive: true });
  const { code, stderr } = await bed.run(['runs', 'download', '7f01', '--out', 'got']);
  assert.equal(code, 2);
  assert.match(stderr, /large could not be written: EISDIR/);
});
