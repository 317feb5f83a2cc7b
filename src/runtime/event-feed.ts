/**
 * The history that watchers follow. Sequences are made from the log index, so that every node that holds the log gives
 * the same event the same sequence and a watcher may go on at another node.
 */
import type { LogIndex, RunNumber } from '../core/lib/ids.ts';
import type { CellState } from '../core/cell/state.ts';
import type { CellEvent } from '../core/cell/types.ts';
import type { RunEvent } from './api.ts';
import { nodeName, shownPhase } from './views.ts';

/** Events kept for those who come late or come back. */
const EVENTS_MAX = 50_000;
/** One entry never causes this many. */
const EVENTS_PER_ENTRY = 2 ** 20;

export type FeedListener = (event: RunEvent) => void;

interface Watcher {
  readonly run: RunNumber;
  readonly listener: FeedListener;
}

interface Kept {
  readonly sequence: number;
  readonly event: Extract<CellEvent, { type: 'module' | 'runSubmitted' | 'runFinal' }>;
}

export class EventFeed {
  #kept: Kept[] = [];
  readonly #watchers = new Set<Watcher>();

  /** Newest sequence given out. */
  #newest = 0;

  get newest(): number {
    return this.#newest;
  }

  push(index: LogIndex, events: readonly CellEvent[], state: CellState): void {
    for (const [position, event] of events.entries()) {
      if (event.type !== 'module' && event.type !== 'runSubmitted' && event.type !== 'runFinal') continue;
      const kept = { sequence: index * EVENTS_PER_ENTRY + position, event };
      this.#newest = kept.sequence;
      this.#kept.push(kept);
      for (const watcher of this.#watchers) {
        if (watcher.run === 0 || watcher.run === event.run) this.#give(watcher, kept, state);
      }
    }
    if (this.#kept.length > 2 * EVENTS_MAX) this.#kept = this.#kept.slice(-EVENTS_MAX);
  }

  /**
   * @param run 0 = all.
   * @param after sequence; undefined = from now on.
   * @returns ends the subscription.
   */
  watch(run: RunNumber, after: number | undefined, state: CellState, listener: FeedListener): () => void {
    const watcher: Watcher = { run, listener };
    if (after !== undefined) {
      const oldest = this.#kept[0]?.sequence ?? Infinity;
      if (after < oldest) this.#presentState(watcher, state);
      else for (const kept of this.#kept) if (kept.sequence > after && (run === 0 || kept.event.run === run)) this.#give(watcher, kept, state);
    }
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Some of what is asked for is gone: the present state takes its place, as events of one and the same sequence. */
  #presentState(watcher: Watcher, state: CellState): void {
    const runs = watcher.run === 0 ? [...state.runs.values()] : [state.runs.get(watcher.run)];
    for (const run of runs) {
      if (run === undefined) continue;
      const base = { runId: run.runId, run: run.number };
      const give = (event: Kept['event']): void => this.#give(watcher, { sequence: this.#newest, event }, state);
      give({ type: 'runSubmitted', ...base, at: run.submittedAt });
      for (const module of run.modules) {
        if (module.phase === 'waiting') continue;
        const at = module.finishedAt !== 0 ? module.finishedAt : module.startedAt;
        give({ type: 'module', ...base, module: module.index, phase: module.phase, fence: module.fence, session: module.session, attempt: module.attempt, at, note: module.note });
      }
      if (run.finishedAt !== 0) give({ type: 'runFinal', ...base, phase: run.phase, at: run.finishedAt });
    }
  }

  #give(watcher: Watcher, kept: Kept, state: CellState): void {
    watcher.listener(runEvent(kept.sequence, kept.event, state));
  }
}

function runEvent(sequence: number, event: Kept['event'], state: CellState): RunEvent {
  const run = state.runs.get(event.run);
  const common = { sequence, at: event.at, runId: event.runId, runName: run?.spec.name ?? '' };
  if (event.type !== 'module') {
    const phase = event.type === 'runSubmitted' ? 'queued' : event.phase;
    return { ...common, type: 'run', phase, module: '', node: '', attempt: 0, fence: 0, durationMs: 0, note: run?.reason ?? '' };
  }
  const record = run?.modules[event.module];
  const node = state.sessions.get(event.session)?.nodeId ?? record?.nodeId ?? '';
  return {
    ...common,
    type: 'module',
    phase: shownPhase(event.phase),
    module: run?.spec.modules[event.module]?.name ?? String(event.module),
    node: nodeName(state, node),
    attempt: event.attempt,
    fence: event.fence,
    durationMs: record?.outcome?.durationMs ?? 0,
    note: event.note,
  };
}
