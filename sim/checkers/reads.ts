/**
 * Reads at their root: S23 asks whether what clients saw fits one order; here each confirmed read index is compared with
 * what was committed anywhere when the read was asked for. Whoever reads there can miss nothing that had happened before.
 */
import type { CellId, LogIndex, NodeId } from '../../src/core/lib/ids.ts';
import type { Checker, NodeView, Report } from './checker.ts';
import type { Logs } from './logs.ts';

export class ReadChecker implements Checker {
  readonly #report: Report;
  readonly #logs: Logs;
  readonly #asked = new Map<NodeId, Map<number, LogIndex>>();
  readonly #boots = new Map<NodeId, number>();
  /** Reads that were confirmed. */
  confirmed = 0;

  constructor(report: Report, logs: Logs) {
    this.#report = report;
    this.#logs = logs;
  }

  readAsked(node: NodeView, cell: CellId, id: number): void {
    if (this.#boots.get(node.id) !== node.boot) {
      this.#boots.set(node.id, node.boot);
      this.#asked.set(node.id, new Map());
    }
    this.#asked.get(node.id)?.set(id, this.#logs.history(cell).commitIndex);
  }

  readEnded(node: NodeView, _cell: CellId, id: number, index: LogIndex | undefined): void {
    const asked = this.#asked.get(node.id);
    const committed = asked?.get(id);
    asked?.delete(id);
    if (index === undefined || committed === undefined) return;
    this.confirmed += 1;
    if (index < committed) this.#report('S23', `${node.name} confirms a read at entry ${index}, though ${committed} entries were committed before it was asked for`);
  }
}
