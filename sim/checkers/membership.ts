/** Configurations: S9 and S11. (S10 is judged in quorums.ts.) */
import { membersOf } from '../../src/core/raft/config.ts';
import { nodeOfMember, type CellId, type LogIndex, type MemberId, type NodeId, type Term } from '../../src/core/lib/ids.ts';
import type { Config, Entry } from '../../src/core/raft/types.ts';
import type { Checker, NodeView, ReplicaView, Report } from './checker.ts';
import type { Conditions } from './clocks.ts';
import type { ElectionChecker } from './election.ts';
import type { CellHistory, CommittedEntry, LogListener, Logs, LogTrack } from './logs.ts';

const SIZES: readonly number[] = [1, 3, 5];
/** Election timeouts within which a promotee had caught up, and a little for clocks that differ. */
const CAUGHT_UP_TIMEOUTS = 1.25;
const COMMITS_KEPT = 1000;

export class MembershipChecker implements Checker, LogListener {
  readonly #report: Report;
  readonly #elections: ElectionChecker;
  readonly #nodeOf: (id: NodeId) => NodeView | undefined;
  readonly #conditions: Conditions;
  /** What was committed when, of the last while. */
  readonly #commits = new Map<CellId, { readonly at: number; readonly index: LogIndex }[]>();
  readonly #removed = new Map<CellId, Set<MemberId>>();
  /** Durable term and length of each member when its process last ended. */
  readonly #atCrash = new Map<string, { readonly term: Term; readonly lastIndex: LogIndex; readonly lastTerm: Term; readonly boot: number }>();
  /** Members whose disk a fault damaged. */
  readonly #lost = new Set<string>();
  changes = 0;

  constructor(report: Report, logs: Logs, elections: ElectionChecker, nodeOf: (id: NodeId) => NodeView | undefined, conditions: Conditions) {
    this.#report = report;
    this.#elections = elections;
    this.#nodeOf = nodeOf;
    this.#conditions = conditions;
    logs.listen(this);
  }

  appended(node: NodeView, replica: ReplicaView, track: LogTrack, entry: Entry, history: CellHistory): void {
    const { config } = entry;
    // What is committed was judged when it was new; a node that restarts shows its old log again.
    if (config === undefined || entry.kind !== 'config' || entry.index <= history.commitIndex) return;
    // S9: at most one configuration in a log is not committed.
    for (let index = Math.max(history.commitIndex, track.base) + 1; index < entry.index; index += 1) {
      if (track.entry(index)?.config !== undefined) this.#report('S9', `${node.name} has two configurations that are not committed, ${index} and ${entry.index}`);
    }
    // S9: none before the Noop of its term. Only its proposer is asked, at the moment it appends.
    if (replica.raft.role !== 'leader' || replica.raft.term !== entry.term) return;
    this.#afterNoop(node, track, entry, history);
    this.#promotees(node, config, history);
  }

