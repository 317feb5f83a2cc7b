/** States: S15, the same prefix gives the same state on every replica, also by way of snapshots. */
import { stateHash } from '../../src/core/cell/snapshot.ts';
import type { CellId, LogIndex } from '../../src/core/lib/ids.ts';
import type { Applied, Checker, NodeView, Report } from './checker.ts';

/** Every so many entries the state is hashed: it costs much more than all other checks together. */
const HASH_EVERY = 256;

export class StateChecker implements Checker {
  readonly #report: Report;
  readonly #hashes = new Map<string, { readonly hash: string; readonly node: string }>();

  constructor(report: Report) {
    this.#report = report;
  }

  applied({ node, cell, entry }: Applied): void {
    if (entry.index % HASH_EVERY === 0) this.#compare(node, cell, entry.index);
  }

  /** At the end, and whenever nodes stand still: replicas at the same index are equal. */
  compareAll(nodes: readonly NodeView[]): void {
    for (const node of nodes) if (node.replica !== undefined) this.#compare(node, node.replica.cell, node.replica.appliedIndex);
  }

  #compare(node: NodeView, cell: CellId, index: LogIndex): void {
    const state = node.replica?.state;
    if (state === undefined) return;
    const hash = stateHash(state);
    const key = `${cell} ${index}`;
    const known = this.#hashes.get(key);
    if (known === undefined) this.#hashes.set(key, { hash, node: node.name });
    else if (known.hash !== hash) this.#report('S15', `the state of ${node.name} after entry ${index} differs from that of ${known.node}`);
  }
}
