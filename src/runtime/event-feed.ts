/**
 * The history that watchers follow. Sequences are made from the log index, so that every node that holds the log gives
 * the same event the same sequence and a watcher may go on at another node.
 */
import type { LogIndex, RunNumber } from '../core/lib/ids.ts';
import { moduleName } from '../core/cell/accessors.ts';
import type { CellState, RunRecord } from '../core/cell/state.ts';
import type { CellEvent, RunPhase } from '../core/cell/types.ts';
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
  /** Sequence up to which it knows everything. */
  last: number;
}

interface Kept {
  readonly sequence: number;
  readonly event: Extract<CellEvent, { type: 'module' | 'expanded' | 'hedge' | 'runSubmitted' | 'runPaused' | 'runFinal' }>;
}

export class EventFeed {
  #kept: Kept[] = [];
  /** All that happened after this sequence is kept. */
  #whole = 0;
  /** By run; 0 = those of all. */
  readonly #watchers = new Map<RunNumber, Set<Watcher>>();

  push(index: LogIndex, events: readonly CellEvent[], state: CellState): void {
    for (const [position, event] of events.entries()) {
      if (event.type !== 'module' && event.type !== 'expanded' && event.type !== 'hedge' && event.type !== 'runSubmitted' && event.type !== 'runPaused' && event.type !== 'runFinal') continue;
      const kept = { sequence: index * EVENTS_PER_ENTRY + position, event };
      this.#kept.push(kept);
      this.#tell(this.#watchers.get(0), kept, state);
      this.#tell(this.#watchers.get(event.run), kept, state);
    }
    if (this.#kept.length > 2 * EVENTS_MAX) {
      const dropped = this.#kept.splice(0, this.#kept.length - EVENTS_MAX);
      this.#whole = dropped.at(-1)!.sequence;
    }
  }

