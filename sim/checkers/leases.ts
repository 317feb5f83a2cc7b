/**
 * S25: planner leases of two leaders of one cell do not overlap, while clocks and voters keep to what the lease counts on.
 * A lease is advice (the log decides who wins), so an overlap costs refused claims, not truth: what the condition does not
 * cover is counted. Not covered are
 *
 * - clocks that differ by more than the lease allows for, and machines that slept (`clocks.ts`),
 * - the fast path: voters forget a leader whose process they found gone,
 * - a voter that started within the last E: it does not remember whom it heard before.
 */
import type { NodeId, Term } from '../../src/core/lib/ids.ts';
import type { RaftEnvelope } from '../../src/protocol/raft-codec.ts';
import type { Checker, NodeView, Report } from './checker.ts';
import type { Conditions } from './clocks.ts';

export class LeaseChecker implements Checker {
  readonly #report: Report;
  readonly #conditions: Conditions;
  /** Who leads by its own word. */
  readonly #leaders = new Map<NodeId, NodeView>();
  /** Terms that were campaigned for because the leader's process was found gone. */
  readonly #lostLeader = new Set<string>();
  /** When the present incarnation of a node was seen first. */
  readonly #boots = new Map<NodeId, { readonly boot: number; readonly at: number }>();
  readonly #judged = new Set<string>();
  /** Overlaps that the condition does not cover. */
  excused = 0;

  constructor(report: Report, conditions: Conditions) {
    this.#report = report;
    this.#conditions = conditions;
  }

  raftSent(node: NodeView, { cell, message }: RaftEnvelope): void {
    if (message.type === 'preVote' && message.lostLeader) this.#lostLeader.add(`${cell} ${node.id} ${message.term}`);
  }

  stepped(node: NodeView): void {
    if (this.#boots.get(node.id)?.boot !== node.boot) this.#boots.set(node.id, { boot: node.boot, at: this.#conditions.now() });
    if (node.replica?.raft.role !== 'leader') {
      this.#leaders.delete(node.id);
      return;
    }
    this.#leaders.set(node.id, node);
    if (this.#leaders.size > 1) for (const other of this.#leaders.values()) if (other !== node) this.#compare(node, other);
  }

  #compare(a: NodeView, b: NodeView): void {
    const [one, two] = [a.replica, b.replica];
    if (one === undefined || two === undefined || one.cell !== two.cell || one.raft.role !== 'leader' || two.raft.role !== 'leader') return;
    if (!one.mayPlan() || !two.mayPlan()) return;
    const [older, newer] = one.raft.term < two.raft.term ? [a, b] : [b, a];
    const terms = [one.raft.term, two.raft.term].sort((x, y) => x - y) as [Term, Term];
    const key = `${one.cell} ${terms.join()}`;
    if (this.#judged.has(key)) return;
    this.#judged.add(key);
    if (this.#isExcused(newer, terms[1])) this.excused += 1;
    else this.#report('S25', `${older.name} (term ${terms[0]}) and ${newer.name} (term ${terms[1]}) hold the planner lease at the same time`);
  }

  #isExcused(newer: NodeView, term: Term): boolean {
    const { electionMs, clocks } = this.#conditions;
    const now = this.#conditions.now();
    const since = now - 2 * electionMs;
    if (this.#lostLeader.has(`${newer.replica?.cell ?? ''} ${newer.id} ${term}`)) return true;
    if ([...this.#boots.values()].some(({ at }) => at >= since)) return true;
    return !clocks.hold([...this.#boots.keys()], since, now, 0);
  }
}
