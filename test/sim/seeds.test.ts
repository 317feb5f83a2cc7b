/**
 * A fixed set of whole simulations: the corpus of seeds that once failed, a few more, and that a seed decides everything.
 * The corpus says for each what it found.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { parseArguments } from '../../sim/arguments.ts';
import { exitCodeOf } from '../../sim/exit-codes.ts';
import { simulate } from '../../sim/run.ts';

interface CorpusSeed {
  readonly seed: string;
  readonly nodes: number;
  readonly minutes: number;
  readonly found: string;
}

const corpus = JSON.parse(readFileSync(new URL('corpus.json', import.meta.url), 'utf8')) as readonly CorpusSeed[];

function passes(seed: string, nodes: number, minutes: number): void {
  const { violation, lastLines, figures } = simulate({ seed, nodes, minutes });
  assert.equal(violation, undefined, `${violation?.invariant}: ${violation?.message}\n${lastLines.join('\n')}`);
  assert.ok(figures.elections > 0);
}

for (const { seed, nodes, minutes, found } of corpus) {
  test(`seed ${seed} once found: ${found}`, () => passes(seed, nodes, minutes));
}

for (const nodes of [1, 3, 4, 7]) test(`${nodes} nodes under faults`, () => passes(`nodes-${nodes}`, nodes, 0.3));

test('the same seed gives the same history, another seed another one', () => {
  const run = (seed: string): ReturnType<typeof simulate> => simulate({ seed, nodes: 3, minutes: 0.2 });
  const [first, again, other] = [run('same'), run('same'), run('other')];
  assert.equal(first.hash, again.hash);
  assert.equal(first.figures.events, again.figures.events);
  assert.notEqual(first.hash, other.hash);
});

test('arguments: defaults, ranges, and errors that quote what was wrong', () => {
  const { seeds, nodes, minutes } = parseArguments([]);
  assert.deepEqual({ seeds, nodes, minutes }, { seeds: ['1'], nodes: 5, minutes: 1 });
  assert.deepEqual(parseArguments(['--seeds', '3..5', '--nodes=7']).seeds, ['3', '4', '5']);
  const wrong = [['--sed', '1'], ['--seed'], ['--nodes', '0'], ['--nodes', 'x'], ['--minutes', '-1'], ['--seeds', '5..3'], ['--mutant', 'nonsense'], ['--seed', '1', '--seeds', '1..2']];
  for (const argv of wrong) assert.throws(() => parseArguments(argv), (error: Error) => argv.some((word) => error.message.includes(word.replace(/^--/, ''))), argv.join(' '));
});

test('every violation has the exit code of its kind', () => {
  const codes = ['crash', 'L1', 'L10', 'T1', 'S1', 'S23', 'faults'].map(exitCodeOf);
  assert.deepEqual(codes, [10, 11, 11, 11, 12, 12, 12]);
});

test('the command prints options and figures, and exits 2 on bad arguments and 12 on a violation', () => {
  const main = (...argv: string[]): { status: number | null; output: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['sim/main.ts', ...argv], { encoding: 'utf8' });
    return { status, output: stdout + stderr };
  };
  const good = main('--seed', 'main', '--nodes', '3', '--minutes', '0.1');
  assert.equal(good.status, 0, good.output);
  assert.match(good.output, /^options {2}seed=main nodes=3 [^\n]*\nvirtual [^\n]*elections \d+[^\n]*trace hash [0-9a-f]{16}\n$/);
  assert.equal(main('--nodes', '-3').status, 2);
  const nowhere = main('--html', 'no/such/folder/page.html');
  assert.equal(nowhere.status, 2, 'before anything is simulated');
  assert.match(nowhere.output, /^--html no\/such\/folder\/page\.html: the folder .*no\/such\/folder does not exist\n/);
  assert.match(main('--html', 'sim').output, /^--html sim: this is a folder, expected a file\n/);
  const mutant = main('--seed', 'main', '--nodes', '3', '--minutes', '1', '--mutant', 'reply-before-sync-append');
  assert.equal(mutant.status, 12, mutant.output);
  assert.match(mutant.output, /violation of S\d+ at [\d.]+ s: .*\n[^]*replay {4}npm run sim -- --seed main --nodes 3 --minutes 1 --mutant reply-before-sync-append --trace/);
});
