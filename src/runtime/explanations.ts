/** Explanations as people and programs see them: with the run, with nodes that the leader does not know, without a leader. */
import { moduleName } from '../core/cell/accessors.ts';
import { countOf, isRunFinal, type CellState, type ModuleRecord, type RunRecord } from '../core/cell/state.ts';
import type { Explainer, Reason } from '../core/plan/explain.ts';
import type { NodeAnswer } from '../core/plan/explain-nodes.ts';
import { pauseReasons } from '../core/plan/explain-reasons.ts';
import { span } from '../core/plan/explain-words.ts';
import type { ModuleExplanation, NodeView, RunExplanation } from './api.ts';
import { shownPhase } from './views.ts';

export function moduleExplanation(module: ModuleRecord, explainer: Explainer): ModuleExplanation {
  const { run, phase } = module;
  return { runId: run.runId, shortId: run.shortId, module: moduleName(module), phase: shownPhase(phase, module), ...explainer.module(module) };
}

export function runExplanation(state: CellState, run: RunRecord, explainer: Explainer, now: number): RunExplanation {
  const { runId, shortId, phase } = run;
  if (isRunFinal(phase)) return { runId, shortId, phase, summary: `the run has ${phase === 'cancelled' ? 'been cancelled' : phase}`, groups: [] };
  const counts = `${countOf(run, 'claimed')} running, ${countOf(run, 'ready')} ready, ${countOf(run, 'waiting')} waiting for others`;
  const summary = [counts, ...pauseReasons(state, run, Math.max(now, state.now)).map(({ text }) => text)].join('; ');
  return { runId, shortId, phase, summary, groups: explainer.run(run) };
}

/** Nodes that gossip tells of and that have no session with the leader. */
export function withStrangers<E extends { readonly nodes: readonly NodeAnswer[]; readonly reasons: readonly Reason[] }>(explained: E, members: readonly NodeView[]): E {
  if (explained.reasons.some(({ code }) => code === 'executing' || code === 'items' || code === 'ended')) return explained;
  const known = new Set(explained.nodes.map(({ nodeId }) => nodeId));
  const strangers = members.filter(({ nodeId }) => !known.has(nodeId)).map(({ nodeId, name, state, lastSeenMs }): NodeAnswer => {
    const text = state === 'dead' || state === 'suspect' ? `does not answer (last heard of ${span(lastSeenMs)} ago)` : 'has no session with the leader yet';
    return { node: name, nodeId, verdict: 'silent', text };
  });
  return strangers.length === 0 ? explained : { ...explained, nodes: [...explained.nodes, ...strangers] };
}

const leaderless: Reason = { code: 'no-leader', text: 'no leader answers, so nothing is claimed' };

/** As this node last knew it, when nobody leads. */
export function withoutLeader<E extends { readonly summary: string; readonly reasons: readonly Reason[] }>(explained: E): E {
  if (explained.reasons.some(({ code }) => code === 'executing' || code === 'items' || code === 'ended')) return explained;
  const reasons = [leaderless, ...explained.reasons.filter(({ code }) => code !== 'soon')];
  return { ...explained, reasons, summary: reasons.map(({ text }) => text).join('; ') };
}
