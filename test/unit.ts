/** `npm run unit [-- FILE…]`: the unit tests, on all cores. By itself node:test leaves one free, which of two is half. */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

const given = process.argv.slice(2);
const files = given.length > 0 ? given : ['test/**/*.test.ts'];
const { status } = spawnSync(process.execPath, ['--test', `--test-concurrency=${availableParallelism()}`, ...files], { stdio: 'inherit' });
process.exitCode = status ?? 1;
