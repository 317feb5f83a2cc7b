/** The queue as a whole: what is paused, what waits, who holds which limits. Plain data, made on demand. */
import { hasOwnPriorities, priorityOf } from '../core/plan/explain-ahead.ts';
import { holderText } from '../core/plan/explain-reasons.ts';
import { moduleName, specOf } from '../core/cell/accessors.ts';
import { isOwnKey } from '../core/cell/foreach.ts';
import { runPolicy } from '../core/cell/policy.ts';
import { holdersOf, limitsOf } from '../core/cell/seats.ts';
import { MILLI, totalMilliCpu } from '../core/cell/matching.ts';
import { countOf, isRunFinal, moduleAt, type CellState, type ModuleRecord, type RunRecord, type Seat } from '../core/cell/state.ts';
import type { LimitView, PausedRun, PriorityView, QueueView } from './api.ts';
import { LIMIT_HOLDERS_SHOWN_MAX, LIMITS_SHOWN_MAX, PAUSED_RUNS_SHOWN_MAX } from './limits.ts';
import { nodeName } from './views.ts';

/** @param now wall ms. */
export function queueView(state: CellState, now: number): QueueView {
  const runs = [...state.runs.values()].filter((run) => !isRunFinal(run.phase));
  const total = (phase: 'waiting' | 'ready' | 'claimed'): number => runs.reduce((sum, run) => sum + countOf(run, phase), 0);
  const pausedRuns = runs.filter((run) => run.paused !== null);
  return {
    paused: state.queuePaused,
    runs: runs.length,
    pausedRunsCount: pausedRuns.length,
    pausedRuns: pausedRuns.slice(0, PAUSED_RUNS_SHOWN_MAX).map(({ runId, shortId, spec, paused }): PausedRun => ({ runId, shortId, name: spec.name, paused: paused! })),
    modules: { waiting: total('waiting'), ready: total('ready'), claimed: total('claimed') },
    priorities: priorities(runs),
    oldest: oldestReady(runs),
    slots: slots(state),
    ...limits(state, Math.max(now, state.now)),
  };
}

function priorities(runs: readonly RunRecord[]): PriorityView[] {
  const rows = new Map<number, { priority: number; waiting: number; ready: number; claimed: number }>();
  const add = (priority: number, phase: 'waiting' | 'ready' | 'claimed', count: number): void => {
    if (count === 0) return;
    const row = rows.get(priority) ?? { priority, waiting: 0, ready: 0, claimed: 0 };
    rows.set(priority, row);
    row[phase] += count;
  };
  for (const run of runs) {
    if (!hasOwnPriorities(run.spec)) for (const phase of ['waiting', 'ready', 'claimed'] as const) add(runPolicy(run.spec).priority, phase, countOf(run, phase));
    else for (const module of run.modules) if (module.phase === 'waiting' || module.phase === 'ready' || module.phase === 'claimed') add(priorityOf(run.spec, specOf(module)), module.phase, 1);
  }
  return [...rows.values()].sort((a, b) => b.priority - a.priority);
}

/** A run that came later cannot have an older one, so most are not looked at. */
function oldestReady(runs: readonly RunRecord[]): QueueView['oldest'] {
  let oldest: { readonly module: ModuleRecord; readonly since: number } | undefined;
  for (const run of runs) {
    if (countOf(run, 'ready') === 0 || (oldest !== undefined && run.submittedAt >= oldest.since)) continue;
    for (const module of run.modules) {
      if (module.phase !== 'ready') continue;
      const since = readySince(module);
      if (oldest === undefined || since < oldest.since) oldest = { module, since };
    }
  }
  if (oldest === undefined) return null;
  const { run } = oldest.module;
  return { runId: run.runId, shortId: run.shortId, module: moduleName(oldest.module), since: oldest.since };
}

/** Since its run came, or its last need was done, or its retry was due. */
function readySince(module: ModuleRecord): number {
  const { run, notBefore } = module;
  return specOf(module).needs.reduce((latest, need) => Math.max(latest, run.modules[need]!.finishedAt), Math.max(run.submittedAt, notBefore));
}

function slots(state: CellState): QueueView['slots'] {
  let [total, used] = [0, 0];
  for (const session of state.sessions.values()) {
    used += session.milliCpuUsed;
    total += state.drained.has(session.nodeId) ? session.milliCpuUsed : totalMilliCpu(session.capabilities);
  }
  return { total: total / MILLI, used: used / MILLI, free: (total - used) / MILLI };
}

function limits(state: CellState, now: number): Pick<QueueView, 'limits' | 'limitsCount'> {
  const keys = [...state.seats.keys()].filter((key) => !isOwnKey(key)).sort();
  return { limitsCount: keys.length, limits: keys.slice(0, LIMITS_SHOWN_MAX).map((key) => limitView(state, key, now)) };
}

function limitView(state: CellState, key: string, now: number): LimitView {
  const seats = holdersOf(state, key);
  // Modules may disagree; the widest of those that hold it now says most.
  const max = seats.reduce((widest, { run, module }) => {
    const record = moduleAt(state, run, module);
    return Math.max(widest, (record && limitsOf(record).find((limit) => limit.key === key)?.max) ?? 0);
  }, 0);
  return { key, max, held: seats.length, holders: seats.slice(0, LIMIT_HOLDERS_SHOWN_MAX).map((seat) => holder(state, seat, now)) };
}

function holder(state: CellState, seat: Seat, now: number): LimitView['holders'][number] {
  const record = moduleAt(state, seat.run, seat.module);
  return {
    runId: record?.run.runId ?? '',
    module: record === undefined ? '' : moduleName(record),
    node: nodeName(state, state.sessions.get(seat.session)?.nodeId ?? ''),
    text: holderText(state, seat, now),
  };
}
