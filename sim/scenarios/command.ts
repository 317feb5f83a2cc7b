/** `npm run sim -- --scenario NAME` and `--list`. */
import type { MainArguments } from '../arguments.ts';
import { EXIT_OK, exitCodeOf } from '../exit-codes.ts';
import type { PageOutcome } from '../html/recording.ts';
import { Teller } from '../teller.ts';
import { notYet, scenarios } from './list.ts';
import { playScenario, type Played } from './play.ts';
import { scenarioTable } from './table.ts';
import type { Scenario } from './scenario.ts';

type Print = (text: string) => void;

/** @param table as the documentation has it. */
export function listScenarios(table: boolean, print: Print): void {
  if (table) {
    print(scenarioTable());
    return;
  }
  const width = Math.max(...[...scenarios, ...notYet].map(({ name }) => name.length));
  for (const { name, number, tells } of scenarios) print(`${name.padEnd(width)}  ${number.padEnd(6)}  ${tells}`);
  for (const { name, number, why } of notYet) print(`${name.padEnd(width)}  ${number.padEnd(6)}  not there yet: ${why}`);
}

/** @returns the exit code: that of the worst seed. */
export function runScenario(args: MainArguments, scenario: Scenario, print: Print): number {
  let exitCode = EXIT_OK;
  let paged = false;
  for (const seed of args.seeds) {
    const { violation } = playSeed(paged ? { ...args, html: undefined } : args, scenario, seed, print);
    if (violation === undefined) continue;
    paged = true;
    exitCode = Math.max(exitCode, exitCodeOf(violation.invariant));
    if (!args.keepGoing) break;
  }
  return exitCode;
}

function playSeed(args: MainArguments, scenario: Scenario, seed: string, print: Print): Played {
  const mutants = new Set(args.mutants);
  const replay = ['npm run sim --', `--scenario ${scenario.name} --seed ${seed}`, ...(args.mutants.length === 0 ? [] : [`--mutant ${args.mutants.join(',')}`])].join(' ');
  const title = { seed: `${scenario.name}, seed ${seed}`, options: `${scenario.number}: ${scenario.tells}`, replay };
  const tells = args.trace !== 'off' || (args.html !== undefined && args.seeds.length === 1);
  const play = (teller: Teller | undefined): Played => playScenario(scenario, { seed, mutants }, (cluster) => void teller?.attach(cluster));
  const teller = new Teller(args, title, print);
  const started = performance.now();
  const played = play(tells ? teller : undefined);
  const { violation, cluster } = played;
  const figures = `${scenario.name} seed ${seed}: ${violation === undefined ? 'ends well' : `✗ ${violation.invariant}`}, virtual ${(cluster.kernel.now / 1000).toFixed(1)} s, wall ${((performance.now() - started) / 1000).toFixed(2)} s, trace hash ${cluster.kernel.hash.digest()}`;
  if (violation === undefined) {
    print(figures);
    if (tells) teller.writePage(outcomeOf(played, figures));
    return played;
  }
  // The same story once more, this time with somebody who tells it.
  const witness = tells ? teller : new Teller({ ...args, trace: 'off' }, title, print);
  if (!tells) play(witness);
  if (args.trace === 'off') witness.printLast();
  witness.printViolation(violation);
  print(figures);
  witness.writePage(outcomeOf(played, figures));
  print(`replay    ${replay} --trace`);
  return played;
}

function outcomeOf({ violation }: Played, figures: string): PageOutcome {
  return { violation, outcome: { kind: 'good', text: '✓ No invariant was violated.' }, summary: [figures] };
}
