/** The command line of the simulator. Anything that does not fit is an error that quotes it. */
import { raftMutants } from '../src/core/raft/mutants.ts';

export const USAGE = `npm run sim -- [options]

  --seed S             one simulation with this seed (default 1)
  --seeds A..B         one after the other, seeds A to B
  --sweep-minutes M    fresh seeds for M minutes of wall time, the first one being --seed
  --nodes N            nodes, 1 to 300 (default 5)
  --minutes M          virtual minutes with faults, before the core is healed (default 1)
  --no-faults          a quiet network and healthy machines
  --mutant NAME        break a rule on purpose, to see that the checkers notice; several: a,b
  --trace              print the timeline while it happens
  --lines N            lines of the timeline that a failing seed prints (default 40)
  --keep-going         do not stop at the first failing seed
  --verbose            options and figures of every seed, not only of one
  --help

exit codes: 0 nothing found, 2 usage, 10 a node crashed, 11 no progress (liveness), 12 something wrong (correctness)`;

export interface MainArguments {
  readonly seeds: readonly string[];
  readonly sweepMinutes: number | undefined;
  readonly nodes: number;
  readonly minutes: number;
  readonly faults: boolean;
  readonly mutants: readonly string[];
  readonly trace: boolean;
  readonly lines: number;
  readonly keepGoing: boolean;
  readonly verbose: boolean;
  readonly help: boolean;
}

const VALUED = ['--seed', '--seeds', '--sweep-minutes', '--nodes', '--minutes', '--mutant', '--lines'];
const FLAGS = ['--no-faults', '--trace', '--keep-going', '--verbose', '--help'];
const NODES_MAX = 300;
const MINUTES_MAX = 10_000;
const SEEDS_MAX = 1_000_000;

export function parseArguments(argv: readonly string[]): MainArguments {
  const given = readFlags(argv);
  const mutants = given.get('--mutant')?.split(',') ?? [];
  for (const mutant of mutants) {
    if (!raftMutants.some(({ name }) => name === mutant)) throw new Error(`--mutant ${mutant}: there is none of this name. Known: ${raftMutants.map(({ name }) => name).join(', ')}`);
  }
  return {
    seeds: readSeeds(given.get('--seed'), given.get('--seeds')),
    sweepMinutes: given.has('--sweep-minutes') ? number('--sweep-minutes', given.get('--sweep-minutes'), 0, MINUTES_MAX) : undefined,
    nodes: wholeNumber('--nodes', given.get('--nodes') ?? '5', 1, NODES_MAX),
    minutes: number('--minutes', given.get('--minutes') ?? '1', 0, MINUTES_MAX),
    faults: !given.has('--no-faults'),
    mutants,
    trace: given.has('--trace'),
    lines: wholeNumber('--lines', given.get('--lines') ?? '40', 0, 400),
    keepGoing: given.has('--keep-going'),
    verbose: given.has('--verbose'),
    help: given.has('--help'),
  };
}

function readFlags(argv: readonly string[]): Map<string, string> {
  const given = new Map<string, string>();
  for (let i = 0; i < argv.length; i += 1) {
    const [name = '', inline] = (argv[i] ?? '').split(/=(.*)/s, 2);
    if (FLAGS.includes(name) && inline === undefined) {
      given.set(name, '');
      continue;
    }
    if (!VALUED.includes(name)) throw new Error(`unknown argument ${JSON.stringify(argv[i])}`);
    const value = inline ?? argv[(i += 1)];
    if (value === undefined || value.startsWith('--')) throw new Error(`${name} needs a value`);
    given.set(name, value);
  }
  return given;
}

function readSeeds(seed: string | undefined, range: string | undefined): string[] {
  if (seed !== undefined && range !== undefined) throw new Error('give either --seed or --seeds');
  if (seed === '') throw new Error('--seed needs a value');
  if (range === undefined) return [seed ?? '1'];
  const match = /^(\d+)\.\.(\d+)$/.exec(range);
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || last < first || last - first >= SEEDS_MAX) throw new Error(`--seeds ${range}: expected FIRST..LAST, for example 1..100`);
  return Array.from({ length: last - first + 1 }, (_, i) => String(first + i));
}

function number(name: string, text: string | undefined, low: number, high: number): number {
  const value = Number(text);
  if (text === undefined || text.trim() === '' || !(value > low && value <= high)) throw new Error(`${name} ${text ?? ''}: expected a number above ${low} and up to ${high}`);
  return value;
}

function wholeNumber(name: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < low || value > high) throw new Error(`${name} ${text}: expected a whole number from ${low} to ${high}`);
  return value;
}
