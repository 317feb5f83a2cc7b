/** Which blobs the runs of a cell refer to, asked by name: nodes without a log cannot look themselves. */
import { blobRefs } from '../../core/cell/files.ts';
import type { CellState, RunRecord } from '../../core/cell/state.ts';
import type { Json } from '../../core/cell/types.ts';
import type { Cid, LogIndex, RunNumber } from '../../core/lib/ids.ts';
import { SkeinError } from '../../errors.ts';
import { NEEDS_ASKED_MAX } from './limits.ts';

export interface Need {
  /** A run that has not ended refers to it. */
  readonly live: boolean;
  /** When the last of the runs that did ended; 0 = none has. */
  readonly finishedAt: number;
  /** It lists files, which are needed as it is. */
  readonly tree: boolean;
}

export interface NeedsAnswer {
  /** Whose answer it is: another cell knows nothing of these runs. */
  readonly cell: string;
  /** When it was founded, wall ms: of what lay here before, it cannot know what it is for. */
  readonly founded: number;
  readonly needs: readonly (readonly [Cid, Need])[];
}

/** @returns for each of the asked ones that some run refers to `[position, live, finishedAt, tree]`. */
export function answerNeeds(state: CellState, argument: Json): Json | SkeinError {
  if (!Array.isArray(argument) || argument.length > NEEDS_ASKED_MAX || !argument.every((cid) => typeof cid === 'string')) {
    return new SkeinError('REQUEST_INVALID', `what is needed of blobs is asked with at most ${NEEDS_ASKED_MAX} names`);
  }
  const index = indexOf(state);
  const needs: Json[] = [];
  for (const [position, cid] of argument.entries()) {
    const need = index.needOf(cid as Cid);
    if (need !== undefined) needs.push([position, need.live, need.finishedAt, need.tree]);
  }
  return { cell: state.cellId, founded: state.createdAt, needs };
}

const indexes = new WeakMap<CellState, NeedsIndex>();

/** Up to date. */
function indexOf(state: CellState): NeedsIndex {
  let index = indexes.get(state);
  if (index === undefined) indexes.set(state, (index = new NeedsIndex(state)));
  index.update();
  return index;
}

interface IndexedRun {
  readonly revision: LogIndex;
  /** Whether each is a list. */
  readonly refs: ReadonlyMap<Cid, boolean>;
}

/**
 * Blobs by the runs that refer to them. Each node asks about all that it has, a thousand names at a time: looking through
 * all modules of all runs for each question would keep the leader from leading. Only runs that changed are looked at again.
 */
class NeedsIndex {
  readonly #state: CellState;
  readonly #runs = new Map<RunNumber, IndexedRun>();
  readonly #byCid = new Map<Cid, Set<RunNumber>>();

  constructor(state: CellState) {
    this.#state = state;
  }

  update(): void {
    const { runs } = this.#state;
    for (const run of runs.values()) {
      if (this.#runs.get(run.number)?.revision === run.revision) continue;
      this.#forget(run.number);
      this.#add(run);
    }
    if (this.#runs.size > runs.size) for (const number of this.#runs.keys()) if (!runs.has(number)) this.#forget(number);
  }

  needOf(cid: Cid): Need | undefined {
    let need: Need | undefined;
    for (const number of this.#byCid.get(cid) ?? []) {
      const live = !this.#state.finished.has(number);
      need = joined(need, { live, finishedAt: this.#state.runs.get(number)!.finishedAt, tree: this.#runs.get(number)!.refs.get(cid)! });
    }
    return need;
  }

  #add(run: RunRecord): void {
    const refs = new Map<Cid, boolean>();
    for (const { cid, tree } of blobRefs(run)) {
      refs.set(cid, tree || refs.get(cid) === true);
      const runs = this.#byCid.get(cid);
      if (runs === undefined) this.#byCid.set(cid, new Set([run.number]));
      else runs.add(run.number);
    }
    this.#runs.set(run.number, { revision: run.revision, refs });
  }

  #forget(number: RunNumber): void {
    for (const cid of this.#runs.get(number)?.refs.keys() ?? []) {
      const runs = this.#byCid.get(cid)!;
      runs.delete(number);
      if (runs.size === 0) this.#byCid.delete(cid);
    }
    this.#runs.delete(number);
  }
}

export function joined(a: Need | undefined, b: Need): Need {
  return a === undefined ? b : { live: a.live || b.live, finishedAt: Math.max(a.finishedAt, b.finishedAt), tree: a.tree || b.tree };
}

/** @throws SkeinError FRAME_INVALID when it is no answer to these names. */
export function readNeeds(cids: readonly Cid[], answer: Json): NeedsAnswer {
  const wrong = new SkeinError('FRAME_INVALID', 'the answer about needed blobs cannot be read');
  const { cell, founded, needs } = (answer ?? {}) as Readonly<Record<string, Json | undefined>>;
  if (typeof cell !== 'string' || cell === '' || typeof founded !== 'number' || !Array.isArray(needs)) throw wrong;
  const read = needs.map((item): [Cid, Need] => {
    const [position, live, finishedAt, tree] = Array.isArray(item) ? (item as readonly Json[]) : [];
    const cid = typeof position === 'number' ? cids[position] : undefined;
    if (cid === undefined || typeof live !== 'boolean' || typeof finishedAt !== 'number' || typeof tree !== 'boolean') throw wrong;
    return [cid, { live, finishedAt, tree }];
  });
  return { cell, founded, needs: read };
}
