/**
 * `npm run unit [-- FILE…]`: the unit tests, on all cores; by itself node:test leaves one free, which of two is half.
 *
 * `--part timed`: only those that see a clock, or start what sees one. `--part timeless`: the others, whose nodes live on
 * virtual time. They may take as long as they like, so they run at the lowest priority and disturb nobody.
 */
import { globSync } from 'node:fs';
import { availableParallelism, constants, setPriority } from 'node:os';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { isTimed, longFirst } from './support/files.ts';

const LONG = ['sim/scenarios', 'docs/commands', 'sim/mutants', 'core/cell/oracle', 'io/executor/files', 'runtime/blobs.', 'sim/seeds', 'io/libp2p/admission', 'sim/faults', 'io/executor/command'];

const { values, positionals } = parseArgs({ allowPositionals: true, options: { part: { type: 'string' } } });
const { part } = values;
if (part !== undefined && part !== 'timed' && part !== 'timeless') throw new Error(`--part ${part}: expected timed or timeless`);
if (part === 'timeless') setPriority(constants.priority.PRIORITY_LOW);
const patterns = positionals.length > 0 ? positionals : ['test/**/*.test.ts'];
const all = patterns.flatMap((pattern) => globSync(pattern).sort());
const files = part === undefined ? all : all.filter((file) => isTimed(file) === (part === 'timed'));
if (files.length === 0) throw new Error(`no file fits ${patterns.join(' ')}`);
run({ files: longFirst(files, LONG), concurrency: availableParallelism() })
  .on('test:fail', () => (process.exitCode = 1))
  .compose(spec)
  .pipe(process.stdout);
