/** Files of modules on real processes: put into place, taken out, and everything that is no file to be given away. */
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { BlobFile, ModuleFiles, Outcome } from '../../../src/core/cell/types.ts';
import type { FolderBlobStore } from '../../../src/io/blobs/folder-store.ts';
import { importFile, moveFilesIn } from '../../../src/io/blobs/import-file.ts';
import { SEAL } from '../../../src/io/blobs/layout.ts';
import { shelfOf } from '../../../src/io/blobs/shelf.ts';
import { isSkeinError, SkeinError } from '../../../src/errors.ts';
import type { ProcessExecutor } from '../../../src/io/executor/executor.ts';
import type { FileShelf } from '../../../src/io/executor/files.ts';
import { FILES_PER_LINE } from '../../../src/io/executor/limits.ts';
import { placeInputs } from '../../../src/io/executor/place-inputs.ts';
import { takeOutputs } from '../../../src/io/executor/take-outputs.ts';
import type { Execution, ExecutionInput } from '../../../src/ports/executor.ts';
import { BLOB_BYTES_MAX } from '../../../src/protocol/limits.ts';
import { testBlobs, type TestBlobs } from '../../support/node-blobs.ts';
import { bench, bundled, command } from './harness.ts';

interface Lab extends TestBlobs {
  readonly folder: string;
  readonly executor: ProcessExecutor;
  readonly run: (execution: Execution) => Promise<Outcome>;
  readonly execute: (text: string, files?: Partial<ModuleFiles>, inputs?: readonly ExecutionInput[]) => Promise<Outcome>;
}

