/** `npm run sim`: one seed, a range of seeds, or as many as fit into some minutes. */
import { parseArguments, USAGE, type MainArguments } from './arguments.ts';
import { describeOptions, drawOptions, type SimArguments } from './options.ts';
import { formatFigures, formatTotals, Totals } from './report.ts';
import { simulate, type SimResult } from './run.ts';

/** A node ended by itself, the core cannot make progress, something wrong was done. */
export const EXIT_CRASH = 10;
export const EXIT_LIVENESS = 11;
export const EXIT_CORRECTNESS = 12;
const EXIT_USAGE = 2;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function exitCodeOf(invariant: string): number {
  if (invariant === 'crash') return EXIT_CRASH;
  return /^[LT]\d/.test(invariant) ? EXIT_LIVENESS : EXIT_CORRECTNESS;
}

function replayCommand({ seed, nodes, minutes }: MainArguments & { readonly seed: string }): string {
  return `npm run sim -- --seed ${seed} --nodes ${nodes} --minutes ${minutes}`;
}

function runSeed(args: MainArguments, seed: string, quiet: boolean): SimResult {
  const simArguments: SimArguments = {
    seed,
    nodes: args.nodes,
    minutes: args.minutes,
    faults: args.faults,
    ...(args.mutants.length === 0 ? {} : { mutants: new Set(args.mutants) }),
    ...(args.trace ? { print } : {}),
  };
  const options = describeOptions(drawOptions(simArguments));
  if (!quiet) print(`options  ${options}`);
  const result = simulate(simArguments);
  const { violation, lastLines } = result;
  if (violation === undefined) {
    if (!quiet) print(formatFigures(result));
    return result;
  }
  if (!args.trace) for (const line of lastLines.slice(Math.max(0, lastLines.length - args.lines))) print(line);
  print('');
  print(`violation ${violation.invariant} at ${(violation.time / 1000).toFixed(4)} s: ${violation.message}`);
  print(`options   ${options}`);
  print(`figures   ${formatFigures(result)}`);
  print(`replay    ${replayCommand({ ...args, seed })}${args.mutants.length === 0 ? '' : ` --mutant ${args.mutants.join(',')}`} --trace`);
  return result;
}

function* seedsOf(args: MainArguments): Generator<string> {
  if (args.sweepMinutes === undefined) {
    yield* args.seeds;
    return;
  }
  const deadline = performance.now() + args.sweepMinutes * 60_000;
  for (let i = 0; performance.now() < deadline; i += 1) yield `${args.seeds[0] ?? '1'}${i === 0 ? '' : `+${i}`}`;
}

function main(): number {
  let args: MainArguments;
  try {
    args = parseArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}\n`);
    return EXIT_USAGE;
  }
  if (args.help) {
    print(USAGE);
    return 0;
  }
  const many = args.sweepMinutes !== undefined || args.seeds.length > 1;
  const totals = new Totals();
  let exitCode = 0;
  for (const seed of seedsOf(args)) {
    const result = runSeed(args, seed, many && !args.verbose);
    totals.add(result);
    if (result.violation === undefined) continue;
    exitCode = Math.max(exitCode, exitCodeOf(result.violation.invariant));
    if (!args.keepGoing) break;
  }
  if (many) print(formatTotals(totals));
  return exitCode;
}

process.exitCode = main();
