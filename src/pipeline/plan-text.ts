/** What `pipeline plan` prints: the waves, who waits for whom, the chain that nothing can shorten, and how long so many workers take. */
import { modulePolicy, ordinaryRun } from '../core/cell/policy.ts';
import type { RunSpec } from '../core/cell/types.ts';
import { outline, planSchedule, type Outline, type Schedule, type Workers } from '../core/plan/schedule.ts';
import { formatDuration } from './units.ts';

/** Names written out in one wave, one list of needs, one path. */
const NAMES_SHOWN_MAX = 8;

type Planned = Pick<RunSpec, 'name' | 'modules' | 'policy'>;

export interface PlanTextOptions {
  /** Write out every name. @default false */
  readonly all?: boolean;
  /** Play the run through on these. @default not played */
  readonly workers?: Workers | undefined;
}

/** Ends without a newline. */
export function formatPlan(spec: Planned, { all = false, workers }: PlanTextOptions = {}): string {
  const { name, modules } = spec;
  const shownMax = all ? Infinity : NAMES_SHOWN_MAX;
  const plan: Outline & Partial<Schedule> = workers === undefined ? outline(modules) : planSchedule(modules, workers, undefined, { policy: spec.policy });
  const { waves, criticalPath, criticalPathMs } = plan;
  const lines = [`${name}: ${count(modules.length, 'module')} in ${count(waves.length, 'wave')}`, ''];
  waves.forEach((wave, index) => {
    const needs = new Set(wave.flatMap((position) => modules[position]?.needs ?? []));
    const after = needs.size === 0 ? '' : ` after ${listNames(namesOf(spec, needs), shownMax)}`;
    lines.push(`Wave ${index + 1}: ${listNames(namesOf(spec, wave), shownMax)}${wave.length > 1 ? ' run in parallel' : ''}${after}`);
  });
  const declared = modules.some(({ durationMs }) => durationMs > 0);
  const length = declared ? `, ${formatDuration(criticalPathMs)} as declared` : '';
  lines.push('', `Critical path: ${chain(namesOf(spec, criticalPath), shownMax)} (${count(criticalPath.length, 'module')}${length})`);
  if (workers !== undefined) lines.push(...scheduleLines(spec, plan as Schedule, workers, shownMax));
  lines.push(...policyLines(spec, shownMax));
  return lines.join('\n');
}

/** What else decides when a module starts. */
function policyLines(spec: Planned, shownMax: number): string[] {
  const { parallelMax, barrier } = spec.policy ?? ordinaryRun;
  const holders = new Map<string, { readonly max: number; readonly positions: number[] }>();
  spec.modules.forEach((module, position) => {
    for (const { key, max } of modulePolicy(module).limits) {
      const known = holders.get(`${max} ${key}`) ?? { max, positions: [] };
      holders.set(`${max} ${key}`, known);
      known.positions.push(position);
    }
  });
  const limits = Array.from(holders, ([name, { max, positions }]) => `${max === 1 ? 'Mutex' : `Limit of ${max},`} ${name.slice(name.indexOf(' ') + 1)}: ${listNames(namesOf(spec, positions), shownMax)}`);
  const parallel = parallelMax === 0 ? [] : [`At most ${count(parallelMax, 'module')} at a time`];
  const start = barrier === 'wave' ? 'Waves are barriers: a module starts when all modules of the waves before its own are done.' : 'A module starts when its own needs are done; waves are not barriers.';
  return [...limits, ...parallel, start];
}

function scheduleLines(spec: Planned, plan: Schedule, { workers, slots }: Workers, shownMax: number): string[] {
  const { makespanMs, lowerBoundMs, unplaced, startsMs } = plan;
  const unknown = spec.modules.filter(({ durationMs }) => durationMs === 0).length;
  const taken = unknown === spec.modules.length ? ', taking each module for one second' : unknown === 0 ? '' : `, taking the ${count(unknown, 'module')} without a duration for the average of the others`;
  const where = `On ${count(workers, 'worker')} with ${count(slots, 'cpu slot')}${workers === 1 ? '' : ' each'}`;
  if (unplaced.length === 0) {
    const ratio = lowerBoundMs === 0 ? 1 : makespanMs / lowerBoundMs;
    return [`${where}: ${formatDuration(makespanMs)} planned, ${ratio.toFixed(2)} × the lower bound of ${formatDuration(lowerBoundMs)}${taken}`];
  }
  const never = startsMs.filter(Number.isNaN).length;
  const behind = never > unplaced.length ? `, and so ${count(never - unplaced.length, 'module')} behind ${unplaced.length === 1 ? 'it' : 'them'}` : '';
  return [`${where}: never done. No worker has the cpu slots or the memory for ${listNames(namesOf(spec, unplaced), shownMax)}: not started${behind}`];
}

/** The same as data. Times are ms from the start of the run; `schedule` is null without workers. */
export function planData(spec: Planned, workers?: Workers): Readonly<Record<string, unknown>> {
  const plan: Outline & Partial<Schedule> = workers === undefined ? outline(spec.modules) : planSchedule(spec.modules, workers, undefined, { policy: spec.policy });
  const { waves, criticalPath, criticalPathMs, workMs } = plan;
  return {
    name: spec.name,
    modules: spec.modules.length,
    needs: spec.modules.reduce((sum, { needs }) => sum + needs.length, 0),
    waves: waves.map((wave) => namesOf(spec, wave)),
    criticalPath: namesOf(spec, criticalPath),
    criticalPathMs,
    workMs,
    schedule: workers === undefined ? null : scheduleData(spec, plan as Schedule, workers),
  };
}

function scheduleData(spec: Planned, plan: Schedule, { workers, slots, memory }: Workers): Readonly<Record<string, unknown>> {
  const { lowerBoundMs, makespanMs, startsMs, workerOf, durationsMs, unplaced } = plan;
  return {
    workers,
    slots,
    memory: memory ?? null,
    lowerBoundMs,
    // Of a run that never ends there is no makespan.
    makespanMs: unplaced.length === 0 ? makespanMs : null,
    unplaced: namesOf(spec, unplaced),
    starts: spec.modules.map(({ name }, i) => ({ module: name, worker: workerOf[i] === -1 ? null : workerOf[i], startMs: workerOf[i] === -1 ? null : startsMs[i], durationMs: durationsMs[i] })),
  };
}

function namesOf({ modules }: Planned, positions: Iterable<number>): string[] {
  return Array.from(positions, (position) => modules[position]?.name ?? `#${position}`);
}

/** `a`, `a and b`, `a, b and c`, `a, b, c and 97 more`. */
function listNames(names: readonly string[], shownMax: number): string {
  const cut = names.length > shownMax;
  const shown = cut ? names.slice(0, shownMax) : names.slice(0, -1);
  const last = cut ? `${names.length - shownMax} more` : (names.at(-1) ?? '');
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`;
}

function chain(names: readonly string[], shownMax: number): string {
  if (names.length <= shownMax) return names.join(' → ');
  const head = names.slice(0, shownMax - 1);
  return [...head, `… (${names.length - shownMax} more)`, ...names.slice(-1)].join(' → ');
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}
