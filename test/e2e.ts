/**
 * `npm run e2e [-- FILE…]`: real processes, as built. They wait more than they compute, so two files run at a time; not
 * more, since nodes that do not get the processor take themselves for suspended. Hosts of their own take longest and begin.
 */
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const given = process.argv.slice(2);
const files = given.length > 0 ? given : ['test/hosts/*.e2e.ts', 'test/e2e/*.e2e.ts'].flatMap((pattern) => globSync(pattern).sort());
run({ files, concurrency: Math.min(2, availableParallelism()) })
  .on('test:fail', () => (process.exitCode = 1))
  .compose(spec)
  .pipe(process.stdout);
