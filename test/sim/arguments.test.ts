/** Goal: a mistyped command line is refused with what was meant. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { parseArguments, USAGE } from '../../sim/arguments.ts';

test('defaults, and every form of an option', () => {
  const args = parseArguments([]);
  assert.deepEqual([args.seeds, args.nodes, args.minutes, args.faults, args.trace, args.html, args.lines, args.pipeline], [['1'], 5, 1, true, 'off', undefined, 30, undefined]);
  assert.equal(parseArguments(['--trace']).trace, 'on');
  assert.equal(parseArguments(['--trace=all']).trace, 'all');
  assert.deepEqual(parseArguments(['--seeds', '3..5', '--html=x.html']).seeds, ['3', '4', '5']);
  const { pipeline } = parseArguments(['--pipeline', 'p.yaml', '-p', 'a=b=c', '--param', 'd=', '--duration', '2s,x3,enc=1m', '--at', '8s', 'kill', 'leader', '--at', '20s heal', '--slots=4', '--limit', '2m']);
  assert.deepEqual(pipeline, {
    file: 'p.yaml',
    params: { a: 'b=c', d: '' },
    durations: { otherwiseMs: 2000, factor: 3, byModule: new Map([['enc', 60_000]]) },
    faults: [{ source: '--at', text: '8s kill leader' }, { source: '--at', text: '20s heal' }],
    scriptFile: undefined,
    slots: 4,
    limitMs: 120_000,
  });
});

test('mistakes', () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--sede', '3'], /unknown argument "--sede", did you mean --seed\?/],
    [['trace'], /unknown argument "trace", did you mean --trace\?/],
    [['--trace=some'], /--trace=some: expected --trace or --trace=all/],
    [['--verbose=1'], /--verbose takes no value, found "1"/],
    [['--nodes'], /--nodes needs a value/],
    [['--nodes', '--trace'], /--nodes needs a value/],
    [['--nodes', '0'], /--nodes 0: expected a whole number from 1 to 300/],
    [['--seed', '1', '--seed', '2'], /--seed is given twice/],
    [['--mutant', 'no-preevote'], /--mutant no-preevote: there is none of this name, did you mean no-prevote\?/],
    [['--at', '5s heal'], /--at goes with --pipeline FILE only/],
    [['--pipeline', 'p.yaml', '--minutes', '3'], /--minutes does not go with --pipeline/],
    [['--pipeline', 'p.yaml', '--duration', 'fast'], /--duration fast: expected a number with ms, s/],
    [['--pipeline', 'p.yaml', '-p', 'x'], /-p "x": expected name=value/],
    [['--pipeline', 'p.yaml', '--limit', 'long'], /--limit long: expected a duration/],
  ];
  for (const [argv, message] of cases) assert.throws(() => parseArguments(argv), { message });
});

test('the help names every option that is taken', () => {
  for (const name of ['--seed', '--seeds', '--sweep-minutes', '--nodes', '--minutes', '--no-faults', '--mutant', '--keep-going', '--verbose', '--scenario', '--list', '--pipeline', '--param', '--duration', '--at', '--script', '--slots', '--limit', '--trace', '--html', '--lines', '--help']) assert.ok(USAGE.includes(name), name);
});
