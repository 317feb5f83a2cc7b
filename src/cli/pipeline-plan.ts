/** `skein pipeline plan FILE`: what a leader would do with a pipeline, without one; with `--cluster` on the nodes that there are. */
import { InvalidArgumentError, type Command } from 'commander';
import type { Workers } from '../core/plan/schedule.ts';
import { SkeinError } from '../errors.ts';
import { parseSize, SIZE_FORM } from '../pipeline/units.ts';
import type { EndpointFlags } from './endpoints.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { line, type CliIo } from './io.ts';
import { PLAN_SLOTS_MAX, PLAN_WORKERS_MAX } from './limits.ts';
import { printData } from './output.ts';
import type { ParamFlags } from './params.ts';
import { compileFile } from './run.ts';
import { action, clientFor, wholeNumber, withNode, type VerbContext } from './verb.ts';

interface PlanFlags extends ParamFlags, EndpointFlags {
  readonly cluster?: boolean;
  readonly all?: boolean;
  readonly json?: boolean;
  readonly workers?: number;
  readonly slots?: number;
  readonly memory?: number;
}

/** @param command with the options for parameters. */
export function addPlan(command: Command, context: VerbContext): void {
  withNode(command)
    .description('the waves in which modules can start, the critical path, and with --workers how long the run takes')
    .option('--workers <n>', 'play the run on so many workers, without running anything', wholeNumber(1, PLAN_WORKERS_MAX))
    .option('--slots <n>', 'cpu slots of each worker (default: 1)', wholeNumber(1, PLAN_SLOTS_MAX))
    .option('--memory <size>', 'memory of each worker (default: enough)', size)
    .option('--cluster', 'play it on the nodes of the running cluster, with durations and sizes of files as in its last run: where each module goes')
    .option('--all', 'every name, however many')
    .option('--json', 'as data, with the start of each module')
    .action(action(context, (file: string, flags: PlanFlags) => plan(context.io, file, flags)));
}

async function plan(io: CliIo, file: string, flags: PlanFlags): Promise<ExitCode> {
  const [{ formatPlan, planData }, spec] = await Promise.all([import('../pipeline/plan-text.ts'), compileFile(io, file, flags)]);
  const workers = workersOf(flags);
  if (flags.cluster === true) {
    if (workers !== undefined) throw new SkeinError('OPTION_INVALID', '--cluster takes the nodes that there are: it goes with none of --workers, --slots and --memory');
    const { clusterPlan, clusterPlanLines } = await import('./plan-cluster.ts');
    const found = await clusterPlan(clientFor(io, flags), spec);
    if (flags.json === true) printData(io, 'json', { ...planData(spec), cluster: found });
    else line(io.stdout, [formatPlan(spec, { all: flags.all === true }), '', ...clusterPlanLines(found, flags.all === true)].join('\n'));
    return exitCodes.ok;
  }
  if (flags.json === true) printData(io, 'json', planData(spec, workers));
  else line(io.stdout, formatPlan(spec, { all: flags.all === true, workers }));
  return exitCodes.ok;
}

function workersOf({ workers, slots, memory }: PlanFlags): Workers | undefined {
  if (workers === undefined && slots === undefined && memory === undefined) return undefined;
  return { workers: workers ?? 1, slots: slots ?? 1, ...(memory === undefined ? {} : { memory }) };
}

function size(value: string): number {
  const bytes = parseSize(value);
  if (bytes === undefined) throw new InvalidArgumentError(`it must be ${SIZE_FORM}`);
  return bytes;
}
