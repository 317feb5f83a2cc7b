/**
 * `npm run e2e [-- FILE…]`: real processes, as built. They wait more than they compute, so two files run at a time; not
 * more, since nodes that do not get the processor take themselves for suspended.
 */
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { longFirst } from './support/files.ts';

const LONG = ['hosts/', 'e2e/crash', 'e2e/lost-files', 'e2e/blobs', 'e2e/clients', 'e2e/files', 'e2e/explain', 'e2e/bundles', 'e2e/logs', 'e2e/damage', 'e2e/leave', 'e2e/cache', 'e2e/limits'];

const given = process.argv.slice(2);
const files = given.length > 0 ? given : longFirst(['test/hosts/*.e2e.ts', 'test/e2e/*.e2e.ts'].flatMap((pattern) => globSync(pattern).sort()), LONG);
run({ files, concurrency: Math.min(2, availableParallelism()) })
  .on('test:fail', () => (process.exitCode = 1))
  .compose(spec)
  .pipe(process.stdout);
