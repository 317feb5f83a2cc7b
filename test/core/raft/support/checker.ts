/** Invariants S1–S9 and S11 of PROTOCOL §9, checked after every step of every member. Throws `Violation`. */
import type { MemberId } from '../../../../src/core/lib/ids.ts';
import { isJoint, isRemoved } from '../../../../src/core/raft/config.ts';
import { quorumVote } from '../../../../src/core/raft/quorum.ts';
import type { Raft } from '../../../../src/core/raft/raft.ts';
import type { Entry, HardState, RaftEffect, RaftMessage } from '../../../../src/core/raft/types.ts';
import type { LabDisk } from './disk.ts';

export class Violation extends Error {
  override readonly name = 'Violation';
}

export interface Checked {
  readonly id: MemberId;
  readonly raft: Raft;
  readonly disk: LabDisk;
}

interface Known {
  readonly data: Uint8Array;
  readonly kind: string;
  readonly prevTerm: number;
}

export class Checker {
  readonly #members: () => Iterable<Checked>;
  readonly #leaders = new Map<number, MemberId>();
  readonly #entries = new Map<string, Known>();
  /** Term of each committed index. */
  readonly ledger: number[] = [];
  readonly #hard = new Map<MemberId, HardState>();
  readonly #commits = new Map<MemberId, number>();
  readonly #votes = new Map<string, MemberId>();
  readonly #reads = new Map<string, number>();
  commits = 0;

  constructor(members: () => Iterable<Checked>) {
    this.#members = members;
  }

  get committed(): number {
    return this.ledger.length - 1;
  }

  /** Entries that all members start with. */
  seed(entries: readonly Entry[]): void {
    let prevTerm = 0;
    this.ledger[0] = 0;
    for (const entry of entries) {
      this.#entries.set(`${entry.index}/${entry.term}`, { data: entry.data, kind: entry.kind, prevTerm });
      this.ledger[entry.index] = entry.term;
      prevTerm = entry.term;
    }
  }

  readAsked(member: Checked, id: number): void {
    this.#reads.set(`${member.id}#${id}`, this.committed);
  }

