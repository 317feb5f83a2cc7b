/** Checkpoints on real processes: copied aside while a module runs, whole or not at all, and given to its next execution. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { BlobFile, FilesRef, ModuleAction, Outcome } from '../../../src/core/cell/types.ts';
import { shelfOf } from '../../../src/io/blobs/shelf.ts';
import type { FileShelf } from '../../../src/io/executor/files.ts';
import { testBlobs, type TestBlobs } from '../../support/node-blobs.ts';
import { bench, bundled, command, until, type Bench } from './harness.ts';

const spec = { checkpoint: { folder: 'state/now', everyMs: 20 } };

interface Lab extends TestBlobs, Bench {
  readonly kept: FilesRef[];
  /** @returns what it ends with, and a way to end it. */
  start(text: string, checkpoint?: readonly BlobFile[]): { readonly ended: Promise<Outcome>; readonly stop: () => void };
}

function lab(t: TestContext, shelf: Partial<FileShelf> = {}): Lab {
  const folder = mkdtempSync(join(tmpdir(), 'skein-checkpoints-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const blobs = testBlobs(join(folder, 'blobs'));
  const tools = bench(t, { files: { ...shelfOf(blobs.store), ...shelf } });
  const kept: FilesRef[] = [];
  return {
    ...blobs,
    ...tools,
    kept,
    start(text, checkpoint = []) {
      const execution = command(text, { spec, checkpoint });
      const ended = new Promise<Outcome>((resolve) => tools.executor.start(execution, resolve, (ref) => kept.push(ref)));
      return { ended, stop: () => tools.executor.cancel(execution.fence, 'now', 'NODE_STOPPING') };
    },
  };
}

function pathOf({ store }: Lab, cid: BlobFile['cid']): string {
  return shelfOf(store).pathOf(cid);
}

/** Counts in its checkpoint, from where it is, up to `end`. */
const counting = (end: number): string => `
  cd "$SKEIN_CHECKPOINT_DIR"; n=$(cat n 2>/dev/null || echo 0); echo "from $n"
  while [ "$n" -lt ${end} ]; do n=$((n + 1)); echo $n > new; mv new n; sleep 0.01; done; echo "to $n"`;

test('what an execution had got is kept while it runs, and the next one goes on from there', async (t) => {
  const one = lab(t);
  const first = one.start(counting(1_000_000));
  assert.ok(await until(() => one.kept.length >= 2), 'two checkpoints');
  first.stop();
  assert.equal((await first.ended).error?.code, 'NODE_STOPPING');
  const [ref] = one.kept.slice(-1);
  assert.equal(ref?.kind, 'tree');
  // `new` may have been there at that moment.
  const files = await one.node.files(ref.cid);
  const counter = files.find(({ path }) => path === 'n');
  const reached = Number(readFileSync(pathOf(one, counter!.cid), 'utf8'));
  assert.ok(reached > 0);
  const second = await one.start(counting(reached + 5), files).ended;
  assert.equal(second.tail, `from ${reached}\nto ${reached + 5}\n`);
  assert.ok(await until(() => readdirSync(one.workDir).every((name) => !name.startsWith('taken')) && readdirSync(one.workDir).flatMap((name) => readdirSync(join(one.workDir, name))).every((name) => !/^[kx]\d/.test(name))), 'nothing is left behind');
});

test('nothing is kept while nothing changes, and half of a change never', async (t) => {
  const one = lab(t);
  const quiet = one.start('echo once > "$SKEIN_CHECKPOINT_DIR/once"; sleep 0.4');
  await quiet.ended;
  assert.equal(one.kept.length, 1);
  // `b` follows `a`: at no time it is ahead, or more than one behind.
  const twins = one.start('cd "$SKEIN_CHECKPOINT_DIR"; n=0; while :; do n=$((n + 1)); echo $n > t; mv t a; echo $n > t; mv t b; if [ $((n % 50)) = 0 ]; then sleep 0.1; fi; done');
  const before = one.kept.length;
  await until(() => one.kept.length >= before + 2, 5_000);
  twins.stop();
  await twins.ended;
  for (const { cid } of one.kept.slice(before)) {
    const files = new Map((await one.node.files(cid)).map((file) => [file.path, Number(readFileSync(pathOf(one, file.cid), 'utf8'))]));
    const lead = (files.get('a') ?? 0) - (files.get('b') ?? 0);
    assert.ok(lead === 0 || lead === 1, JSON.stringify([...files]));
  }
});

test('a function has the same folder', async (t) => {
  const one = lab(t);
  const source = `
    import { readFileSync, writeFileSync, existsSync } from 'node:fs';
    export async function work({ checkpointDir }) {
      const file = checkpointDir + '/n';
      const from = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
      writeFileSync(file, String(from + 1));
      await new Promise((resolve) => setTimeout(resolve, 200));
      return { from };
    }`;
  const run = (checkpoint: readonly BlobFile[]): Promise<Outcome> => {
    const action = bundled(source, 'work', { spec, checkpoint });
    return new Promise((resolve) => one.executor.start(action, resolve, (ref) => one.kept.push(ref)));
  };
  assert.deepEqual((await run([])).values, { from: 0 });
  assert.equal(one.kept.length, 1);
  assert.deepEqual((await run(await one.node.files(one.kept[0]!.cid))).values, { from: 1 });
});

test('a checkpoint that cannot be stored does not end the module', async (t) => {
  const one = lab(t, { takeFiles: () => Promise.reject(new Error('no room')) });
  const outcome = await one.start('echo x > "$SKEIN_CHECKPOINT_DIR/x"; sleep 0.3; echo done').ended;
  assert.deepEqual([outcome.ok, outcome.tail, one.kept.length], [true, 'done\n', 0]);
  assert.ok(one.notes.some(({ event }) => event === 'checkpoint-not-kept'));
});

test('a checkpoint that cannot be copied is told, once for each reason; the module goes on', async (t) => {
  const one = lab(t);
  // Where the copies would go.
  const script = 'echo x > "$SKEIN_CHECKPOINT_DIR/x"; for n in 1 2 3 4 5 6 7 8 9; do : > "$SKEIN_WORK_DIR/../../k1-$n"; done; sleep 0.5; echo done';
  const outcome = await one.start(script).ended;
  assert.deepEqual([outcome.ok, outcome.tail], [true, 'done\n']);
  const told = one.notes.filter(({ event }) => event === 'checkpoint-not-kept').map(({ message }) => message);
  assert.match(told[0] ?? 'nothing', /^a checkpoint of \w+ could not be kept: EEXIST/);
  assert.equal(new Set(told).size, told.length);
});

test('a module without a checkpoint has no such folder', async (t) => {
  const one = lab(t);
  const action: ModuleAction = { type: 'run', command: 'echo "[${SKEIN_CHECKPOINT_DIR-}]"' };
  assert.equal((await one.run(command(action.command))).tail, '[]\n');
});
