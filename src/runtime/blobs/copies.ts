/**
 * What modules left shall outlive the node that they ran on, and what came with a run the node that accepted it: the leader
 * has a second node keep a copy. Which one follows from the module or the run and the nodes that are there, so a new leader
 * chooses the same. Nothing waits for it, and a word that is lost is said again when a node goes.
 */
import { moduleBlobRefs, submittedFiles, type BlobRef } from '../../core/cell/files.ts';
import { moduleAt, type CellState, type ModuleRecord, type RunRecord } from '../../core/cell/state.ts';
import type { NodeId, RunNumber } from '../../core/lib/ids.ts';
import { Hasher } from '../../core/lib/hash.ts';
import type { NodeContext } from '../context.ts';

/** Nodes that shall have each file of a live run. */
const COPIES = 2;

export class Copies {
  readonly #context: NodeContext;

  constructor(context: NodeContext) {
    this.#context = context;
  }

  /** An execution of a module has ended: it left files, or a log. */
  made(state: CellState, run: RunNumber, module: number): void {
    const record = moduleAt(state, run, module);
    if (record !== undefined) this.#ensure(state, record);
  }

  /** A run has come. Who accepted it has its files, but the log does not say who that was: two nodes are told. */
  submitted(state: CellState, run: RunNumber): void {
    const record = state.runs.get(run);
    if (record !== undefined && !state.finished.has(run)) this.#ensureSubmitted(state, record);
  }

  /** A node went: what it had of live runs shall be on two nodes again. */
  lost(state: CellState, node: NodeId): void {
    for (const run of state.runs.values()) {
      if (state.finished.has(run.number)) continue;
      this.#ensureSubmitted(state, run, node);
      for (const module of run.modules) this.#ensure(state, module, node);
    }
  }

  /** @param without the node that went: what had no copy there is left alone. */
  #ensure(state: CellState, module: ModuleRecord, without?: NodeId): void {
    // Most leave neither files nor a long log.
    const refs = [...moduleBlobRefs(module)];
    if (refs.length === 0) return;
    const nodes = [...state.sessionOfNode.keys()];
    if (without !== undefined && !holders(module, [...nodes, without]).includes(without)) return;
    for (const node of holders(module, nodes)) {
      if (node !== module.nodeId) this.#keep(node, refs);
    }
  }

  /** @param without as above. */
  #ensureSubmitted(state: CellState, { runId, spec }: RunRecord, without?: NodeId): void {
    const refs = Array.from(submittedFiles(spec.params).values(), ({ cid, kind }) => ({ cid, tree: kind === 'tree' }));
    if (refs.length === 0) return;
    const nodes = [...state.sessionOfNode.keys()];
    if (without !== undefined && !ranked([...nodes, without], runId).slice(0, COPIES).includes(without)) return;
    for (const node of ranked(nodes, runId).slice(0, COPIES)) this.#keep(node, refs);
  }

  #keep(node: NodeId, refs: readonly BlobRef[]): void {
    for (const { cid, tree } of refs) this.#context.sendBlob(node, { type: 'keep', cid, tree });
  }
}

/** The node that made them, while it is there, and then those that rank highest: all that a module left is together. */
function holders({ run, index, nodeId }: ModuleRecord, nodes: readonly NodeId[]): NodeId[] {
  const others = ranked(nodes.filter((node) => node !== nodeId), run.runId, index);
  const there = nodes.find((node) => node === nodeId);
  return [...(there === undefined ? [] : [there]), ...others].slice(0, COPIES);
}

/** @param index -1 for the run itself. */
function ranked(nodes: readonly NodeId[], runId: string, index = -1): NodeId[] {
  const ranks = nodes.map((node) => ({ node, rank: new Hasher().text(runId).word(index).text(node).hex() }));
  return ranks.toSorted((a, b) => (a.rank < b.rank ? -1 : 1)).map(({ node }) => node);
}
