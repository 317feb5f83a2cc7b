/** `npm run sim:mutants`: switches off one rule after the other and shows who notices. Ends with 1 if nobody does. */
import { hunt, playControl, playHunt, type Found } from './hunt.ts';
import { hunts, secondLines, type Hunt } from './hunts.ts';
import { mutants } from './list.ts';
import { mutantTable } from './table.ts';

const USAGE = `npm run sim:mutants -- [options]

  --only A,B     these mutants only
  --seeds N      seeds to try for each (default 40)
  --trace        with --only: print the timeline of the seed that is known to find it
  --table        print the table of docs/internals/simulator.md
  --help

exit codes: 0 all are caught, 1 one survives (or a story goes wrong by itself), 2 usage`;

const SEEDS = 40;
const SEEDS_MAX = 100_000;

interface MutantArguments {
  readonly rows: readonly Hunt[];
  readonly seeds: number;
  readonly trace: boolean;
  readonly table: boolean;
  readonly help: boolean;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function parse(argv: readonly string[]): MutantArguments {
  const flags = new Set<string>();
  let rows: readonly Hunt[] = hunts;
  let seeds = SEEDS;
  for (let i = 0; i < argv.length; i += 1) {
    const name = argv[i] ?? '';
    if (name === '--only') rows = (argv[(i += 1)] ?? '').split(',').map(rowOf);
    else if (name === '--seeds') seeds = Number(argv[(i += 1)]);
    else if (['--trace', '--table', '--help'].includes(name)) flags.add(name);
    else throw new Error(`unknown argument ${JSON.stringify(name)}`);
  }
  if (!Number.isInteger(seeds) || seeds < 1 || seeds > SEEDS_MAX) throw new Error(`--seeds: expected a whole number from 1 to ${SEEDS_MAX}`);
  return { rows, seeds, trace: flags.has('--trace'), table: flags.has('--table'), help: flags.has('--help') };
}

function rowOf(name: string): Hunt {
  const row = hunts.find(({ mutant }) => mutant === name);
  if (row !== undefined) return row;
  const second = secondLines.find(({ mutant }) => mutant === name);
  if (second !== undefined) throw new Error(`${name} is a second line, so nothing shows it. ${second.why}`);
  throw new Error(`--only ${name}: there is none of this name. Known: ${mutants.map((mutant) => mutant.name).join(', ')}`);
}

/** @returns what is wrong with it, or ''. */
function judge(row: Hunt, found: Found | undefined, seeds: number): string {
  if (found === undefined) return `SURVIVES ${seeds} seeds`;
  if (!row.invariants.includes(found.invariant)) return `noticed by ${found.invariant}, expected ${row.invariants.join(' or ')}: ${found.message}`;
  const control = playControl(row, found.seed);
  return control === undefined ? '' : `the story goes wrong with the rule in force, too: ${control.invariant}: ${control.message}`;
}

function goThrough({ rows, seeds }: MutantArguments): number {
  const numbers = Array.from({ length: seeds }, (_, at) => String(at + 1));
  let bad = 0;
  for (const row of rows) {
    const name = `${row.mutant}${row.partner === undefined ? '' : ` + ${row.partner}`}`.padEnd(44);
    const found = hunt(row, numbers);
    const problem = judge(row, found, seeds);
    if (problem !== '') bad += 1;
    if (found === undefined || problem !== '') print(`${name} → ${problem}`);
    else print(`${name} → ${found.invariant.padEnd(3)} → seed ${found.seed}${found.seed === row.seed ? '' : ` (hunts.ts says ${row.seed})`} → ${(found.time / 1000).toFixed(2)} s of virtual time: ${found.message.slice(0, 100)}`);
  }
  const lines = rows === hunts ? secondLines : [];
  for (const { mutant, why } of lines) print(`${mutant.padEnd(44)} → second line: ${why}`);
  print(bad === 0 ? `all ${rows.length} are caught${lines.length === 0 ? '' : `, ${lines.length} second lines are explained`}` : `${bad} of ${rows.length} are not caught as they should be`);
  return bad === 0 ? 0 : 1;
}

function main(): number {
  let args: MutantArguments;
  try {
    args = parse(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}\n`);
    return 2;
  }
  if (args.help) print(USAGE);
  else if (args.table) print(mutantTable());
  else if (args.trace) for (const row of args.rows) playHunt(row, row.seed, print);
  else return goThrough(args);
  return 0;
}

process.exitCode = main();