  #afterNoop(node: NodeView, track: LogTrack, entry: Entry, history: CellHistory): void {
    for (let index = entry.index - 1; index > track.base; index -= 1) {
      const before = track.entry(index);
      if (before === undefined || before.term !== entry.term) break;
      if (before.kind === 'noop' && index <= history.commitIndex) return;
    }
    if (track.base < history.commitIndex && history.committedAt(track.base)?.entry.term === entry.term) return;
    this.#report('S9', `${node.name} appends configuration ${entry.index} before the Noop of term ${entry.term} is committed`);
  }

  /** S9: nobody becomes a voter who did not hold, synced, what had been committed an election timeout before. */
  #promotees(node: NodeView, config: Config, history: CellHistory): void {
    if (config.outgoing.length === 0) return;
    const before = this.#conditions.now() - CAUGHT_UP_TIMEOUTS * this.#conditions.electionMs;
    const wanted = this.#commits.get(history.cell)?.findLast(({ at }) => at <= before)?.index ?? 0;
    for (const member of config.voters) {
      if (config.outgoing.includes(member) || this.#lost.has(`${history.cell} ${member}`)) continue;
      const synced = this.#nodeOf(nodeOfMember(member))?.synced(history.cell);
      const held = synced?.member === member ? synced.lastIndex : 0;
      if (held < wanted) this.#report('S9', `${node.name} makes ${member} a voter, whose disk holds ${held} entries, though ${wanted} were committed some time ago`);
    }
  }

  #remember(cell: CellId, index: LogIndex): void {
    const at = this.#conditions.now();
    const list = this.#commits.get(cell) ?? [];
    this.#commits.set(cell, list);
    if (list.at(-1)?.at === at) list.pop();
    list.push({ at, index });
    const old = list.findLastIndex((item) => item.at <= at - CAUGHT_UP_TIMEOUTS * this.#conditions.electionMs);
    if (old > COMMITS_KEPT) list.splice(0, old);
  }

  committed(_node: NodeView, _replica: ReplicaView, { entry }: CommittedEntry, history: CellHistory): void {
    this.#remember(history.cell, entry.index);
    const { config } = entry;
    if (config === undefined) return;
    if (entry.kind === 'config') this.changes += 1;
    if (config.outgoing.length > 0) return;
    // S9: committed simple voter sets have size 1, 3 or 5, and whoever proposed one is in it.
    if (!SIZES.includes(config.voters.length)) this.#report('S9', `configuration ${entry.index} has ${config.voters.length} voters`);
    const proposer = this.#elections.leaderOf(history.cell, entry.term);
    if (proposer !== undefined && !config.voters.includes(proposer)) this.#report('S9', `configuration ${entry.index} was proposed by ${proposer}, which is not in it`);
    // S11: whoever was removed never returns.
    const removed = this.#removed.get(history.cell) ?? new Set();
    for (const member of membersOf(config)) if (removed.has(member)) this.#report('S11', `configuration ${entry.index} brings ${member} back, which was removed`);
    for (const member of removed) if (!config.removed.includes(member)) this.#report('S11', `configuration ${entry.index} forgets that ${member} was removed`);
    this.#removed.set(history.cell, new Set([...removed, ...config.removed]));
  }

  /** S11: a member id never goes back in term or length: what was durable before the end is there after the start. */
  crashed(node: NodeView): void {
    const { replica } = node;
    if (replica === undefined) return;
    const synced = node.synced(replica.cell);
    if (synced.member !== replica.self || synced.cell !== replica.cell) return;
    this.#atCrash.set(`${replica.cell} ${replica.self}`, { term: synced.hard.term, lastIndex: synced.lastIndex, lastTerm: synced.termAt(synced.lastIndex), boot: node.boot });
  }

  diskLost(cell: CellId, member: MemberId): void {
    this.#atCrash.delete(`${cell} ${member}`);
    this.#lost.add(`${cell} ${member}`);
  }

  stepped(node: NodeView): void {
    const { replica } = node;
    if (replica === undefined || this.#atCrash.size === 0) return;
    const key = `${replica.cell} ${replica.self}`;
    const before = this.#atCrash.get(key);
    if (before === undefined || before.boot === node.boot) return;
    this.#atCrash.delete(key);
    if (replica.raft.term < before.term) this.#report('S11', `${replica.self} returns in term ${replica.raft.term} and had synced term ${before.term}`);
    const { lastIndex } = replica.raft;
    const lastTerm = replica.raft.entry(lastIndex)?.term ?? replica.raft.snapshot.term;
    // A log gets shorter only where a later leader put something else.
    if (lastTerm < before.lastTerm || (lastTerm === before.lastTerm && lastIndex < before.lastIndex)) {
      this.#report('S11', `${replica.self} returns with a log up to ${lastIndex} of term ${lastTerm} and had synced ${before.lastIndex} of term ${before.lastTerm}`);
    }
  }
}
