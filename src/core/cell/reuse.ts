/** Modules that end without being executed: their result is there already (`cache.ts`). */
import type { NodeId, RunNumber } from '../lib/ids.ts';
import { openNeeds, specOf } from './accessors.ts';
import { cachedFor, giveKey, isCached } from './cache.ts';
import { presentHolders } from './copies.ts';
import { endModule, maybeEndRun } from './finish.ts';
import { ITEMS_PER_ENTRY_MAX } from './limits.ts';
import { editModule, editRun, setOutcome } from './mutate.ts';
import { keptOutcome } from './outcome.ts';
import { ok, refuse, type Applied } from './reply.ts';
import { moduleAt, type CellState, type ModuleRecord, type SessionRecord } from './state.ts';
import type { CellEvent, ClaimItem } from './types.ts';

/**
 * Ends a module that is ready and would be executed by that session now, if its result is known.
 * @returns whether it did.
 */
export function takeCached(state: CellState, module: ModuleRecord, session: SessionRecord, events: CellEvent[]): boolean {
  const { run } = module;
  if (!isCached(specOf(module)) || module.phase !== 'ready' || openNeeds(module) !== 0) return false;
  const source = cachedFor(state, module, session);
  if (source?.outcome == null) return false;
  // What is lost has to be made again.
  if (source.outcome.files !== undefined && presentHolders(state, source).length === 0) return false;
  const { cacheKey } = source;
  const kept = keptOutcome(module, { ...source.outcome, startedAt: state.now, durationMs: 0 });
  // The values of this run have no more room, or a list is gone over of which nobody told the digests then.
  if (!kept.outcome.ok) return false;
  if (run.startedAt === 0) editRun(state, run).startedAt = state.now;
  if (run.phase === 'queued') editRun(state, run).phase = 'running';
  setOutcome(state, module, kept.outcome, kept.valuesBytes);
  Object.assign(editModule(state, module), reused(source, state.now));
  giveKey(state, module, cacheKey);
  endModule(state, module, 'succeeded', cachedNote(state, source), events);
  maybeEndRun(state, run, events);
  return true;
}

/** What a module has of the one whose result it takes over. */
export function reused(source: ModuleRecord, now: number): { readonly nodeId: NodeId | ''; readonly reusedFrom: RunNumber; readonly startedAt: number; readonly holders: readonly NodeId[] } {
  return { nodeId: source.nodeId, reusedFrom: source.reusedFrom === 0 ? source.run.number : source.reusedFrom, startedAt: now, holders: source.holders };
}

export function cachedNote(state: CellState, { run, reusedFrom }: ModuleRecord): string {
  return `cached: its result is that of run ${reusedFrom === 0 ? run.shortId : state.runs.get(reusedFrom)?.shortId ?? run.shortId}`;
}

export function reuse(state: CellState, claims: readonly ClaimItem[]): Applied {
  if (claims.length > ITEMS_PER_ENTRY_MAX) return { reply: refuse('LIMIT_EXCEEDED', `more than ${ITEMS_PER_ENTRY_MAX} results in one entry`), events: [] };
  const events: CellEvent[] = [];
  for (const item of claims) {
    const module = moduleAt(state, item.run, item.module);
    const session = state.sessions.get(item.session);
    if (module !== undefined && session !== undefined) takeCached(state, module, session, events);
  }
  return { reply: ok, events };
}
