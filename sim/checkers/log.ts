/** Logs: S3. (S2, S4 and S7 are seen while the logs are followed, in logs.ts.) */
import type { CellId, NodeId, Term } from '../../src/core/lib/ids.ts';
import type { Checker, NodeView, Report } from './checker.ts';
import type { Logs } from './logs.ts';

export class LogChecker implements Checker {
  readonly #report: Report;
  readonly #logs: Logs;
  /** Leadership already judged, per node. */
  readonly #judged = new Map<NodeId, { readonly cell: CellId; readonly term: Term; readonly boot: number }>();

  constructor(report: Report, logs: Logs) {
    this.#report = report;
    this.#logs = logs;
  }

  /** S3: every entry that was committed in an earlier term is in the log of each later leader. */
  stepped(node: NodeView): void {
    const { replica } = node;
    if (replica === undefined || replica.raft.role !== 'leader') return;
    const { cell, raft } = replica;
    const known = this.#judged.get(node.id);
    const track = this.#logs.track(node.id);
    if (track === undefined || (known?.cell === cell && known.term === raft.term && known.boot === node.boot)) return;
    this.#judged.set(node.id, { cell, term: raft.term, boot: node.boot });
    const history = this.#logs.history(cell);
    let index = history.commitIndex;
    while (index > 0 && (history.committedAt(index)?.committedIn ?? 0) >= raft.term) index -= 1;
    const own = index < track.base ? history.prefixAt(index) : track.prefixAt(index);
    if (own !== history.prefixAt(index)) {
      this.#report('S3', `${node.name} leads term ${raft.term} with a log up to ${raft.lastIndex} that lacks entries committed before, up to ${index}`);
    }
  }
}
