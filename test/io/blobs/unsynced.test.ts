/** Goal: whoever waits for a small blob to be durable is told soon, also when the same came once more meanwhile. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import type { Cid } from '../../../src/core/lib/ids.ts';
import { isSealed, UNSYNCED, wholeFile } from '../../../src/io/blobs/layout.ts';
import { UnsyncedBlobs } from '../../../src/io/blobs/unsynced.ts';

test('what comes once more while it is synced is synced for those who waited for the first', { timeout: 20_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-unsynced-'));
  mkdirSync(join(folder, 'whole'));
  const cid = 'small' as Cid;
  const file = join(folder, wholeFile(cid));
  const write = (text: string): void => {
    writeFileSync(file, text);
    utimesSync(file, new Date(), UNSYNCED);
  };
  const folderSyncs = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const begun = Promise.withResolvers<void>();
  let syncs = 0;
  const unsynced = new UnsyncedBlobs((name) => join(folder, name), () => {
    begun.resolve();
    return folderSyncs[syncs++]!.promise;
  });
  t.after(() => (unsynced.close(), rmSync(folder, { recursive: true, force: true })));
  write('first');
  unsynced.add(cid);
  const durable = new Promise<Error | undefined>((resolve) => unsynced.sync(cid, resolve));
  await begun.promise;
  write('again');
  unsynced.add(cid);
  for (const { resolve } of folderSyncs) resolve();
  assert.equal(await durable, undefined);
  assert.deepEqual([syncs, unsynced.has(cid), isSealed(statSync(file))], [2, false, true]);
});
