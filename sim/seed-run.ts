/** One seed for people: its options, its timeline, its page, its figures, and how to see it again. */
import type { MainArguments } from './arguments.ts';
import type { PageOutcome } from './html/recording.ts';
import { describeOptions, drawOptions, type SimArguments } from './options.ts';
import { formatFigures } from './report.ts';
import { Simulation, type SimResult } from './run.ts';
import { Teller } from './teller.ts';

export type Print = (text: string) => void;

function simArguments(args: MainArguments, seed: string): SimArguments {
  const { nodes, minutes, faults, mutants } = args;
  return { seed, nodes, minutes, faults, ...(mutants.length === 0 ? {} : { mutants: new Set(mutants) }) };
}

export function replayCommand({ nodes, minutes, faults, mutants }: MainArguments, seed: string): string {
  const rest = [...(faults ? [] : ['--no-faults']), ...(mutants.length === 0 ? [] : ['--mutant', mutants.join(',')])];
  return ['npm run sim --', `--seed ${seed} --nodes ${nodes} --minutes ${minutes}`, ...rest].join(' ');
}

/** @param tell somebody listens from the start; otherwise only if the seed fails. */
function simulateSeed(args: MainArguments, seed: string, teller: Teller | undefined): SimResult {
  const given = simArguments(args, seed);
  const options = drawOptions(given);
  const started = performance.now();
  const simulation = new Simulation(given, options);
  teller?.attach(simulation.cluster);
  simulation.run();
  return simulation.result(performance.now() - started);
}

/** @param quiet one of many: says nothing unless it fails. */
export function runSeed(args: MainArguments, seed: string, quiet: boolean, print: Print): SimResult {
  const options = describeOptions(drawOptions(simArguments(args, seed)));
  const title = { seed, options, replay: replayCommand(args, seed) };
  if (!quiet) print(`options  ${options}`);
  const tells = args.trace !== 'off' || (args.html !== undefined && !quiet);
  const teller = new Teller(args, title, print);
  const result = simulateSeed(args, seed, tells ? teller : undefined);
  if (result.violation === undefined) {
    if (!quiet) print(formatFigures(result));
    if (tells) teller.writePage(pageOutcome(result));
    return result;
  }
  // The same history once more, this time with somebody who tells it.
  const witness = tells ? teller : new Teller({ ...args, trace: 'off' }, title, print);
  if (!tells) simulateSeed(args, seed, witness);
  if (args.trace === 'off') witness.printLast();
  witness.printViolation(result.violation);
  print(`options   ${options}`);
  print(`figures   ${formatFigures(result)}`);
  witness.writePage(pageOutcome(result));
  print(`replay    ${title.replay} --trace`);
  return result;
}

function pageOutcome(result: SimResult): PageOutcome {
  return { violation: result.violation, outcome: { kind: 'good', text: '✓ No invariant was violated.' }, summary: [formatFigures(result)] };
}
