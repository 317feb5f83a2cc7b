/** The command line of the simulator. Anything that does not fit is an error that quotes it and says what would. */
import { suggest } from '../src/pipeline/suggest.ts';
import { parseDuration } from '../src/pipeline/units.ts';
import { mutants } from './mutants/list.ts';
import { readDurations, type Durations } from './own-pipeline/durations.ts';

export const USAGE = `npm run sim -- [options]                       random faults, everything checked
npm run sim -- --scenario NAME                 one of the stories that went wrong elsewhere; --list
npm run sim -- --pipeline FILE [--at '5s cut a,b|c,d,e']…   your pipeline, your faults

one seed or many
  --seed S             one simulation with this seed (default 1)
  --seeds A..B         one after the other, seeds A to B
  --sweep-minutes M    fresh seeds for M minutes of wall time, the first one being --seed
  --nodes N            nodes, 1 to 300 (default 5)
  --minutes M          virtual minutes with faults, before the core is healed (default 1)
  --no-faults          a quiet network and healthy machines
  --mutant NAME        break a rule on purpose, to see that the checkers notice; several: a,b
  --keep-going         do not stop at the first failing seed
  --verbose            options and figures of every seed, not only of one

a scenario
  --scenario NAME      this story, with --seed, --seeds, --mutant, --trace, --html, --lines, --keep-going
  --list               name, row of the table and a line for each; --list=table as the documentation has it

your own pipeline
  --pipeline FILE      a .yaml, .json or .ts file, or its folder; times count from its submission
  -p, --param K=V      a parameter of the pipeline; repeatable
  --duration D         how long modules take that declare no duration: 10s (default 1s); name=10s
                       sets one, x10 makes declared ones ten times as long
  --at 'TIME FAULT'    what happens when; repeatable (docs/simulator.md)
  --script FILE        the same from a file, one line each
  --slots N            cpu slots of each node (default 2)
  --limit D            give up after this long without an end, virtual time (default 10m after the last fault)

what you see
  --trace              the timeline while it happens; --trace=all with Raft chatter
  --html FILE          a page that replays the run; with many seeds, the first that fails
  --lines N            lines of the timeline before a violation (default 30)
  --help

exit codes: 0 nothing found (--pipeline: the run succeeded), 1 the run failed, 2 usage or invalid file, 8 the run did not end,
            10 a node crashed by itself, 11 no progress (liveness), 12 something wrong (correctness)`;

export type TraceDetail = 'off' | 'on' | 'all';
/** `table`: as docs/internals/simulator.md has it. */
type ListForm = 'no' | 'yes' | 'table';

export interface PipelineArguments {
  readonly file: string;
  readonly params: Readonly<Record<string, string>>;
  readonly durations: Durations;
  /** Lines of the fault script, each with where it comes from. */
  readonly faults: readonly { readonly source: string; readonly text: string }[];
  readonly scriptFile: string | undefined;
  readonly slots: number;
  /** Virtual ms; undefined = the default. */
  readonly limitMs: number | undefined;
}

export interface MainArguments {
  readonly seeds: readonly string[];
  readonly sweepMinutes: number | undefined;
  readonly nodes: number;
  readonly minutes: number;
  readonly faults: boolean;
  readonly mutants: readonly string[];
  readonly trace: TraceDetail;
  readonly html: string | undefined;
  readonly lines: number;
  readonly keepGoing: boolean;
  readonly verbose: boolean;
  readonly help: boolean;
  /** Name as given; '' = none. */
  readonly scenario: string;
  readonly list: ListForm;
  /** Undefined: random pipelines under random faults. */
  readonly pipeline: PipelineArguments | undefined;
}

/** `words`: everything up to the next option, so that `--at 20s heal` needs no quotes. */
type Takes = 'nothing' | 'value' | 'optional' | 'words';

type Mode = 'pipeline' | 'seeds' | 'scenario';

