/** `npm run sim`: one seed, a range of seeds, as many as fit into some minutes, a scenario, or somebody's own pipeline. */
import { parseArguments, USAGE, type MainArguments } from './arguments.ts';
import { EXIT_OK, EXIT_USAGE, exitCodeOf } from './exit-codes.ts';
import { formatTotals, Totals } from './report.ts';
import { runSeed } from './seed-run.ts';
import { checkPageFile } from './teller.ts';

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function* seedsOf(args: MainArguments): Generator<string> {
  if (args.sweepMinutes === undefined) {
    yield* args.seeds;
    return;
  }
  const deadline = performance.now() + args.sweepMinutes * 60_000;
  for (let i = 0; performance.now() < deadline; i += 1) yield `${args.seeds[0] ?? '1'}${i === 0 ? '' : `+${i}`}`;
}

function runSeeds(args: MainArguments): number {
  const many = args.sweepMinutes !== undefined || args.seeds.length > 1;
  const totals = new Totals();
  let exitCode = EXIT_OK;
  let paged = false;
  for (const seed of seedsOf(args)) {
    const result = runSeed(paged ? { ...args, html: undefined } : args, seed, many && !args.verbose, print);
    totals.add(result);
    if (result.violation === undefined) continue;
    paged = true;
    exitCode = Math.max(exitCode, exitCodeOf(result.violation.invariant));
    if (!args.keepGoing) break;
  }
  if (many) print(formatTotals(totals));
  if (many && args.html !== undefined && !paged) print(`page      none: no seed failed, so ${args.html} was not written`);
  return exitCode;
}

async function tellStories(args: MainArguments): Promise<number> {
  const { listScenarios, runScenario } = await import('./scenarios/command.ts');
  const { scenarioNamed } = await import('./scenarios/list.ts');
  if (args.list !== 'no') {
    listScenarios(args.list === 'table', print);
    return EXIT_OK;
  }
  let scenario;
  try {
    scenario = scenarioNamed(args.scenario);
  } catch (error) {
    return refused(error as Error);
  }
  return runScenario(args, scenario, print);
}

function refused({ message }: Error): number {
  process.stderr.write(`${message}\n\nnpm run sim -- --help shows every option\n`);
  return EXIT_USAGE;
}

async function main(): Promise<number> {
  let args: MainArguments;
  try {
    args = parseArguments(process.argv.slice(2));
    if (args.html !== undefined) checkPageFile(args.html);
  } catch (error) {
    return refused(error as Error);
  }
  if (args.help) {
    print(USAGE);
    return EXIT_OK;
  }
  if (args.list !== 'no' || args.scenario !== '') return tellStories(args);
  if (args.pipeline === undefined) return runSeeds(args);
  const { runPipeline } = await import('./own-pipeline/main.ts');
  return runPipeline(args, args.pipeline, print);
}

// Whoever reads the timeline through `head` has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT_OK);
});
process.exitCode = await main();
