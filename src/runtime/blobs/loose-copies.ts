/**
 * Copies that the log does not count: what came with a run, its large bundles too, shall outlive the node that accepted it, and what a module printed
 * the node that executed it. The leader has a second node keep them. Which one follows from the run or the module and the
 * nodes that are there, so a new leader chooses the same. Nothing waits for it, and a word that is lost is said again when
 * a node goes, and by a new leader: also of logs of runs that ended a short while ago, since the last word of a run is
 * as easily lost as any.
 */
import { broughtFiles, logRefs, type BlobRef } from '../../core/cell/files.ts';
import type { CellState, ModuleRecord, RunRecord } from '../../core/cell/state.ts';
import type { NodeId, RunNumber } from '../../core/lib/ids.ts';
import type { NodeContext } from '../context.ts';
import { LOGS_SETTLE_MS } from './limits.ts';
import { rankedNodes } from './ranked-nodes.ts';

/** Nodes that shall have each of them while the run lives. */
const COPIES = 2;

export class LooseCopies {
  readonly #context: NodeContext;

  constructor(context: NodeContext) {
    this.#context = context;
  }

  /** A run has come. Who accepted it has its files, but the log does not say who that was: two nodes are told. */
  came(state: CellState, run: RunNumber): void {
    const record = state.runs.get(run);
    if (record !== undefined && !state.finished.has(run)) this.#ensureSubmitted(state, record);
  }

  /** An execution of the module has ended: it may have left a long log. */
  ended(state: CellState, module: ModuleRecord): void {
    this.#ensureLogs(state, module);
  }

  /** What it had of live runs, and of those that ended lately, shall be on two nodes again. */
  nodeWent(state: CellState, node: NodeId): void {
    this.#ensureAll(state, node);
  }

  /** A new leader does not know what the one before it has said, and to whom in vain. */
  rebuild(state: CellState): void {
    this.#ensureAll(state);
  }

  #ensureAll(state: CellState, without?: NodeId): void {
    for (const run of state.runs.values()) {
      const final = state.finished.has(run.number);
      if (final && run.finishedAt < state.now - LOGS_SETTLE_MS) continue;
      if (!final) this.#ensureSubmitted(state, run, without);
      for (const module of run.modules) this.#ensureLogs(state, module, without);
    }
  }

  #ensureSubmitted(state: CellState, { number, spec }: RunRecord, without?: NodeId): void {
    const refs = Array.from(broughtFiles(spec), ({ cid, kind }) => ({ cid, tree: kind === 'tree' }));
    if (refs.length > 0) this.#ensure(state, refs, (nodes) => rankedNodes(nodes, number, -1), without);
  }

  #ensureLogs(state: CellState, module: ModuleRecord, without?: NodeId): void {
    // Most leave no long log.
    const refs = [...logRefs(module)];
    const { run, index, nodeId } = module;
    if (refs.length > 0) this.#ensure(state, refs, (nodes) => rankedNodes(nodes, run.number, index).toSorted((a, b) => Number(b === nodeId) - Number(a === nodeId)), without);
  }

  /** @param without the node that went: what had no copy there is left alone. */
  #ensure({ sessionOfNode }: CellState, refs: readonly BlobRef[], rank: (nodes: readonly NodeId[]) => NodeId[], without?: NodeId): void {
    const nodes = [...sessionOfNode.keys()];
    if (without !== undefined && !rank([...nodes, without]).slice(0, COPIES).includes(without)) return;
    for (const node of rank(nodes).slice(0, COPIES)) {
      for (const { cid, tree } of refs) this.#context.sendBlob(node, { type: 'keep', cid, tree, check: false, urgent: false, holders: [] });
    }
  }
}