interface OptionSpec {
  readonly takes: Takes;
  readonly repeatable?: boolean;
  /** Makes sense with --pipeline only, or not with it, or not with --scenario, or with neither. */
  readonly mode?: Mode | 'not-pipeline' | 'not-scenario';
}

/** A new option is one line here, one in USAGE, one in `parseArguments`. */
const OPTIONS: Readonly<Record<string, OptionSpec>> = {
  '--seed': { takes: 'value' },
  '--seeds': { takes: 'value', mode: 'not-pipeline' },
  '--sweep-minutes': { takes: 'value', mode: 'seeds' },
  '--nodes': { takes: 'value', mode: 'not-scenario' },
  '--minutes': { takes: 'value', mode: 'seeds' },
  '--no-faults': { takes: 'nothing', mode: 'seeds' },
  '--mutant': { takes: 'value' },
  '--keep-going': { takes: 'nothing', mode: 'not-pipeline' },
  '--verbose': { takes: 'nothing', mode: 'seeds' },
  '--scenario': { takes: 'value', mode: 'scenario' },
  '--list': { takes: 'optional', mode: 'seeds' },
  '--pipeline': { takes: 'value', mode: 'pipeline' },
  '--param': { takes: 'value', repeatable: true, mode: 'pipeline' },
  '--duration': { takes: 'value', repeatable: true, mode: 'pipeline' },
  '--at': { takes: 'words', repeatable: true, mode: 'pipeline' },
  '--script': { takes: 'value', mode: 'pipeline' },
  '--slots': { takes: 'value', mode: 'pipeline' },
  '--limit': { takes: 'value', mode: 'pipeline' },
  '--trace': { takes: 'optional' },
  '--html': { takes: 'value' },
  '--lines': { takes: 'value' },
  '--help': { takes: 'nothing' },
};
const SHORT: Readonly<Record<string, string>> = { '-p': '--param', '-h': '--help' };
/** Words of other tools for the same thing. */
const ALIASES: Readonly<Record<string, string>> = { '--file': '--pipeline', '--replay': '--html', '--out': '--html', '--count': '--seeds', '--time': '--minutes', '--mutants': '--mutant', '--fault': '--at', '--timeout': '--limit', '--story': '--scenario', '--scenarios': '--list' };
const NODES_MAX = 300;
const MINUTES_MAX = 10_000;
const SEEDS_MAX = 1_000_000;
const SLOTS_MAX = 1000;

/** @throws Error with one sentence for people. */
export function parseArguments(argv: readonly string[]): MainArguments {
  const given = readOptions(argv);
  const one = (name: string): string | undefined => given.get(name)?.[0];
  const pipeline = readPipeline(given);
  checkMode(given, pipeline !== undefined ? 'pipeline' : given.has('--scenario') ? 'scenario' : 'seeds');
  return {
    seeds: readSeeds(one('--seed'), one('--seeds')),
    sweepMinutes: given.has('--sweep-minutes') ? number('--sweep-minutes', one('--sweep-minutes'), 0, MINUTES_MAX) : undefined,
    nodes: wholeNumber('--nodes', one('--nodes') ?? '5', 1, NODES_MAX),
    minutes: number('--minutes', one('--minutes') ?? '1', 0, MINUTES_MAX),
    faults: !given.has('--no-faults'),
    mutants: readMutants(one('--mutant')),
    trace: readTrace(one('--trace')),
    html: one('--html'),
    lines: wholeNumber('--lines', one('--lines') ?? '30', 0, 400),
    keepGoing: given.has('--keep-going'),
    verbose: given.has('--verbose'),
    help: given.has('--help'),
    scenario: one('--scenario') ?? '',
    list: readList(one('--list')),
    pipeline,
  };
}