  restarted(member: Checked): void {
    this.#commits.set(member.id, member.raft.commitIndex);
    for (const key of this.#reads.keys()) if (key.startsWith(`${member.id}#`)) this.#reads.delete(key);
  }

  stepped(member: Checked, effects: readonly RaftEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'persist') for (const entry of effect.entries) this.#appended(member, entry);
    }
    for (const effect of effects) {
      if (effect.type === 'role' && effect.role === 'leader') this.#elected(member);
      else if (effect.type === 'commit') this.#committedUpTo(member, effect.index);
      else if (effect.type === 'readReady') this.#readReady(member, effect.id, effect.index);
    }
    const { raft } = member;
    this.#require(raft.commitIndex <= raft.lastIndex, `S7 ${member.id} commit ${raft.commitIndex} > last ${raft.lastIndex}`);
    if (raft.role === 'leader') this.#leaderConfigs(member);
  }

  synced(member: Checked): void {
    const before = this.#hard.get(member.id) ?? { term: 0, votedFor: '' };
    const after = member.disk.hard;
    this.#require(after.term >= before.term, `S6 ${member.id} term on disk goes back ${before.term} → ${after.term}`);
    const changed = after.term === before.term && before.votedFor !== '' && after.votedFor !== before.votedFor;
    this.#require(!changed, `S6 ${member.id} changes its vote in term ${after.term}`);
    this.#hard.set(member.id, after);
  }

  /** S8: what leaves a member is backed by its synced disk at that moment. */
  sent(member: Checked, to: MemberId, message: RaftMessage): void {
    const { disk, id } = member;
    const at = `S8 ${id}→${to} ${message.type}`;
    if (message.type !== 'preVote') this.#require(disk.hard.term >= message.term, `${at}: term ${message.term} is not synced (${disk.hard.term})`);
    if (message.type === 'voteReply' && message.granted) {
      this.#require(disk.hard.term > message.term || disk.hard.votedFor === to, `${at}: the vote is not synced`);
      const key = `${message.term}/${id}`;
      this.#require((this.#votes.get(key) ?? to) === to, `S6 ${id} votes twice in term ${message.term}`);
      this.#votes.set(key, to);
    }
    if (message.type === 'vote') this.#require(disk.hard.term > message.term || disk.hard.votedFor === id, `${at}: the own vote is not synced`);
    if (message.type === 'appendReply' && message.ok && message.term === member.raft.term) {
      const term = member.raft.termAt(message.index);
      this.#require(term === undefined || disk.holds(message.index, term), `${at}: ${message.index} is not synced`);
      this.#require(message.index <= member.raft.lastIndex, `${at}: acks ${message.index} beyond the log`);
    }
  }

  /** S2 by induction: index and term name one entry and one predecessor. */
  #appended(member: Checked, entry: Entry): void {
    const prevTerm = member.raft.termAt(entry.index - 1);
    if (prevTerm === undefined) return;
    const key = `${entry.index}/${entry.term}`;
    const known = this.#entries.get(key);
    if (known === undefined) {
      this.#entries.set(key, { data: entry.data, kind: entry.kind, prevTerm });
      if (entry.kind === 'config') this.#newConfig(member, entry);
      return;
    }
    const same = known.kind === entry.kind && known.prevTerm === prevTerm && Buffer.compare(known.data, entry.data) === 0;
    this.#require(same, `S2 ${member.id} has another entry at ${key}`);
  }

  /** S9 at the moment a leader appends a configuration. */
  #newConfig(member: Checked, entry: Entry): void {
    const { raft } = member;
    const config = entry.config!;
    let noop = 0;
    for (let index = entry.index - 1; index > raft.snapshot.index && raft.termAt(index) === raft.term; index -= 1) if (raft.entry(index)?.kind === 'noop') noop = index;
    const covered = noop === 0 && raft.snapshot.term === raft.term;
    this.#require(covered || (noop > 0 && noop <= raft.commitIndex), `S9 ${member.id} appends config ${entry.index} before the noop of term ${raft.term} is committed`);
    const previous = raft.entries(raft.snapshot.index + 1, entry.index - 1).findLast((item) => item.config !== undefined)?.config ?? raft.snapshot.config;
    const final = isJoint(previous) && !isJoint(config);
    this.#require(!final || config.voters.includes(member.id), `S9 ${member.id} appends final config ${entry.index} without itself`);
    this.#require(!(isJoint(previous) && isJoint(config)), `S9 ${member.id} appends joint on joint at ${entry.index}`);
    const back = previous.removed.find((id) => !config.removed.includes(id));
    this.#require(back === undefined, `S11 ${back} is no longer removed in config ${entry.index}`);
    const bad = [...config.voters, ...config.standbys].find((id) => isRemoved(previous, id));
    this.#require(bad === undefined, `S11 removed ${bad} returns in config ${entry.index}`);
  }

  #elected(member: Checked): void {
    const { raft } = member;
    const other = this.#leaders.get(raft.term);
    this.#require(other === undefined || other === member.id, `S1 ${other} and ${member.id} both lead term ${raft.term}`);
    this.#leaders.set(raft.term, member.id);
    const last = this.committed;
    const term = raft.termAt(last);
    this.#require(term === this.ledger[last] || (term === undefined && raft.snapshot.index >= last), `S3 leader ${member.id} of term ${raft.term} lacks committed ${last}`);
  }

  #committedUpTo(member: Checked, index: number): void {
    const { raft, id } = member;
    const before = this.#commits.get(id) ?? 0;
    this.#require(index > before, `S7 ${id} commit goes from ${before} to ${index}`);
    for (let i = Math.max(before, raft.snapshot.index) + 1; i <= index; i += 1) {
      const term = raft.termAt(i);
      this.#require(term !== undefined, `S4 ${id} commits ${i}, which it does not hold`);
      const known = this.ledger[i];
      this.#require(known === undefined || known === term, `S4 ${id} commits ${i} with term ${term}, others with ${known}`);
      if (known === undefined) this.#firstCommit(member, i, term);
    }
    this.#commits.set(id, index);
  }

  #firstCommit(member: Checked, index: number, term: number): void {
    const { raft, id } = member;
    this.#require(index === this.ledger.length, `S4 ${id} commits ${index} after ${this.committed}`);
    this.#require(raft.role !== 'leader' || raft.termAt(raft.commitIndex) === raft.term, `S7 ${id} commits an entry of an earlier term by counting`);
    const holders = new Map<MemberId, boolean>();
    for (const other of this.#members()) holders.set(other.id, other.disk.holds(index, term));
    const backed = quorumVote(raft.config, (voter) => holders.get(voter) ?? false);
    this.#require(backed === 'won', `S5 ${index}/${term} committed by ${id} is not synced on a quorum`);
    const config = raft.entry(index)?.config;
    if (config !== undefined && !isJoint(config)) this.#require([1, 3, 5].includes(config.voters.length), `S9 ${config.voters.length} voters committed at ${index}`);
    this.ledger[index] = term;
    this.commits += 1;
  }

  #leaderConfigs(member: Checked): void {
    const { raft } = member;
    // A new leader may not know yet how much of its log is committed.
    const committed = Math.max(raft.commitIndex, this.committed);
    if (raft.configIndex <= committed) return;
    let open = 0;
    for (let index = committed + 1; index <= raft.lastIndex; index += 1) if (raft.entry(index)?.config !== undefined) open += 1;
    this.#require(open <= 1, `S9 leader ${member.id} has ${open} uncommitted configs`);
  }

  #readReady(member: Checked, id: number, index: number): void {
    const asked = this.#reads.get(`${member.id}#${id}`);
    this.#require(asked !== undefined, `read ${id} of ${member.id} was never asked`);
    this.#require(index >= asked, `read ${id} of ${member.id} sees ${index}, but ${asked} was committed when it was asked`);
  }

  #require(condition: boolean, message: string): asserts condition {
    if (!condition) throw new Violation(message);
  }
}