  /** The state came as a whole, from the disk or from a leader: single events are known from here on only. */
  reset(state: CellState): void {
    this.#kept = [];
    this.#whole = newestSequence(state);
    const watchers = [...this.#watchers.values()].flatMap((ofRun) => [...ofRun]);
    for (const watcher of watchers) if (watcher.last < this.#whole) this.#presentState(watcher, state);
  }

  /**
   * @param run 0 = all.
   * @param after sequence; undefined = from now on.
   * @returns ends the subscription.
   */
  watch(run: RunNumber, after: number | undefined, state: CellState, listener: FeedListener): () => void {
    // A run's number is the index of its Submit: nothing about it came before.
    const from = after === undefined ? newestSequence(state) : Math.max(after, run * EVENTS_PER_ENTRY - 1);
    const watcher: Watcher = { run, listener, last: from };
    const ofRun = this.#watchers.get(run) ?? new Set();
    this.#watchers.set(run, ofRun.add(watcher));
    if (from < this.#whole) this.#presentState(watcher, state);
    else {
      for (let position = this.#positionAfter(from); position < this.#kept.length; position += 1) {
        const kept = this.#kept[position]!;
        if (run === 0 || kept.event.run === run) this.#give(watcher, kept, state);
      }
    }
    return () => {
      ofRun.delete(watcher);
      if (ofRun.size === 0 && this.#watchers.get(run) === ofRun) this.#watchers.delete(run);
    };
  }

  #tell(watchers: Set<Watcher> | undefined, kept: Kept, state: CellState): void {
    for (const watcher of watchers ?? []) if (kept.sequence > watcher.last) this.#give(watcher, kept, state);
  }

  /** Where the kept events after a sequence begin. */
  #positionAfter(sequence: number): number {
    let [low, high] = [0, this.#kept.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#kept[middle]!.sequence > sequence) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /**
   * Some of what is asked for is gone: the present state takes its place. Only the last of these events moves the
   * watcher on, so that one who loses the connection half-way is told all of it again.
   */
  #presentState(watcher: Watcher, state: CellState): void {
    const runs = watcher.run === 0 ? [...state.runs.values()] : [state.runs.get(watcher.run)];
    const events = runs.flatMap((run) => (run === undefined ? [] : eventsOf(run)));
    const before = watcher.last;
    for (const event of events.slice(0, -1)) this.#give(watcher, { sequence: before, event }, state);
    const last = events.at(-1);
    watcher.last = newestSequence(state);
    if (last !== undefined) this.#give(watcher, { sequence: watcher.last, event: last }, state);
  }

  #give(watcher: Watcher, kept: Kept, state: CellState): void {
    watcher.last = kept.sequence;
    watcher.listener(runEvent(kept.sequence, kept.event, state));
  }
}

function runEvent(sequence: number, event: Kept['event'], state: CellState): RunEvent {
  const run = state.runs.get(event.run);
  const common = { sequence, at: event.at, runId: event.runId, runName: run?.spec.name ?? '', items: null, printed: false };
  if (event.type !== 'module' && event.type !== 'expanded' && event.type !== 'hedge') {
    const note = event.type === 'runPaused' && event.on ? (run?.paused?.reason ?? '') : (run?.reason ?? '');
    return { ...common, type: 'run', phase: phaseOf(event, run), module: '', node: '', attempt: 0, fence: 0, durationMs: 0, note };
  }
  const record = run?.modules[event.module];
  const module = record === undefined ? String(event.module) : moduleName(record);
  if (event.type === 'expanded') {
    return { ...common, type: 'module', phase: 'running', module, node: '', attempt: 0, fence: 0, durationMs: 0, note: event.count === 1 ? 'it has 1 item' : `it has ${event.count} items`, items: event.count };
  }
  const node = state.sessions.get(event.session)?.nodeId ?? record?.nodeId ?? '';
  if (event.type === 'hedge') {
    const note = [event.on ? 'a second copy was started' : 'one of two copies ended', event.note].filter((text) => text !== '').join(': ');
    return { ...common, type: 'copy', phase: 'running', module, node: nodeName(state, node), attempt: record?.attempt ?? 0, fence: event.fence, durationMs: 0, note };
  }
  return {
    ...common,
    type: 'module',
    phase: shownPhase(event.phase, record),
    module,
    node: nodeName(state, node),
    attempt: event.attempt,
    fence: event.fence,
    durationMs: record?.outcome?.durationMs ?? 0,
    note: event.note,
    printed: record?.outcome !== null && record?.outcome !== undefined && (record.outcome.tail !== '' || record.outcome.log !== undefined),
  };
}

function phaseOf(event: Exclude<Kept['event'], { type: 'module' | 'expanded' | 'hedge' }>, run: RunRecord | undefined): RunPhase {
  if (event.type === 'runFinal') return event.phase;
  if (event.type === 'runSubmitted') return 'queued';
  return event.on ? 'paused' : run?.startedAt === 0 ? 'queued' : 'running';
}

/** The last sequence that the entries applied so far can have given: all further events come after it. */
export function newestSequence(state: CellState): number {
  return state.appliedIndex === 0 ? 0 : (state.appliedIndex + 1) * EVENTS_PER_ENTRY - 1;
}

/** What a run looks like now, as events. */
function eventsOf(run: RunRecord): Array<Kept['event']> {
  const base = { runId: run.runId, run: run.number };
  const events: Array<Kept['event']> = [{ type: 'runSubmitted', ...base, at: run.submittedAt }];
  for (const module of run.modules) {
    if (module.phase === 'waiting') continue;
    const expansion = run.expansions.get(module.index);
    if (expansion !== undefined) events.push({ type: 'expanded', ...base, module: module.index, first: expansion.first, count: expansion.count, at: module.startedAt });
    if (module.phase === 'expanded') continue;
    const at = module.finishedAt !== 0 ? module.finishedAt : module.startedAt;
    events.push({ type: 'module', ...base, module: module.index, phase: module.phase, fence: module.fence, session: module.session, attempt: module.attempt, at, note: module.note });
    if (module.hedge !== null) events.push({ type: 'hedge', ...base, module: module.index, on: true, fence: module.hedge.fence, session: module.hedge.session, at: module.hedge.startedAt, note: '' });
  }
  if (run.paused !== null) events.push({ type: 'runPaused', ...base, on: true, at: run.paused.at });
  if (run.finishedAt !== 0) events.push({ type: 'runFinal', ...base, phase: run.phase, at: run.finishedAt });
  return events;
}
