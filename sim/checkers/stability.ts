/**
 * What must not happen although nothing forbids it: L8, an election or a change of members in a quiet healthy cluster, and
 * L10, an election because one link broke. Both are asked for a time, by whoever knows that the cluster is in that state.
 */
import type { CellId, Term } from '../../src/core/lib/ids.ts';
import type { Entry } from '../../src/core/raft/types.ts';
import type { Checker, NodeView, ReplicaView, Report } from './checker.ts';
import type { LogListener, Logs } from './logs.ts';

interface Watch {
  readonly invariant: 'L8' | 'L10';
  readonly why: string;
  /** At the beginning, by cell. */
  readonly terms: Map<CellId, Term>;
}

export class StabilityChecker implements Checker, LogListener {
  readonly #report: Report;
  #watch: Watch | undefined;

  constructor(report: Report, logs: Logs) {
    this.#report = report;
    logs.listen(this);
  }

  /** From now on this is demanded. @param nodes all of them, for the terms that they are in. */
  demand(invariant: 'L8' | 'L10', why: string, nodes: readonly NodeView[]): void {
    const terms = new Map<CellId, Term>();
    for (const { replica } of nodes) if (replica !== undefined) terms.set(replica.cell, Math.max(terms.get(replica.cell) ?? 0, replica.raft.term));
    this.#watch = { invariant, why, terms };
  }

  /** The cluster is not in that state any more. */
  release(): void {
    this.#watch = undefined;
  }

  stepped(node: NodeView): void {
    const watch = this.#watch;
    if (watch === undefined || node.replica === undefined) return;
    const { cell, raft } = node.replica;
    const before = watch.terms.get(cell) ?? 0;
    if (raft.term > before) this.#report(watch.invariant, `${node.name} moves from term ${before} to ${raft.term}, though ${watch.why}`);
  }

  appended(node: NodeView, _replica: ReplicaView, _track: unknown, entry: Entry): void {
    if (this.#watch?.invariant === 'L8' && entry.kind === 'config') this.#report('L8', `${node.name} appends configuration ${entry.index}, though ${this.#watch.why}`);
  }
}
