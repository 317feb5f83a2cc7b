/** Elections: S1 and S6, the votes as they leave the node. */
import { isVoter } from '../../src/core/raft/config.ts';
import type { CellId, MemberId, NodeId, Term } from '../../src/core/lib/ids.ts';
import type { RaftEnvelope } from '../../src/protocol/raft-codec.ts';
import type { Checker, NodeView, Report } from './checker.ts';

export class ElectionChecker implements Checker {
  readonly #report: Report;
  readonly #leaders = new Map<string, MemberId>();
  readonly #votes = new Map<string, MemberId>();
  readonly #lostDisks = new Set<string>();
  readonly #diskTerms = new Map<string, { readonly term: Term; readonly votedFor: MemberId | '' }>();
  readonly #leading = new Map<NodeId, { readonly cell: CellId; readonly term: Term }>();
  /** Leaderships seen, for the figures. */
  elections = 0;

  constructor(report: Report) {
    this.#report = report;
  }

  leaderOf(cell: CellId, term: Term): MemberId | undefined {
    return this.#leaders.get(`${cell} ${term}`);
  }

  stepped(node: NodeView): void {
    const { replica } = node;
    if (replica === undefined || replica.raft.role !== 'leader') {
      this.#leading.delete(node.id);
      return;
    }
    // S1: at most one leader per cell and term.
    const { cell, raft } = replica;
    const { term } = raft;
    const known = this.#leading.get(node.id);
    if (known?.cell === cell && known.term === term) return;
    this.#leading.set(node.id, { cell, term });
    const key = `${cell} ${term}`;
    const other = this.#leaders.get(key);
    // S10: only voters are electable (rule 9), or quorums of nobody's configuration would count.
    if (!isVoter(replica.raft.config, replica.self)) this.#report('S10', `${node.name} leads term ${replica.raft.term} without a vote in its own configuration`);
    if (other === undefined) {
      this.elections += 1;
      this.#leaders.set(key, replica.self);
    } else if (other !== replica.self) this.#report('S1', `${node.name} and ${other} both lead term ${replica.raft.term} of cell ${replica.cell}`);
  }

  /** S6: nobody votes for two candidates in one term, across restarts. A candidate's Vote is a vote for itself. */
  raftSent(node: NodeView, envelope: RaftEnvelope): void {
    const { message, cell, from, to } = envelope;
    if (message.type === 'voteReply' && message.granted) this.#vote(node, cell, from, message.term, to);
    if (message.type === 'vote') this.#vote(node, cell, from, message.term, from);
  }

  #vote(node: NodeView, cell: CellId, voter: MemberId, term: Term, candidate: MemberId): void {
    const key = `${cell} ${voter} ${term}`;
    const other = this.#votes.get(key);
    if (other === undefined) this.#votes.set(key, candidate);
    else if (other !== candidate) this.#report('S6', `${node.name} votes for ${candidate} in term ${term} and had voted for ${other}`);
  }

  /** S6: what is synced never goes back, and a vote in a term never changes. Called after each sync. */
  synced(cell: CellId, member: MemberId, term: Term, votedFor: MemberId | ''): void {
    const key = `${cell} ${member}`;
    if (this.#lostDisks.has(key)) return;
    const before = this.#diskTerms.get(key);
    if (before !== undefined && term < before.term) this.#report('S6', `the disk of ${member} goes back from term ${before.term} to ${term}`);
    if (before !== undefined && term === before.term && before.votedFor !== '' && before.votedFor !== votedFor) {
      this.#report('S6', `the disk of ${member} changes its vote in term ${term} from ${before.votedFor} to ${votedFor === '' ? 'nobody' : votedFor}`);
    }
    this.#diskTerms.set(key, { term, votedFor });
  }

  diskLost(cell: CellId, member: MemberId): void {
    this.#lostDisks.add(`${cell} ${member}`);
  }
}
