/** What an execution printed is kept when it is stopped, however often it is told to stop. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { moveFilesIn } from '../../../src/io/blobs/import-file.ts';
import { shelfOf } from '../../../src/io/blobs/shelf.ts';
import { testBlobs } from '../../support/node-blobs.ts';
import { bench, command } from './harness.ts';

test('a second word to stop it comes while what it printed becomes a blob', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-stopped-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { store } = testBlobs(join(folder, 'blobs'));
  const recording = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const takeFiles = async (files: readonly string[]): ReturnType<typeof moveFilesIn> => {
    recording.resolve();
    await go.promise;
    return moveFilesIn(store, files);
  };
  const { run, executor } = bench(t, { files: { ...shelfOf(store), takeFiles } });
  const printed = join(folder, 'printed');
  const outcome = run(command(`seq 20000; touch ${printed}; exec sleep 60`));
  const cancel = (): void => executor.running().forEach((fence) => executor.cancel(fence, 'grace', 'MODULE_CANCELLED'));
  while (!existsSync(printed)) await setTimeout(20);
  cancel();
  await recording.promise;
  cancel();
  await setImmediate();
  go.resolve();
  const { error, log } = await outcome;
  assert.equal(error?.code, 'MODULE_CANCELLED');
  assert.ok(log !== undefined && log.size > 100_000);
});
