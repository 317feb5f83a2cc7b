/**
 * What is promised is on disk: S5 and S8, judged against what a power cut at this very moment would leave.
 */
import type { CellId, LogIndex, MemberId, NodeId, Term } from '../../src/core/lib/ids.ts';
import { nodeOfMember } from '../../src/core/lib/ids.ts';
import type { RaftEnvelope } from '../../src/protocol/raft-codec.ts';
import type { SyncedLog } from '../synced-log.ts';
import type { Checker, NodeView, ReplicaView, Report } from './checker.ts';
import type { CellHistory, CommittedEntry, LogListener, Logs } from './logs.ts';

export class SyncChecker implements Checker, LogListener {
  readonly #report: Report;
  readonly #logs: Logs;
  readonly #nodeOf: (id: NodeId) => NodeView | undefined;
  readonly #held = new Map<string, LogIndex>();
  /** What was on the disks that a fault damaged: a member may have answered for it just before. */
  readonly #lost = new Map<string, (index: LogIndex, term: Term) => boolean>();

  constructor(report: Report, logs: Logs, nodeOf: (id: NodeId) => NodeView | undefined) {
    this.#report = report;
    this.#logs = logs;
    this.#nodeOf = nodeOf;
    logs.listen(this);
  }

  /**
   * S5: a committed entry is on the synced disk of a quorum of the configuration in force: the newest in the log. Not so
   * behind a Close: whoever applied that has left for the other cell, with the answer for what came after it on its way.
   */
  committed(node: NodeView, replica: ReplicaView, { entry }: CommittedEntry, history: CellHistory): void {
    const { config } = replica.raft;
    if (replica.state.closedFor !== '') return;
    for (const voters of [config.voters, config.outgoing]) {
      if (voters.length === 0) continue;
      const holders = voters.filter((member) => this.#holds(member, history.cell, entry.index, entry.term));
      if (2 * holders.length <= voters.length) {
        this.#report('S5', `${node.name} counts entry ${entry.index} of term ${entry.term} as committed, but only ${holders.length} of ${voters.length} voters hold it on disk`);
      }
    }
  }

  #holds(member: MemberId, cell: CellId, index: LogIndex, term: Term): boolean {
    if (this.#lost.get(`${cell} ${member}`)?.(index, term) === true) return true;
    const synced = this.#nodeOf(nodeOfMember(member))?.synced(cell);
    return synced !== undefined && synced.member === member && synced.cell === cell && synced.holds(index, term);
  }

  /** S8: an answer leaves only when what it says is synced. */
  raftSent(node: NodeView, { cell, from, to, message }: RaftEnvelope): void {
    if (message.type !== 'preVoteReply' && message.type !== 'voteReply' && message.type !== 'appendReply') return;
    const synced = node.synced(cell);
    const { term, votedFor } = synced.hard;
    // (a) the term it is stamped with
    if (message.term > term) this.#report('S8', `${node.name} answers ${to} in term ${message.term}, but its disk knows term ${term}`);
    // A later term on disk means that this answer was backed earlier and the node has moved on since.
    if (message.term !== term) return;
    // (b) a vote
    if (message.type === 'voteReply' && message.granted && votedFor !== to) this.#report('S8', `${node.name} grants ${to} its vote in term ${term}, but its disk says ${votedFor === '' ? 'nobody' : votedFor}`);
    // Rule 10: what is acknowledged is a part of the leader's own log, not merely something that stands here.
    if (message.type === 'appendReply' && message.ok) this.#agrees(node, to, message.term, message.index);
    // (c) entries, (d) a snapshot in their place
    if (message.type === 'appendReply' && message.ok && message.index > synced.lastIndex) {
      this.#report('S8', `${node.name} (${from}) acknowledges the log up to ${message.index}, but its disk ends at ${synced.lastIndex}`);
    }
  }

  #agrees(node: NodeView, to: MemberId, term: Term, index: LogIndex): void {
    const leader = this.#nodeOf(nodeOfMember(to))?.replica;
    const own = node.replica?.raft;
    if (leader === undefined || own === undefined || leader.self !== to || leader.cell !== node.replica?.cell) return;
    if (leader.raft.role !== 'leader' || leader.raft.term !== term || own.term !== term) return;
    const [here, there] = [own.entry(index)?.term, leader.raft.entry(index)?.term];
    const differs = here !== undefined && there !== undefined && here !== there;
    if (differs || index > leader.raft.lastIndex) this.#report('S8', `${node.name} acknowledges the log up to ${index} to ${to}, whose log has something else there`);
  }

  /** S5: what was committed and on this disk once stays there, by itself or in a snapshot. Called after each sync. */
  covered(cell: CellId, member: MemberId, disk: Pick<SyncedLog, 'lastIndex' | 'holds'>): void {
    const key = `${cell} ${member}`;
    if (this.#lost.has(key)) return;
    const history = this.#logs.history(cell);
    const has = (index: LogIndex): boolean => disk.holds(index, history.committedAt(index)?.entry.term ?? 0);
    const before = this.#held.get(key) ?? 0;
    if (before > 0 && !has(before)) this.#report('S5', `the disk of ${member} had all committed entries up to ${before} and now has not (it ends at ${disk.lastIndex})`);
    // A tail that was never committed, where something else was, is cut off later.
    let held = Math.min(disk.lastIndex, history.commitIndex);
    while (held > before && !has(held)) held -= 1;
    this.#held.set(key, Math.max(held, before));
  }

  diskLost(cell: CellId, member: MemberId, held: (index: LogIndex, term: Term) => boolean): void {
    this.#lost.set(`${cell} ${member}`, held);
  }

  /** S8, clients: recorded means committed. */
  acknowledged(node: NodeView, cell: CellId, index: LogIndex, term: Term): void {
    const committed = this.#logs.history(cell).committedAt(index);
    if (committed?.entry.term !== term) this.#report('S8', `${node.name} tells a client that entry ${index} of term ${term} is recorded, but it is not committed`);
  }
}
