/** `npm run sim -- --pipeline FILE`: what would a partition do to this pipeline? */
import { readFileSync } from 'node:fs';
import { compileRun } from '../../src/pipeline/compile.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';
import type { MainArguments, PipelineArguments } from '../arguments.ts';
import { EXIT_OK, EXIT_PENDING, EXIT_RUN_FAILED, EXIT_USAGE, exitCodeOf } from '../exit-codes.ts';
import { Teller } from '../teller.ts';
import { OwnRun, type OwnRunInit } from './own-run.ts';
import { formatOwnRun } from './report.ts';
import { parseScript, parseScriptLine, type ScriptLine } from './script.ts';
import { simulatedRun } from './simulated.ts';

const LIMIT_AFTER_LAST_FAULT_MS = 600_000;

type Print = (text: string) => void;

/** @returns the exit code. */
export async function runPipeline(args: MainArguments, given: PipelineArguments, print: Print): Promise<number> {
  let prepared: Prepared;
  try {
    prepared = await prepare(args, given);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return EXIT_USAGE;
  }
  const { init, remarks } = prepared;
  const count = init.spec.modules.length;
  print(`pipeline   ${init.spec.name}: ${count === 1 ? '1 module' : `${count} modules`} on ${init.nodes === 1 ? '1 node' : `${init.nodes} nodes`} with ${init.slots} cpu each, seed ${init.seed}`);
  for (const remark of remarks) print(`note       ${remark}`);
  for (const { text } of init.script) print(`fault      ${text}`);
  return play(args, given, init, print);
}

interface Prepared {
  readonly init: OwnRunInit;
  readonly remarks: readonly string[];
}

/** @throws Error in words for people: what does not fit in the script, the pipeline or its parameters. */
async function prepare(args: MainArguments, given: PipelineArguments): Promise<Prepared> {
  const { nodes, mutants, seeds } = args;
  const script = readScript(given, nodes);
  const compiled = await compileRun(await loadPipeline(given.file), given.params);
  const { spec, remarks } = simulatedRun(compiled, given.durations, given.slots);
  const lastMs = Math.max(0, ...script.map(({ atMs, forMs = 0 }) => atMs + forMs));
  const limitMs = given.limitMs ?? lastMs + criticalMs(spec.modules) * 4 + LIMIT_AFTER_LAST_FAULT_MS;
  return { init: { seed: seeds[0] ?? '1', nodes, slots: given.slots, spec, script, limitMs, mutants }, remarks };
}

function readScript({ faults, scriptFile }: PipelineArguments, nodes: number): ScriptLine[] {
  const lines = faults.map(({ source, text }) => parseScriptLine(text, source, nodes));
  if (scriptFile !== undefined) lines.push(...parseScript(readText(scriptFile), scriptFile, nodes));
  return lines.sort((a, b) => a.atMs - b.atMs);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`--script ${file}: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (error as Error).message}`, { cause: error });
  }
}

/** The sum of all durations: no schedule takes longer without faults. */
function criticalMs(modules: OwnRunInit['spec']['modules']): number {
  return modules.reduce((sum, { action }) => sum + (action.type === 'run' ? Number(action.command.split(' ')[1]) : 0), 0);
}

function play(args: MainArguments, given: PipelineArguments, init: OwnRunInit, print: Print): number {
  const healthyMs = init.script.length === 0 ? undefined : healthy(init);
  const own = new OwnRun(init);
  own.form();
  const teller = new Teller(args, { seed: init.seed, options: `pipeline=${given.file} nodes=${init.nodes} slots=${init.slots}`, replay: replayCommand(args, given, init) }, print);
  const timeline = teller.attach(own.cluster, own.originMs);
  own.play();
  const { violation } = own.cluster;
  const lines = formatOwnRun(own, timeline.leadership.reigns, init.script.length, healthyMs);
  if (violation !== undefined && args.trace === 'off') teller.printLast();
  if (violation !== undefined) teller.printViolation(violation);
  if (args.trace !== 'off') print('');
  for (const line of lines) print(line);
  const exitCode = exitCodeFor(own);
  const kind = exitCode === EXIT_OK ? 'good' : exitCode === EXIT_PENDING ? 'wait' : 'bad';
  teller.writePage({ violation, outcome: { kind, text: (lines[0] ?? '').replace(/^result +/, '') }, summary: lines.slice(1).map((line) => line.replace(/ {2,}/, ': ')) });
  return exitCode;
}

function exitCodeFor(own: OwnRun): number {
  const { violation } = own.cluster;
  if (violation !== undefined) return exitCodeOf(violation.invariant);
  if (own.durationMs === undefined) return EXIT_PENDING;
  return own.record()?.phase === 'succeeded' ? EXIT_OK : EXIT_RUN_FAILED;
}

/** How long the same run takes when nothing breaks. */
function healthy(init: OwnRunInit): number | undefined {
  const own = new OwnRun({ ...init, script: [] });
  own.form();
  own.play();
  return own.durationMs;
}

function replayCommand({ mutants }: MainArguments, { file, scriptFile, durations, params }: PipelineArguments, { seed, nodes, slots, script }: OwnRunInit): string {
  const faults = scriptFile === undefined ? script.map(({ text }) => `--at '${text}'`) : [`--script ${scriptFile}`];
  const lengths = [`${durations.otherwiseMs}ms`, ...(durations.factor === 1 ? [] : [`x${durations.factor}`]), ...Array.from(durations.byModule, ([name, ms]) => `${name}=${ms}ms`)];
  const given = Object.entries(params).map(([name, value]) => `-p '${name}=${value}'`);
  return ['npm run sim --', `--pipeline ${file}`, ...given, `--duration '${lengths.join(',')}'`, `--nodes ${nodes} --slots ${slots} --seed ${seed}`, ...faults, ...(mutants.length === 0 ? [] : [`--mutant ${mutants.join(',')}`])].join(' ');
}
