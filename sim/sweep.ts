/**
 * `npm run sim:sweep`: fresh seeds for as long as asked for, on one core or several, and the sums at the end: seeds,
 * virtual hours, faults by kind, violations. Each seed that fails is printed at once with the command that shows it.
 */
import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { exitCodeOf, EXIT_OK, EXIT_USAGE } from './exit-codes.ts';
import { formatTotals, Totals, type Outcome } from './report.ts';
import { simulate } from './run.ts';

const USAGE = `npm run sim:sweep -- [options]

  --minutes M    of wall time (default 60)
  --seconds S    virtual seconds with faults, of each seed (default 60)
  --nodes N      nodes of each simulation (default 5)
  --seed S       the seeds are S, S+1, S+2 and so on (default: the commit)
  --seeds N      at most so many seeds
  --jobs N       processes at work (default 1)
  --stop         at the first violation
  --help

exit codes: 0 nothing found, 2 usage, 10 a node crashed by itself, 11 no progress (liveness), 12 something wrong (correctness)`;

interface SweepArguments {
  readonly minutes: number;
  readonly seconds: number;
  readonly nodes: number;
  readonly seed: string;
  readonly seedsMax: number;
  readonly jobs: number;
  readonly stop: boolean;
}

const PROGRESS_EVERY_MS = 60_000;
const JOBS_MAX = 256;

function readArguments(argv: readonly string[]): SweepArguments | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ args: [...argv], strict: true, allowPositionals: false, options: { minutes: text, seconds: text, nodes: text, seed: text, seeds: text, jobs: text, stop: { type: 'boolean' }, help: { type: 'boolean' } } });
  if (values.help === true) return undefined;
  const number = (name: string, given: string | undefined, otherwise: number, max: number, whole: boolean): number => {
    const value = given === undefined ? otherwise : Number(given);
    if (!(value > 0 && value <= max) || (whole && !Number.isInteger(value))) throw new Error(`--${name} ${given}: expected a ${whole ? 'whole ' : ''}number above 0${max < 1e9 ? ` and up to ${max}` : ''}`);
    return value;
  };
  return {
    minutes: number('minutes', values.minutes, 60, 1e9, false),
    seconds: number('seconds', values.seconds, 60, 1e9, false),
    nodes: number('nodes', values.nodes, 5, 300, true),
    seed: values.seed ?? commit(),
    seedsMax: values.seeds === undefined ? Infinity : number('seeds', values.seeds, 1, 1e9, true),
    jobs: number('jobs', values.jobs, 1, JOBS_MAX, true),
    stop: values.stop === true,
  };
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '1';
  }
}

class Sweep {
  readonly totals = new Totals();
  exitCode = EXIT_OK;
  readonly #args: SweepArguments;
  readonly #deadline: number;
  readonly #started = performance.now();
  #told = performance.now();
  #next = 0;

  constructor(args: SweepArguments) {
    this.#args = args;
    this.#deadline = this.#started + args.minutes * 60_000;
  }

  /** Undefined when there is nothing more to do. */
  nextSeed(): string | undefined {
    const { seed, seedsMax, stop } = this.#args;
    if (performance.now() >= this.#deadline || this.#next >= seedsMax || (stop && this.exitCode !== EXIT_OK)) return undefined;
    const number = this.#next++;
    return number === 0 ? seed : `${seed}+${number}`;
  }

  take(outcome: Outcome): void {
    const { nodes, seconds } = this.#args;
    const { violation } = outcome;
    this.totals.add(outcome);
    if (violation !== undefined) {
      this.exitCode = Math.max(this.exitCode, exitCodeOf(violation.invariant));
      print(`seed ${outcome.options.seed}: ${violation.invariant} at ${(violation.time / 1000).toFixed(4)} s: ${violation.message.split('\n')[0]}`);
      print(`  npm run sim -- --seed ${outcome.options.seed} --nodes ${nodes} --minutes ${seconds / 60} --trace`);
    }
    if (performance.now() - this.#told < PROGRESS_EVERY_MS) return;
    this.#told = performance.now();
    print(`${((this.#told - this.#started) / 60_000).toFixed(0)} min: ${this.totals.seeds} seeds, ${this.totals.violations.length} violations`);
  }

  run(seed: string): Outcome {
    return runSeed(seed, this.#args.nodes, this.#args.seconds);
  }

  /** Runs `jobs` processes; each asks for the next seed when it is done with one. */
  async fork(): Promise<void> {
    const { jobs, nodes, seconds } = this.#args;
    const worker = (): Promise<void> =>
      new Promise((done, failed) => {
        const child = fork(fileURLToPath(import.meta.url), ['--worker', String(nodes), String(seconds)]);
        const feed = (): void => {
          const seed = this.nextSeed();
          if (seed === undefined) child.disconnect();
          else child.send(seed);
        };
        child.on('message', (outcome) => {
          this.take(outcome as Outcome);
          feed();
        });
        child.on('error', failed);
        child.on('exit', (code, signal) => (code === 0 ? done() : failed(new Error(`a process of the sweep ended with ${signal ?? code}`))));
        feed();
      });
    await Promise.all(Array.from({ length: jobs }, worker));
  }
}

function runSeed(seed: string, nodes: number, seconds: number): Outcome {
  const { figures, violation } = simulate({ seed, nodes, minutes: seconds / 60 });
  return { options: { seed }, figures, violation };
}

/** In a process of its own: seeds in, outcomes out, until the parent is gone. */
function work(nodes: number, seconds: number): void {
  const self = process as unknown as ChildProcess;
  self.on('message', (seed) => self.send(runSeed(seed as string, nodes, seconds)));
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(argv: readonly string[]): Promise<number> {
  let args: SweepArguments | undefined;
  try {
    args = readArguments(argv);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}\n`);
    return EXIT_USAGE;
  }
  if (args === undefined) {
    print(USAGE);
    return EXIT_OK;
  }
  const sweep = new Sweep(args);
  const started = performance.now();
  print(`seeds ${args.seed}, ${args.seed}+1, … with ${args.nodes} nodes and ${args.seconds} virtual seconds of faults`);
  if (args.jobs > 1) await sweep.fork();
  else for (let seed = sweep.nextSeed(); seed !== undefined; seed = sweep.nextSeed()) sweep.take(sweep.run(seed));
  print(formatTotals(sweep.totals, performance.now() - started));
  return sweep.exitCode;
}

const [first, ...rest] = process.argv.slice(2);
if (first === '--worker') work(Number(rest[0]), Number(rest[1]));
else process.exitCode = await main(process.argv.slice(2));
