/**
 * Copies that the log does not count: what came with a run, its large bundles too, shall outlive the node that accepted it;
 * what a module printed, and what it has got so far, the node that executes it. The leader has two nodes keep them. Which
 * ones follows from the run or the module and the nodes that are there, so a new leader chooses the same. Nothing waits for
 * it. When a node goes, when the second one comes, and by a new leader, all of it is gone through again: also logs of runs that ended a short while
 * ago, since the last word of a run is as easily lost as any. A few at a time, so that nobody's heartbeat waits for it.
 */
import { broughtFiles, logRefs, type BlobRef } from '../../core/cell/files.ts';
import { isFinal, moduleAt, type CellState, type ModuleRecord, type RunRecord } from '../../core/cell/state.ts';
import type { NodeId, RunNumber } from '../../core/lib/ids.ts';
import type { NodeContext } from '../context.ts';
import type { Routine } from '../routine.ts';
import type { CopyRequests } from './copy-requests.ts';
import { COPIES_TICK_MS, LOGS_SETTLE_MS, LOOSE_AGAIN_MS, LOOSE_ASKED_MAX, LOOSE_LOOKED_MAX, LOOSE_QUEUE_MAX, LOOSE_TRIES_MAX } from './limits.ts';
import { rankedNodes } from './ranked-nodes.ts';

/** Nodes that shall have each of them while the run lives. */
const COPIES = 2;

export interface LooseCopiesInit {
  readonly context: NodeContext;
  readonly requests: Pick<CopyRequests, 'ask'>;
  readonly state: () => CellState;
}

/** What two nodes shall have. */
interface Wanted {
  readonly what: 'brought' | 'logs' | 'checkpoint';
  readonly run: RunNumber;
  /** -1 = what came with the run. */
  readonly module: number;
  readonly refs: readonly BlobRef[];
  /** Has it, as far as is known: it is one of the two. */
  readonly first: NodeId | '';
  readonly tries: number;
}

export class LooseCopies {
  readonly #init: LooseCopiesInit;
  readonly #routine: Routine;
  /** Takes back what is asked. */
  readonly #open = new Set<() => void>();
  #due: Wanted[] = [];
  /** Asked in vain, and when they are due again (monotonic ms), in that order. */
  #later: { readonly at: number; readonly wanted: Wanted }[] = [];
  #walk: Iterator<Wanted | undefined> | undefined;
  /** Nodes that went since the walk began: then what they had is gone through once more. `all`: everything is. */
  #again: Set<NodeId> | 'all' = new Set();
  #stopped = false;

  constructor(init: LooseCopiesInit) {
    this.#init = init;
    this.#routine = init.context.routine(() => COPIES_TICK_MS, () => this.#step());
  }

