/**
 * How long a run and its modules will still take: from what modules say of themselves, else from the durations of
 * earlier runs. For a run the longest of its paths and its work spread over all slots, as if it had them for itself: no
 * promise, and never too long for that reason alone.
 */
import { isFinal, type CellState, type ModuleRecord, type RunRecord } from '../cell/state.ts';
import type { Fence } from '../lib/ids.ts';
import { drained } from '../lib/slice.ts';
import { expectedDurationsOf, knownDurationMs, remainingPaths } from './durations.ts';

/** How far an execution says it is; undefined = it says nothing, null = it does not know. */
export type FractionOf = (fence: Fence) => number | null | undefined;

/** @returns null when nothing is known of it. */
export function moduleEtaMs(state: CellState, module: ModuleRecord, now: number, fraction: number | null | undefined): number | null {
  const elapsed = Math.max(0, now - module.startedAt);
  if (typeof fraction === 'number' && fraction > 0) return (elapsed / fraction) * (1 - fraction);
  const expected = knownDurationMs(state, module);
  // Longer than expected already: nobody knows how much longer.
  return expected === undefined || elapsed > expected ? null : expected - elapsed;
}

/** @returns null when nothing is known of any of its modules. */
export function runEtaMs(state: CellState, run: RunRecord, now: number, fractionOf: FractionOf): number | null {
  const open = run.modules.filter(({ phase }) => !isFinal(phase));
  if (!open.some((module) => knownDurationMs(state, module) !== undefined || (module.phase === 'claimed' && typeof fractionOf(module.fence) === 'number'))) return null;
  const { eachMs: expected } = drained((slice) => expectedDurationsOf(state, run.spec, slice));
  const left = expected.slice();
  let workMs = 0;
  for (const module of run.modules) {
    const { template, item, phase } = module;
    // Its items come after it: the longest of them stands in the way, all of them are work.
    const own = isFinal(phase) || phase === 'expanded' ? 0 : phase === 'claimed' ? (moduleEtaMs(state, module, now, fractionOf(module.fence)) ?? 0) : expected[template]!;
    left[template] = item === -1 ? own : Math.max(left[template]!, own);
    workMs += own * module.requirement.milliCpu;
  }
  const remaining = remainingPaths(run.spec.modules, left, run.childStart);
  let milliSlots = 0;
  for (const { capabilities, nodeId } of state.sessions.values()) if (!state.drained.has(nodeId)) milliSlots += 1000 * capabilities.slots;
  const path = remaining.reduce((longest, each) => Math.max(longest, each), 0);
  return milliSlots === 0 ? path : Math.max(path, workMs / milliSlots);
}
