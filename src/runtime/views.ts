/** What people and programs see of the state: plain data, made on demand. */
import type { CellId, NodeId } from '../core/lib/ids.ts';
import { moduleName, runsNewestFirst, specOf } from '../core/cell/accessors.ts';
import { hiddenIn, shownTotal } from '../core/cell/foreach.ts';
import { modulePolicy, runPolicy } from '../core/cell/policy.ts';
import { parseRunId, runIdOf } from '../core/cell/run-id.ts';
import { countOf, isRunFinal, type CellState, type ModuleRecord, type RunRecord } from '../core/cell/state.ts';
import type { ModulePhase, RunPhase } from '../core/cell/types.ts';
import { priorityOf } from '../core/plan/explain-ahead.ts';
import type { ModulePhaseShown, ModuleView, NodeWork, RunSummary, RunView, Status } from './api.ts';
import { NODE_MODULES_SHOWN_MAX } from './limits.ts';

export function statusOfRun(phase: RunPhase): Status {
  switch (phase) {
    case 'queued':
      return 'pending';
    case 'running':
    case 'paused':
      return 'running';
    case 'succeeded':
      return 'completed';
    case 'failed':
    case 'cancelled':
      return 'failed';
  }
}

export function statusOfModule(phase: ModulePhaseShown): Status {
  switch (phase) {
    case 'waiting':
    case 'ready':
      return 'pending';
    case 'claimed':
    case 'running':
      return 'running';
    case 'succeeded':
    case 'cached':
    case 'skipped':
      return 'completed';
    case 'failed':
    case 'cancelled':
      return 'failed';
  }
}

/** A claim is assigned as soon as it is committed, so people see it as running. */
export function shownPhase(phase: ModulePhase, record?: ModuleRecord): ModulePhaseShown {
  if (phase === 'succeeded' && record !== undefined && record.reusedFrom !== 0) return 'cached';
  return phase === 'claimed' || phase === 'expanded' ? 'running' : phase;
}

export function runSummary(run: RunRecord): RunSummary {
  // One with `foreach` is not counted beside its items.
  const count = (phase: ModulePhase): number => countOf(run, phase) - hiddenIn(run, phase);
  return {
    runId: run.runId,
    shortId: run.shortId,
    name: run.spec.name,
    phase: run.phase,
    status: statusOfRun(run.phase),
    submittedAt: run.submittedAt,
    startedAt: run.startedAt,
    finishedAt: run.finishedAt,
    modules: {
      total: shownTotal(run),
      succeeded: count('succeeded'),
      failed: count('failed'),
      claimed: count('claimed'),
      ready: count('ready'),
      waiting: count('waiting'),
      cancelled: count('cancelled'),
      skipped: count('skipped'),
    },
    reason: run.reason,
    priority: runPolicy(run.spec).priority,
    paused: run.paused,
    rerunOf: run.rerunOf === 0 ? '' : runIdOf(parseRunId(run.runId).cell as CellId, run.rerunOf),
  };
}

export function nodeName(state: CellState, node: NodeId | ''): string {
  return node === '' ? '' : (state.nodeNames.get(node) ?? node.slice(-8));
}

/** @param explain why a module that is not final is where it is, in words. */
export function runView(state: CellState, run: RunRecord, explain: (module: ModuleRecord) => string): RunView {
  return { ...runSummary(run), policy: runPolicy(run.spec), params: run.spec.params, moduleList: run.modules.map((module) => moduleView(state, run, module, explain)) };
}

function moduleView(state: CellState, run: RunRecord, module: ModuleRecord, explain: (module: ModuleRecord) => string): ModuleView {
  const spec = specOf(module);
  const phase = shownPhase(module.phase, module);
  const { outcome } = module;
  const open = module.phase === 'waiting' || module.phase === 'ready' || module.phase === 'expanded';
  return {
    name: moduleName(module),
    item: module.item === -1 ? null : { of: spec.name, index: module.item },
    items: run.expansions.get(module.index)?.count ?? null,
    phase,
    status: statusOfModule(phase),
    needs: spec.needs.map((need) => run.spec.modules[need]!.name),
    node: nodeName(state, module.nodeId),
    nodeId: module.nodeId,
    attempt: module.attempt,
    losses: module.losses,
    // Of the execution that counts, which need not be the last one that was claimed.
    fence: module.acceptedFence !== 0 ? module.acceptedFence : module.fence,
    startedAt: module.startedAt,
    durationMs: outcome?.durationMs ?? 0,
    values: outcome?.values ?? {},
    exitCode: outcome?.exitCode ?? null,
    error: outcome?.error ?? null,
    tail: outcome?.tail ?? '',
    log: outcome?.log ?? null,
    earlierExecutions: module.executions.length,
    files: outcome?.files ?? {},
    holders: module.holders.map((holder) => ({ node: nodeName(state, holder), nodeId: holder, alive: state.sessionOfNode.has(holder) })),
    generation: module.generation,
    note: open && !isRunFinal(run.phase) ? [module.note, explain(module)].filter((text) => text !== '').join('; ') : module.note,
    priority: priorityOf(run.spec, spec),
    limits: modulePolicy(spec).limits,
    copy: copyView(state, module),
  };
}

function copyView(state: CellState, { hedge }: ModuleRecord): ModuleView['copy'] {
  if (hedge === null) return null;
  const { nodeId, fence, startedAt } = hedge;
  return { node: nodeName(state, nodeId), nodeId, fence, startedAt };
}

/** Longest first. */
export function nodeWork(state: CellState, node: string): NodeWork {
  const session = state.sessions.get(state.sessionOfNode.get(node as NodeId) ?? 0);
  const claims = Array.from(session?.claims ?? [], ([fence, module]) => ({ module, startedAt: module.hedge?.fence === fence ? module.hedge.startedAt : module.startedAt }));
  claims.sort((a, b) => a.startedAt - b.startedAt || a.module.run.number - b.module.run.number || a.module.index - b.module.index);
  return {
    count: claims.length,
    modules: claims.slice(0, NODE_MODULES_SHOWN_MAX).map(({ module, startedAt }) => ({ runId: module.run.runId, shortId: module.run.shortId, run: module.run.spec.name, module: moduleName(module), attempt: module.attempt, startedAt })),
  };
}

/** Newest first. */
export function listRuns(state: CellState, options: { readonly limit: number; readonly phase?: RunPhase }): RunSummary[] {
  const out: RunSummary[] = [];
  for (const run of runsNewestFirst(state)) {
    if (options.phase !== undefined && run.phase !== options.phase) continue;
    out.push(runSummary(run));
    if (out.length >= options.limit) break;
  }
  return out;
}