  stop(): void {
    this.#stopped = true;
    this.#routine.cancel();
    for (const giveUp of this.#open) giveUp();
    this.#open.clear();
  }

  /** A run has come. Who accepted it has its files, but the log does not say who that was: two nodes are told. */
  came(run: RunNumber): void {
    const { runs, finished } = this.#init.state();
    const record = runs.get(run);
    if (record !== undefined && !finished.has(run)) this.#add(broughtWith(record));
  }

  /** An execution of the module has ended: it may have left a long log. */
  ended(module: ModuleRecord): void {
    this.#add(logsOf(module));
  }

  checkpointed(module: ModuleRecord): void {
    this.#add(checkpointOf(module));
  }

  /** Of what came while there was nobody else there is one copy. */
  nodeCame(): void {
    if (this.#init.state().sessionOfNode.size <= COPIES) this.rebuild();
  }

  /** What it had shall be on two nodes again. */
  nodeWent(node: NodeId): void {
    if (this.#again !== 'all') this.#again.add(node);
    this.#routine.wake();
  }

  /** A new leader does not know what the one before it has said, and to whom in vain. */
  rebuild(): void {
    this.#again = 'all';
    this.#routine.wake();
  }

  #add(wanted: Wanted): void {
    if (wanted.refs.length === 0 || this.#stopped) return;
    if (this.#due.length < LOOSE_QUEUE_MAX) this.#due.push(wanted);
    else this.#again = 'all';
    this.#routine.wake();
  }

  /** @returns whether anything is left to do. */
  #step(): boolean {
    const now = this.#init.context.now();
    while (this.#later[0] !== undefined && this.#later[0].at <= now) this.#due.push(this.#later.shift()!.wanted);
    const due = this.#due;
    let taken = 0;
    while (taken < due.length && this.#open.size < LOOSE_ASKED_MAX) this.#ensure(due[taken++]!);
    due.splice(0, taken);
    for (let looked = 0; looked < LOOSE_LOOKED_MAX && this.#open.size < LOOSE_ASKED_MAX; looked++) {
      this.#walk ??= this.#nextWalk();
      if (this.#walk === undefined) break;
      const { value, done } = this.#walk.next();
      if (done === true) this.#walk = undefined;
      else if (value !== undefined) this.#ensure(value);
    }
    return due.length > 0 || this.#later.length > 0 || this.#open.size > 0 || this.#walk !== undefined || this.#isWalkDue;
  }

  get #isWalkDue(): boolean {
    return this.#again === 'all' || this.#again.size > 0;
  }

  #nextWalk(): Iterator<Wanted | undefined> | undefined {
    if (!this.#isWalkDue) return undefined;
    const gone = this.#again;
    this.#again = new Set();
    return this.#wantedOf(gone);
  }

  /** @param gone what had no copy there is left alone. */
  *#wantedOf(gone: ReadonlySet<NodeId> | 'all'): Generator<Wanted | undefined> {
    for (const wanted of everything(this.#init.state())) {
      const isHit = gone === 'all' || (wanted !== undefined && wanted.refs.length > 0 && this.#nodesFor(wanted, gone).some((node) => gone.has(node)));
      yield isHit && wanted !== undefined && wanted.refs.length > 0 ? wanted : undefined;
    }
  }

  /** @param more besides those that have a session. */
  #nodesFor({ run, module, first }: Wanted, more: Iterable<NodeId> = []): NodeId[] {
    const nodes = new Set([...this.#init.state().sessionOfNode.keys(), ...more]);
    return rankedNodes([...nodes], run, module).toSorted((a, b) => Number(b === first) - Number(a === first)).slice(0, COPIES);
  }

  #ensure(given: Wanted): void {
    const { context, requests, state } = this.#init;
    // There may be a newer checkpoint, another log, or no such run any more.
    const wanted = given.tries === 0 ? given : asNow(state(), given);
    if (wanted === undefined || wanted.refs.length === 0) return;
    let ends = 0;
    let worse = 0;
    const nodes = this.#nodesFor(wanted);
    for (const node of nodes) {
      const end = (isWhole: boolean): void => {
        this.#open.delete(giveUp);
        ends++;
        if (!isWhole) worse++;
        const isDueAgain = ends === nodes.length && worse > 0 && given.tries + 1 < LOOSE_TRIES_MAX && this.#later.length < LOOSE_QUEUE_MAX;
        if (isDueAgain) this.#later.push({ at: context.now() + LOOSE_AGAIN_MS, wanted: { ...wanted, tries: given.tries + 1 } });
      };
      const refs = wanted.refs.map(({ cid, tree }) => ({ cid, kind: tree ? 'tree' : 'file' }) as const);
      const giveUp = requests.ask({ node, refs, holders: wanted.first === '' ? [] : [wanted.first], check: false, urgent: false, done: (how) => end(how === 'whole') });
      this.#open.add(giveUp);
    }
  }
}

/** One after the other, with a breath after each module, whether or not it has anything. */
function* everything(state: CellState): Generator<Wanted | undefined> {
  for (const run of state.runs.values()) {
    const isOver = state.finished.has(run.number);
    if (isOver && run.finishedAt < state.now - LOGS_SETTLE_MS) {
      yield undefined;
      continue;
    }
    if (!isOver) yield broughtWith(run);
    for (const module of run.modules) {
      yield logsOf(module);
      if (module.checkpoint !== null) yield checkpointOf(module);
    }
  }
}

function asNow(state: CellState, { what, run, module }: Wanted): Wanted | undefined {
  const record = state.runs.get(run);
  if (record === undefined) return undefined;
  if (what === 'brought') return state.finished.has(run) ? undefined : broughtWith(record);
  const of = moduleAt(state, run, module);
  if (of === undefined) return undefined;
  return what === 'logs' ? logsOf(of) : checkpointOf(of);
}

function broughtWith({ number, spec }: RunRecord): Wanted {
  return { what: 'brought', run: number, module: -1, refs: Array.from(broughtFiles(spec), ({ cid, kind }) => ({ cid, tree: kind === 'tree' })), first: '', tries: 0 };
}

/** Most leave no long log. */
function logsOf(module: ModuleRecord): Wanted {
  return { what: 'logs', run: module.run.number, module: module.index, refs: [...logRefs(module)], first: module.nodeId, tries: 0 };
}

/** It shall outlive its node, or it is none. */
function checkpointOf(module: ModuleRecord): Wanted {
  const { checkpoint, nodeId } = module;
  return { what: 'checkpoint', run: module.run.number, module: module.index, refs: checkpoint === null || isFinal(module.phase) ? [] : [{ cid: checkpoint.files.cid, tree: true }], first: nodeId, tries: 0 };
}