function lab(t: TestContext, shelf: Partial<FileShelf> = {}): Lab {
  const folder = mkdtempSync(join(tmpdir(), 'skein-files-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const blobs = testBlobs(join(folder, 'blobs'));
  const { run, workDir, executor } = bench(t, { files: { ...shelfOf(blobs.store), ...shelf } });
  const execute = (text: string, files: Partial<ModuleFiles> = {}, inputs: readonly ExecutionInput[] = []): Promise<Outcome> => run(command(text, { spec: { files: { inputs: [], outputs: [], ...files } }, inputs }));
  return { ...blobs, folder: workDir, executor, run, execute };
}

async function put(store: FolderBlobStore, path: string, bytes: Uint8Array | string, executable = false): Promise<BlobFile> {
  const { cid, size } = await importFile(store, Readable.from([Buffer.from(bytes)]));
  return { path, cid, size, executable };
}

async function text(lab: Lab, outcome: Outcome, output: string): Promise<string> {
  const { content } = await lab.node.open(outcome.files?.[output]?.cid ?? '');
  return Buffer.concat(await content.toArray()).toString();
}

test('a path gives a file, a pattern gives a list of files with their paths', async (t) => {
  const one = lab(t);
  const outcome = await one.execute(`mkdir -p out/deep; printf a > out/a; printf bb > 'out/deep/b c'; printf ü > "out/$(printf 'new\\nline ü')"; printf log > log; printf '#!/bin/sh' > tool; chmod +x tool`, {
    outputs: [{ name: 'parts', pattern: 'out/**' }, { name: 'log', pattern: 'log' }, { name: 'tool', pattern: 'tool' }, { name: 'again', pattern: '{log,tool}' }],
  });
  assert.equal(outcome.error, null);
  const { parts, log, tool, again } = outcome.files ?? {};
  assert.deepEqual([parts?.kind, parts?.count, parts?.size], ['tree', 3, 5]);
  assert.deepEqual((await one.node.files(parts?.cid ?? '')).map(({ path, size, executable }) => [path, size, executable]), [['out/a', 1, false], ['out/deep/b c', 2, false], ['out/new\nline ü', 2, false]]);
  assert.deepEqual([log?.kind, log?.name, tool?.kind, again?.kind, again?.count], ['file', 'log', 'program', 'tree', 2]);
  assert.equal(await text(one, outcome, 'log'), 'log');
  for (const folder of readdirSync(one.folder)) assert.deepEqual(readdirSync(join(one.folder, folder)).filter((name) => name.startsWith('t') || name.startsWith('x')), []);
});

test('the same bytes are one blob, and the same files one list', async (t) => {
  const one = lab(t);
  const outputs = [{ name: 'o', pattern: '*' }];
  const first = await one.execute('printf same > a; printf same > b', { outputs });
  const second = await one.execute('printf same > b; printf same > a', { outputs });
  assert.equal(first.files?.['o']?.cid, second.files?.['o']?.cid);
  assert.equal(one.node.list().length, 2, 'the bytes and the list');
});

test('inputs lie where their variables say, read-only, and the blob is never changed through them', async (t) => {
  const one = lab(t);
  const big = await put(one.store, 'big', new Uint8Array(600_000).fill(7));
  const small = await put(one.store, 'deep/with space', 'small');
  const tool = await put(one.store, 'tool', '#!/bin/sh\necho tool ran', true);
  const files = { inputs: [{ variable: 'ALL', module: 0, output: 'a' }, { variable: 'TOOL', module: 0, output: 'b' }] };
  const outcome = await one.execute('"$TOOL"; cat "$ALL/deep/with space"; echo; wc -c < "$ALL/big"; ls "$SKEIN_INPUT_DIR"; rm -f "$ALL/big"; echo new > "$ALL/big"; test -w "$TOOL" && test "$(id -u)" != 0 && echo writable; true', files, [
    { variable: 'ALL', single: false, files: [big, small] },
    { variable: 'TOOL', single: true, files: [tool] },
  ]);
  assert.equal(outcome.tail.replaceAll(/ +/g, ' '), 'tool ran\nsmall\n600000\nALL\nTOOL\n');
  assert.equal(await one.node.verify(big.cid), true);
  assert.equal(statSync(join(one.store.path, 'whole', big.cid)).mode & 0o222, 0);
});

test('whoever may write everything writes into a copy, never into the blob', { skip: process.getuid?.() !== 0 && 'only root may' }, async (t) => {
  const one = lab(t);
  const big = await put(one.store, 'big', new Uint8Array(600_000).fill(7));
  const outcome = await one.execute('printf wrong >> "$IN"', { inputs: [{ variable: 'IN', module: 0, output: 'a' }] }, [{ variable: 'IN', single: true, files: [big] }]);
  assert.equal(outcome.error, null);
  assert.equal(statSync(join(one.store.path, 'whole', big.cid)).size, 600_000);
  assert.equal(await one.node.verify(big.cid), true);
});

test('a write through a link to a blob is noticed, and the blob is checked before it is used again', async (t) => {
  const one = lab(t);
  const big = await put(one.store, 'big', new Uint8Array(600_000).fill(7));
  const source = join(one.store.path, 'whole', big.cid);
  const target = join(one.folder, 'in');
  const placed = await placeInputs(target, [{ variable: 'IN', single: true, files: [{ path: 'big', source, executable: false }] }], new AbortController().signal, { links: true });
  const linked = statSync(source).nlink > 1;
  assert.equal(placed.changed(), '');
  const file = placed.variables['IN'] ?? '';
  chmodSync(file, 0o600);
  appendFileSync(file, 'x');
  assert.equal(placed.changed(), linked ? source : '');
  assert.equal((await one.node.fetch(big.cid, { waitMs: 500 })).whole, !linked);
});

test('names that Windows does not know are refused there, and only there', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-names-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const source = join(folder, 'source');
  writeFileSync(source, 'x');
  utimesSync(source, SEAL, SEAL);
  const place = (paths: readonly string[], platform: NodeJS.Platform): Promise<unknown> => placeInputs(join(folder, platform), [{ variable: 'IN', single: false, files: paths.map((path) => ({ path, source, executable: false })) }], new AbortController().signal, { platform });
  const bad = [['CON', /name of a device/], ['d/nul.txt', /name of a device/], ['com1', /name of a device/], ['a.', /ends with a dot or a space/], ['a ', /ends with a dot/], ['a:b', /has ":"/], ['q?', /has "\?"/], ['new\nline', /has "\\n"/]] as const;
  for (const [name, says] of bad) {
    await assert.rejects(place([name], 'win32'), (error) => isSkeinError(error, 'MODULE_INPUT') && says.test(error.message) && error.message.includes('input IN'));
    await place([name], 'linux');
  }
  await assert.rejects(place(['Makefile', 'makefile'], 'win32'), /differs only in case/);
  await place(['console', 'com10', 'null', 'd.d/x', 'ü'], 'win32');
});

test('when the supervisor is lost while files become blobs, the module has succeeded all the same', async (t) => {
  const started = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const own: { shelf?: FileShelf } = {};
  const one = lab(t, {
    takeFiles: async (files) => {
      started.resolve();
      await go.promise;
      return own.shelf!.takeFiles(files);
    },
  });
  own.shelf = shelfOf(one.store);
  const outcome = one.execute('printf kept > o', { outputs: [{ name: 'o', pattern: 'o' }] });
  await started.promise;
  process.kill(one.executor.supervisorPid!, 'SIGKILL');
  while (one.executor.supervisorPid !== undefined) await setImmediate();
  // The next module needs a new supervisor, which clears away what the old one left.
  assert.equal((await one.execute('true')).ok, true);
  go.resolve();
  const ended = await outcome;
  assert.equal(ended.error, null);
  assert.equal(await text(one, ended, 'o'), 'kept');
  assert.deepEqual(readdirSync(one.folder).filter((name) => name.startsWith('taken-')), []);
});

test('an input may be an output again', async (t) => {
  const one = lab(t);
  const big = await put(one.store, 'big', new Uint8Array(600_000).fill(7));
  const outcome = await one.execute('ln "$IN" same; cp "$IN" copy', { inputs: [{ variable: 'IN', module: 0, output: 'a' }], outputs: [{ name: 'same', pattern: 'same' }, { name: 'copy', pattern: 'copy' }] }, [{ variable: 'IN', single: true, files: [big] }]);
  assert.equal(outcome.error, null);
  assert.deepEqual([outcome.files?.['same']?.cid, outcome.files?.['copy']?.cid], [big.cid, big.cid]);
  assert.equal(await one.node.verify(big.cid), true);
});

const wrong: readonly (readonly [what: string, script: string, pattern: string, says: RegExp])[] = [
  ['nothing there', 'true', 'out/*', /output "o": no file matches "out\/\*"/],
  ['only a folder', 'mkdir out', 'out', /no file matches/],
  ['a link out of the folder', 'ln -s /etc/passwd out', 'out', /leads out of the work folder/],
  ['a link to nothing', 'ln -s nowhere out', 'out', /a link to nothing/],
  ['a folder that is a link', 'ln -s / out', 'out/etc/passwd', /leads out of the work folder/],
  ['a pipe', 'mkfifo out', 'out', /neither a file nor a link/],
  ['a path out of the folder', 'true', '../output', /cannot be the path of an output/],
  ['an absolute path', 'true', '/etc/passwd', /cannot be the path of an output/],
  ['a name that is not UTF-8', `printf x > "$(printf 'a\\377')"`, '*', /output "o": "a\ufffd" has a name that is not UTF-8: rename it/],
  ['a name with a backslash', `printf x > 'a\\b'`, '*', /cannot be the path of an output/],
];

for (const [what, script, pattern, says] of wrong) {
  test(`an output that cannot be kept is the module's failure: ${what}`, async (t) => {
    const outcome = await lab(t).execute(script, { outputs: [{ name: 'o', pattern }] });
    assert.equal(outcome.error?.code, 'MODULE_OUTPUT');
    assert.match(outcome.error.message, says);
    assert.equal(outcome.files, undefined);
  });
}

test('an empty file, one with holes, and names of any signs go out and in as they are', async (t) => {
  const one = lab(t);
  const names = ['leer', '-rf', 'ünï ☃', 'a\nb', "quo'te", '$HOME', '*'];
  const outcome = await one.execute(`mkdir d; cd d; ${names.map((name) => `: > ${JSON.stringify(name).replaceAll('$', '\\$').replaceAll('\\n', '\n').replace(/^"-/, '"./-')}`).join('; ')}; truncate -s 5M ../sparse; printf end >> ../sparse`, { outputs: [{ name: 'd', pattern: 'd/*' }, { name: 'sparse', pattern: 'sparse' }] });
  assert.equal(outcome.error, null);
  const { d, sparse } = outcome.files ?? {};
  const files = await one.node.files(d?.cid ?? '');
  assert.deepEqual(Object.fromEntries(files.map(({ path, size }) => [path, size])), Object.fromEntries(names.map((name) => [`d/${name}`, 0])));
  assert.equal(sparse?.size, 5 * 1024 * 1024 + 3);
  const inputs = [{ variable: 'D', single: false, files }, { variable: 'S', single: true, files: [{ path: 'sparse', cid: sparse.cid, size: sparse.size, executable: false }] }];
  const back = await one.execute('ls -1 "$D/d" | wc -l; wc -c < "$S"; tail -c 3 "$S"', { inputs: inputs.map(({ variable }) => ({ variable, module: 0, output: 'a' })) }, inputs);
  // The newline in a name makes two lines of it.
  assert.equal(back.tail.replaceAll(' ', ''), `${names.length + 1}\n5242883\nend`);
});

test('a file that is larger than any blob is refused before it is read', async (t) => {
  const one = lab(t);
  const file = join(one.folder, 'huge');
  writeFileSync(file, '');
  truncateSync(file, BLOB_BYTES_MAX + 1);
  await assert.rejects(moveFilesIn(one.store, [file]), (error) => isSkeinError(error, 'BLOB_TOO_LARGE'));
});

test('a link that stays inside is followed', async (t) => {
  const one = lab(t);
  const outcome = await one.execute('printf x > real.1; ln -s real.1 real', { outputs: [{ name: 'o', pattern: 'real*' }] });
  assert.equal(outcome.error, null);
  assert.deepEqual((await one.node.files(outcome.files?.['o']?.cid ?? '')).map(({ path }) => path), ['real', 'real.1']);
});

test('a module that fails leaves no files', async (t) => {
  const one = lab(t);
  const outcome = await one.execute('printf x > o; exit 3', { outputs: [{ name: 'o', pattern: 'o' }] });
  assert.equal(outcome.error?.code, 'MODULE_EXIT');
  assert.deepEqual(one.node.list(), []);
});

test('an input that is gone from the disk is missing, which is not held against the module', async (t) => {
  const one = lab(t);
  const gone = await put(one.store, 'gone', 'x');
  await one.node.remove(gone.cid);
  const outcome = await one.execute('true', { inputs: [{ variable: 'IN', module: 0, output: 'a' }] }, [{ variable: 'IN', single: true, files: [gone] }]);
  assert.equal(outcome.error?.code, 'INPUT_MISSING');
  assert.match(outcome.error?.message ?? '', /was removed from this disk before the module began/);
});

test('an input that somebody wrote to after it was fetched is not given to the module', async (t) => {
  for (const size of [10, 600_000]) {
    const one = lab(t);
    const input = await put(one.store, 'written', new Uint8Array(size).fill(7));
    const source = join(one.store.path, 'whole', input.cid);
    chmodSync(source, 0o600);
    appendFileSync(source, 'x');
    const outcome = await one.execute('true', { inputs: [{ variable: 'IN', module: 0, output: 'a' }] }, [{ variable: 'IN', single: true, files: [input] }]);
    assert.equal(outcome.error?.code, 'INPUT_MISSING');
    assert.match(outcome.error?.message ?? '', /somebody wrote to/);
  }
});

test('a thousand files come and go', async (t) => {
  const one = lab(t);
  const outcome = await one.execute('mkdir d; for i in $(seq 1000); do echo $((i % 50)) > d/$i; done', { outputs: [{ name: 'o', pattern: 'd/*' }] });
  assert.equal(outcome.files?.['o']?.count, 1000);
  const files = await one.node.files(outcome.files['o'].cid);
  assert.equal(new Set(files.map(({ cid }) => cid)).size, 50);
  const back = await one.execute('ls "$IN/d" | wc -l; cat "$IN/d/7"', { inputs: [{ variable: 'IN', module: 0, output: 'a' }] }, [{ variable: 'IN', single: false, files }]);
  assert.equal(back.tail.replaceAll(' ', ''), '1000\n7\n');
});

test('many files of several inputs go to the supervisor in parts, whether for a command or for a function, and its checkpoint as well', async (t) => {
  const one = lab(t);
  const file = await put(one.store, 'x', 'x');
  const other = await put(one.store, 'y', 'yy');
  const inputs: ExecutionInput[] = [
    { variable: 'MANY', single: false, files: Array.from({ length: 2 * FILES_PER_LINE + 1 }, (_, i) => ({ ...file, path: `m/${i}` })) },
    { variable: 'NONE', single: false, files: [] },
    { variable: 'ONE', single: true, files: [other] },
  ];
  const checkpoint = Array.from({ length: FILES_PER_LINE }, (_, i) => ({ ...other, path: `c${i}` }));
  const declared = inputs.map(({ variable }) => ({ variable, module: 0, output: 'a' }));
  const spec = { files: { inputs: declared, outputs: [] }, checkpoint: { folder: 'kept', everyMs: 60_000 } };
  const { tail } = await one.run(command('ls "$MANY/m" | wc -l; ls "$NONE" | wc -l; cat "$ONE"; ls "$SKEIN_CHECKPOINT_DIR" | wc -l', { spec, inputs, checkpoint }));
  assert.equal(tail.replaceAll(' ', ''), `${2 * FILES_PER_LINE + 1}\n0\nyy${FILES_PER_LINE}\n`);
  const source = `import { readdirSync, readFileSync } from 'node:fs';
    export const count = ({ inputs, checkpointDir }) => ({ many: readdirSync(inputs.MANY + '/m').length, one: readFileSync(inputs.ONE, 'utf8'), kept: readdirSync(checkpointDir).length });`;
  const { values } = await one.run(bundled(source, 'count', { spec, inputs, checkpoint }));
  assert.deepEqual(values, { many: 2 * FILES_PER_LINE + 1, one: 'yy', kept: FILES_PER_LINE });
});

test('what is stopped while its files are being told to the supervisor does not begin', async (t) => {
  const one = lab(t);
  const file = await put(one.store, 'x', 'x');
  const inputs: ExecutionInput[] = [{ variable: 'IN', single: false, files: Array.from({ length: 10 * FILES_PER_LINE }, (_, i) => ({ ...file, path: String(i) })) }];
  const outcome = one.execute('echo begun', { inputs: [{ variable: 'IN', module: 0, output: 'a' }] }, inputs);
  await setImmediate();
  for (const fence of one.executor.running()) one.executor.cancel(fence, 'grace', 'MODULE_CANCELLED');
  const { error, tail } = await outcome;
  assert.deepEqual([error?.code, tail], ['MODULE_CANCELLED', '']);
  assert.deepEqual(one.executor.running(), []);
});

test('when the deadline passes while the files of an effectful module are being told, it does not begin under a later one', async (t) => {
  const one = lab(t);
  await one.execute('true');
  const file = await put(one.store, 'x', 'x');
  const inputs: ExecutionInput[] = [{ variable: 'IN', single: false, files: Array.from({ length: 10 * FILES_PER_LINE }, (_, i) => ({ ...file, path: String(i) })) }];
  const deadline = performance.now() + 50;
  one.executor.setFenceDeadline(deadline);
  const outcome = one.run(command('echo begun', { spec: { effectful: true, files: { inputs: [{ variable: 'IN', module: 0, output: 'a' }], outputs: [] } }, inputs }));
  while (performance.now() <= deadline);
  one.executor.setFenceDeadline(performance.now() + 60_000);
  const { error, tail } = await outcome;
  assert.deepEqual([error?.code, tail], ['MODULE_FENCED', '']);
});

test('a supervisor that is lost while files are being told to it is followed by one that gets them all', async (t) => {
  const one = lab(t);
  await one.execute('true');
  const file = await put(one.store, 'x', 'x');
  const inputs: ExecutionInput[] = [{ variable: 'IN', single: false, files: Array.from({ length: 20 * FILES_PER_LINE }, (_, i) => ({ ...file, path: String(i) })) }];
  const files = { inputs: [{ variable: 'IN', module: 0, output: 'a' }] };
  const lost = one.execute('true', files, inputs);
  await setImmediate();
  process.kill(one.executor.supervisorPid!, 'SIGKILL');
  assert.equal((await lost).error?.code, 'MODULE_SPAWN');
  assert.equal((await one.execute('ls "$IN" | wc -l', files, inputs)).tail.trim(), String(20 * FILES_PER_LINE));
});

test('what could not become blobs is not left on the disk', async (t) => {
  const one = lab(t, { takeFiles: () => Promise.reject(new SkeinError('BLOB_DISK_FULL', 'no room')) });
  const outcome = await one.execute('printf x > o', { outputs: [{ name: 'o', pattern: 'o' }] });
  assert.equal(outcome.error?.code, 'NODE_EXHAUSTED');
  const half = await one.execute('printf x > o', { outputs: [{ name: 'o', pattern: 'o' }, { name: 'p', pattern: 'nothing' }] });
  assert.equal(half.error?.code, 'MODULE_OUTPUT');
  for (const folder of readdirSync(one.folder)) assert.deepEqual(readdirSync(join(one.folder, folder)).filter((name) => name.startsWith('t')), []);
});

test('a module whose files are becoming blobs can still be cancelled', async (t) => {
  let asked = (): void => undefined;
  const recording = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const one = lab(t, { takeFiles: () => (asked(), new Promise(() => undefined)) });
  const outcome = one.execute('printf x > o', { outputs: [{ name: 'o', pattern: 'o' }] });
  await recording;
  for (const fence of one.executor.running()) one.executor.cancel(fence, 'grace', 'MODULE_CANCELLED');
  assert.equal((await outcome).error?.code, 'MODULE_CANCELLED');
});

test('a file that its module may neither write nor read any more is kept as any other', async (t) => {
  const one = lab(t);
  const file = join(one.folder, 'locked');
  writeFileSync(file, 'x');
  chmodSync(file, 0);
  const user = process.geteuid?.();
  if (user === 0) {
    // The superuser needs no rights: somebody who does.
    for (const name of [one.folder, file, one.store.path, ...readdirSync(one.store.path).map((entry) => join(one.store.path, entry))]) chownSync(name, 65_534, 65_534);
    chmodSync(join(one.store.path, '..'), 0o755);
    process.seteuid?.(65_534);
  }
  try {
    assert.equal((await moveFilesIn(one.store, [file]))[0]?.size, 1);
  } finally {
    if (user === 0) process.seteuid?.(0);
  }
});

test('the name of a file that is no pattern gives the file, whatever signs are in it', async (t) => {
  const outcome = await lab(t).execute(`printf x > 'logo@2x (1)+!.png'`, { outputs: [{ name: 'o', pattern: 'logo@2x (1)+!.png' }] });
  assert.deepEqual([outcome.files?.['o']?.kind, outcome.files?.['o']?.name], ['file', 'logo@2x (1)+!.png']);
});

test('more files than one message can list are refused before any of them is moved', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-many-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const work = join(folder, 'work');
  const deep = join(work, ...Array.from({ length: 4 }, (_, i) => String(i).repeat(230)));
  mkdirSync(deep, { recursive: true });
  for (let i = 0; i < 800; i++) writeFileSync(join(deep, String(i)), '');
  const outputs = Array.from({ length: 64 }, (_, i) => ({ name: `o${i}`, pattern: '*/*/*/*/*' }));
  await assert.rejects(takeOutputs(work, outputs, join(folder, 'taken')), /the list of all outputs is longer than/);
  assert.equal(readdirSync(deep).length, 800);
});

test('nothing is put into the folder of a module that has ended', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-over-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const source = join(folder, 'source');
  writeFileSync(source, 'x');
  utimesSync(source, SEAL, SEAL);
  const over = new AbortController();
  const inputs = ['A', 'B'].map((variable) => ({ variable, single: false, files: Array.from({ length: 50 }, (_, i) => ({ path: String(i), source, executable: false })) }));
  const placed = placeInputs(join(folder, 'in'), inputs, over.signal);
  void setImmediate().then(() => over.abort());
  await assert.rejects(placed, { name: 'AbortError' });
  assert.ok(!readdirSync(join(folder, 'in')).includes('B'));
});
