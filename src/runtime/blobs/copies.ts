/**
 * What modules left shall outlive the node that they ran on: the leader has a second node keep a copy. Which one follows
 * from the module and the nodes that are there, so a new leader chooses the same. Nothing waits for it, and a
 * word that is lost is said again when a node goes.
 */
import { moduleAt, type CellState, type ModuleRecord } from '../../core/cell/state.ts';
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

  /** A module has succeeded. */
  made(state: CellState, run: RunNumber, module: number): void {
    const record = moduleAt(state, run, module);
    if (record?.outcome?.files !== undefined) this.#ensure(state, record);
  }

  /** A node went: what it had of live runs shall be on two nodes again. */
  lost(state: CellState, node: NodeId): void {
    for (const run of state.runs.values()) {
      if (state.finished.has(run.number) || run.spec.modules.every(({ files }) => files === undefined)) continue;
      for (const module of run.modules) if (module.outcome?.files !== undefined) this.#ensure(state, module, node);
    }
  }

  /** @param without the node that went: what had no copy there is left alone. */
  #ensure(state: CellState, module: ModuleRecord, without?: NodeId): void {
    const nodes = [...state.sessionOfNode.keys()];
    if (without !== undefined && !holders(module, [...nodes, without]).includes(without)) return;
    for (const node of holders(module, nodes)) {
      if (node === module.nodeId) continue;
      for (const { cid, kind } of Object.values(module.outcome?.files ?? {})) this.#context.sendBlob(node, { type: 'keep', cid, tree: kind === 'tree' });
    }
  }
}

/** The node that made them, while it is there, and then those that rank highest: all that a module left is together. */
function holders({ run, index, nodeId }: ModuleRecord, nodes: readonly NodeId[]): NodeId[] {
  const others = nodes.filter((node) => node !== nodeId).map((node) => ({ node, rank: new Hasher().text(run.runId).word(index).text(node).hex() }));
  others.sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const there = nodes.find((node) => node === nodeId);
  return [...(there === undefined ? [] : [there]), ...others.map(({ node }) => node)].slice(0, COPIES);
}