function readOptions(argv: readonly string[]): Map<string, string[]> {
  const given = new Map<string, string[]>();
  for (let i = 0; i < argv.length; i += 1) {
    const argument = argv[i] ?? '';
    const [head = '', inline] = argument.split(/=(.*)/s, 2);
    const name = SHORT[head] ?? head;
    const spec = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
    if (spec === undefined) throw new Error(unknown(argument, head));
    if (given.has(name) && spec.repeatable !== true) throw new Error(`${name} is given twice`);
    let value = inline ?? '';
    if (spec.takes === 'nothing' && inline !== undefined) throw new Error(`${name} takes no value, found ${JSON.stringify(inline)}`);
    if (spec.takes === 'value' || spec.takes === 'words') {
      value = inline ?? argv[(i += 1)] ?? '';
      if (inline === undefined && (value === '' || value.startsWith('--'))) throw new Error(`${name} needs a value`);
      while (spec.takes === 'words' && i + 1 < argv.length && !(argv[i + 1] ?? '').startsWith('-')) value += ` ${argv[(i += 1)]}`;
    }
    given.set(name, [...(given.get(name) ?? []), value]);
  }
  return given;
}

function unknown(argument: string, head: string): string {
  const dashed = head.startsWith('-') ? head : `--${head}`;
  const near = Object.hasOwn(OPTIONS, dashed) ? dashed : suggest(dashed, Object.keys(OPTIONS), ALIASES);
  return `unknown argument ${JSON.stringify(argument)}${near === undefined ? '' : `, did you mean ${near}?`}`;
}

function checkMode(given: ReadonlyMap<string, unknown>, mode: Mode): void {
  for (const name of given.keys()) {
    const wanted = OPTIONS[name]?.mode;
    if (wanted === undefined || wanted === mode || (wanted.startsWith('not-') && wanted !== `not-${mode}`)) continue;
    if (mode === 'pipeline') throw new Error(`${name} does not go with --pipeline: your own pipeline is run once, with the faults that --at names`);
    throw new Error(mode === 'scenario' ? `${name} does not go with --scenario: a story brings its own cluster and its own faults` : `${name} goes with --pipeline FILE only`);
  }
}

function readPipeline(given: ReadonlyMap<string, readonly string[]>): PipelineArguments | undefined {
  const file = given.get('--pipeline')?.[0];
  if (file === undefined) return undefined;
  const limit = given.get('--limit')?.[0];
  const limitMs = limit === undefined ? undefined : parseDuration(limit);
  if (limit !== undefined && (limitMs === undefined || limitMs === 0)) throw new Error(`--limit ${limit}: expected a duration, for example 10m`);
  return {
    file,
    params: readParams(given.get('--param') ?? []),
    durations: readDurations(given.get('--duration') ?? []),
    faults: (given.get('--at') ?? []).map((text) => ({ source: '--at', text })),
    scriptFile: given.get('--script')?.[0],
    slots: wholeNumber('--slots', given.get('--slots')?.[0] ?? '2', 1, SLOTS_MAX),
    limitMs,
  };
}

function readParams(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text): [string, string] => {
      const equals = text.indexOf('=');
      if (equals < 1) throw new Error(`-p ${JSON.stringify(text)}: expected name=value`);
      return [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

function readMutants(text: string | undefined): string[] {
  const names = mutants.map(({ name }) => name);
  const given = text?.split(',') ?? [];
  for (const name of given) {
    if (names.includes(name)) continue;
    const near = suggest(name, names);
    throw new Error(`--mutant ${name}: there is none of this name${near === undefined ? '.' : `, did you mean ${near}?`} Known: ${names.join(', ')}`);
  }
  return given;
}

function readTrace(text: string | undefined): TraceDetail {
  if (text === undefined) return 'off';
  if (text === '' || text === 'all') return text === '' ? 'on' : 'all';
  throw new Error(`--trace=${text}: expected --trace or --trace=all`);
}

function readList(text: string | undefined): ListForm {
  if (text === undefined) return 'no';
  if (text === '' || text === 'table') return text === '' ? 'yes' : 'table';
  throw new Error(`--list=${text}: expected --list or --list=table`);
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
