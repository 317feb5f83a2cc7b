/** Files of functions: paths before the function starts, a folder of its own to leave them in, and nothing left behind. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import test, { type TestContext } from 'node:test';
import type { BlobFile, ModuleFiles, Outcome } from '../../../src/core/cell/types.ts';
import { importFile } from '../../../src/io/blobs/import-file.ts';
import { shelfOf } from '../../../src/io/blobs/shelf.ts';
import type { ExecutionInput } from '../../../src/ports/executor.ts';
import { testBlobs, type TestBlobs } from '../../support/node-blobs.ts';
import { bench, bundled, until, type Bench } from './harness.ts';

const source = `
import { readFileSync, writeFileSync, mkdirSync, existsSync } from 'node:fs';
import { execSync } from 'node:child_process';
const home = process.cwd();
export const upper = ({ inputs, workDir }) => {
  writeFileSync('upper.txt', readFileSync(inputs.SRC, 'utf8').toUpperCase());
  mkdirSync('many'); for (const i of [1, 2, 3]) writeFileSync('many/' + i, String(i));
  return { inFolder: process.cwd() === workDir, env: process.env.SRC === inputs.SRC, shell: execSync('cat "$ALL/d/x"').toString() };
};
export const plain = ({ inputs, workDir }) => ({ home: process.cwd() === home, workDir, inputs, src: process.env.SRC ?? null });
export const none = () => {};
export const throws = () => { writeFileSync('upper.txt', ''); throw new Error('no luck'); };
export const hang = () => new Promise(() => setInterval(() => {}, 1000));
`;

interface Lab extends TestBlobs, Bench {
  readonly execute: (name: string, files?: Partial<ModuleFiles>, inputs?: readonly ExecutionInput[], timeoutMs?: number) => Promise<Outcome>;
  readonly put: (path: string, bytes: string) => Promise<BlobFile>;
  /** Folders of executions that are still there. */
  readonly left: () => string[];
}

function lab(t: TestContext): Lab {
  const folder = mkdtempSync(join(tmpdir(), 'skein-calls-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const blobs = testBlobs(join(folder, 'blobs'));
  const made = bench(t, { files: shelfOf(blobs.store) });
  return {
    ...blobs,
    ...made,
    execute: (name, files = {}, inputs = [], timeoutMs = 0) => made.run(bundled(source, name, { spec: { files: { inputs: [], outputs: [], ...files }, timeoutMs }, inputs })),
    put: async (path, bytes) => ({ path, executable: false, ...(await importFile(blobs.store, Readable.from([Buffer.from(bytes)]))) }),
    left: () => readdirSync(made.workDir).flatMap((name) => readdirSync(join(made.workDir, name)).filter((inside) => /^[xt]\d/.test(inside))),
  };
}

const outputs = [{ name: 'upper', pattern: 'upper.txt' }, { name: 'many', pattern: 'many/*' }];

test('a function finds its inputs, and what it leaves becomes blobs', async (t) => {
  const one = lab(t);
  const inputs: ExecutionInput[] = [
    { variable: 'SRC', single: true, files: [await one.put('a b.txt', 'some text')] },
    { variable: 'ALL', single: false, files: [await one.put('d/x', 'deep')] },
  ];
  const outcome = await one.execute('upper', { outputs }, inputs);
  assert.equal(outcome.error, null);
  assert.deepEqual(outcome.values, { inFolder: true, env: true, shell: 'deep' });
  assert.deepEqual([outcome.files?.['upper']?.name, outcome.files?.['many']?.count], ['upper.txt', 3]);
  const { content } = await one.node.open(outcome.files?.['upper']?.cid ?? '');
  assert.equal(Buffer.concat(await content.toArray()).toString(), 'SOME TEXT');
  assert.ok(await until(() => one.left().length === 0), one.left().join());
});

test('one without files has no folder, also in a process that had one', async (t) => {
  const one = lab(t);
  const src = { variable: 'SRC', single: true, files: [await one.put('a', 'x')] };
  const other = { variable: 'ALL', single: false, files: [await one.put('d/x', 'deep')] };
  assert.equal((await one.execute('upper', {}, [src, other])).error, null, 'inputs alone are files too');
  assert.deepEqual((await one.execute('plain')).values, { home: true, workDir: '', inputs: {}, src: null });
});

test('an output that is not there, and a function that throws: nothing is left', async (t) => {
  const one = lab(t);
  assert.deepEqual((await one.execute('none', { outputs })).error, { code: 'MODULE_OUTPUT', message: 'output "upper": no file matches "upper.txt"' });
  const thrown = await one.execute('throws', { outputs });
  assert.equal(thrown.error?.code, 'MODULE_THREW');
  assert.equal(thrown.files, undefined);
  assert.ok(await until(() => one.left().length === 0), one.left().join());
  assert.equal(one.node.list().length, 0);
});

test('a function with files that is stopped leaves nothing', async (t) => {
  const one = lab(t);
  const outcome = await one.execute('hang', { outputs }, [{ variable: 'SRC', single: true, files: [await one.put('a', 'x')] }], 300);
  assert.equal(outcome.error?.code, 'MODULE_TIMEOUT');
  assert.ok(await until(() => one.left().length === 0), one.left().join());
});

test('an input that cannot be placed', async (t) => {
  const one = lab(t);
  const gone: BlobFile = { ...(await one.put('a', 'x')), cid: 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy' as BlobFile['cid'] };
  const outcome = await one.execute('plain', {}, [{ variable: 'SRC', single: true, files: [gone] }]);
  assert.equal(outcome.error?.code, 'INPUT_MISSING');
  assert.ok(await until(() => one.left().length === 0), one.left().join());
});
