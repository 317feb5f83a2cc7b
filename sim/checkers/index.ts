/** All checkers, driven through one probe. */
import type { CellEvent, Command, Reply } from '../../src/core/cell/types.ts';
import type { CellId, LogIndex, MemberId, NodeId, Term } from '../../src/core/lib/ids.ts';
import type { Entry } from '../../src/core/raft/types.ts';
import type { RaftEnvelope } from '../../src/protocol/raft-codec.ts';
import type { Probe } from '../../src/runtime/init.ts';
import type { Ledger } from '../ledger.ts';
import type { Applied, Checker, NodeView, Report } from './checker.ts';
import { ClaimChecker } from './claims.ts';
import type { Conditions } from './clocks.ts';
import { CopyChecker } from './copies.ts';
import { ElectionChecker } from './election.ts';
import { LeaseChecker } from './leases.ts';
import { LimitChecker } from './limits.ts';
import { LogChecker } from './log.ts';
import { Logs } from './logs.ts';
import { MembershipChecker } from './membership.ts';
import { PolicyChecker } from './policies.ts';
import { QuorumChecker } from './quorums.ts';
import { ReadChecker } from './reads.ts';
import { RequestChecker } from './requests.ts';
import { StabilityChecker } from './stability.ts';
import { StateChecker } from './state.ts';
import { SyncChecker } from './sync.ts';
import { TimingChecker } from './timing.ts';

export class Checkers {
  readonly logs: Logs;
  readonly elections: ElectionChecker;
  readonly membership: MembershipChecker;
  readonly quorums: QuorumChecker;
  readonly disks: SyncChecker;
  readonly leases: LeaseChecker;
  readonly claims: ClaimChecker;
  readonly copies: CopyChecker;
  readonly policies: PolicyChecker;
  readonly requests: RequestChecker;
  readonly states: StateChecker;
  readonly limits: LimitChecker;
  readonly stability: StabilityChecker;
  readonly timing: TimingChecker;
  /** Who wants to be called at each moment: most moments come often, and interest few. */
  #calls: Calls;
  readonly #all: Checker[];
  readonly #nodeOf: (id: NodeId) => NodeView | undefined;
  readonly #applied = new Map<CellId, number>();

  constructor(report: Report, ledger: Ledger, nodeOf: (id: NodeId) => NodeView | undefined, conditions: Conditions) {
    this.#nodeOf = nodeOf;
    this.logs = new Logs(report);
    this.elections = new ElectionChecker(report);
    this.membership = new MembershipChecker(report, this.logs, this.elections, nodeOf, conditions);
    this.claims = new ClaimChecker(report, ledger, conditions);
    this.copies = new CopyChecker(report, nodeOf, ledger);
    this.policies = new PolicyChecker(report, ledger, conditions);
    this.leases = new LeaseChecker(report, conditions);
    this.quorums = new QuorumChecker(report, this.logs, nodeOf);
    this.limits = new LimitChecker(report);
    this.requests = new RequestChecker(report);
    this.states = new StateChecker(report);
    this.disks = new SyncChecker(report, this.logs, nodeOf);
    // Elections first: who leads is known before what the leader commits is judged.
    const reads = new ReadChecker(report, this.logs);
    this.stability = new StabilityChecker(report, this.logs);
    this.timing = new TimingChecker(report, () => conditions.now());
    this.#all = [this.elections, new LogChecker(report, this.logs), this.membership, this.quorums, this.disks, this.leases, this.claims, this.copies, this.policies, this.requests, reads, this.states, this.limits, this.stability, this.timing];
    this.#calls = callsOf(this.#all);
  }

  /** Looks on as the checkers do, after them. */
  watch(watcher: Checker): void {
    this.#all.push(watcher);
    this.#calls = callsOf(this.#all);
  }

  readonly probe: Probe = {
    applied: (id, cell, entry, command, reply, events) => this.#entryApplied(id, cell, entry, command, reply, events),
    stepped: (id) => this.#stepped(id),
    sent: (id, envelope) => this.#sent(id, envelope),
    acknowledged: (id, cell, index, term) => {
      const node = this.#nodeOf(id);
      if (node === undefined) return;
      this.logs.stepped(node);
      for (const checker of this.#calls.acknowledged) checker.acknowledged(node, cell, index, term);
    },
    readAsked: (id, cell, read) => {
      const node = this.#nodeOf(id);
      if (node !== undefined) for (const checker of this.#calls.readAsked) checker.readAsked(node, cell, read);
    },
    readEnded: (id, cell, read, index) => {
      const node = this.#nodeOf(id);
      if (node !== undefined) for (const checker of this.#calls.readEnded) checker.readEnded(node, cell, read, index);
    },
    started: (id, session, fence) => {
      const node = this.#nodeOf(id);
      if (node !== undefined) for (const checker of this.#calls.started) checker.started(node, session, fence);
    },
  };

  #sent(id: NodeId, envelope: RaftEnvelope): void {
    const { type } = envelope.message;
    const node = this.#nodeOf(id);
    if (node === undefined || type === 'append' || type === 'timeoutNow') return;
    node.synced(envelope.cell);
    for (const checker of this.#calls.raftSent) checker.raftSent(node, envelope);
  }

  /** A fault took what this member had synced: what its disk shows from now on proves nothing against the node. */
  diskLost(cell: CellId, member: MemberId, held: (index: LogIndex, term: Term) => boolean): void {
    this.elections.diskLost(cell, member);
    this.disks.diskLost(cell, member, held);
    this.membership.diskLost(cell, member);
  }

  crashed(node: NodeView): void {
    for (const checker of this.#calls.crashed) checker.crashed(node);
  }

  #stepped(id: NodeId): void {
    const node = this.#nodeOf(id);
    if (node === undefined) return;
    this.elections.stepped(node);
    this.logs.stepped(node);
    for (const checker of this.#calls.stepped) if (checker !== this.elections) checker.stepped(node);
  }

  #entryApplied(id: NodeId, cell: CellId, entry: Entry, command: Command | undefined, reply: Reply | undefined, events: readonly CellEvent[]): void {
    const newest = this.#applied.get(cell) ?? 0;
    const first = entry.index > newest;
    if (first) this.#applied.set(cell, entry.index);
    const node = this.#nodeOf(id);
    if (node === undefined) return;
    const applied: Applied = { node, cell, entry, command, reply, events, first };
    for (const checker of this.#calls.applied) checker.applied(applied);
  }
}

type Calls = { readonly [Moment in keyof Checker]-?: readonly (Checker & Required<Pick<Checker, Moment>>)[] };

function callsOf(all: readonly Checker[]): Calls {
  const wanting = <Moment extends keyof Checker>(moment: Moment): readonly (Checker & Required<Pick<Checker, Moment>>)[] =>
    all.filter((checker): checker is Checker & Required<Pick<Checker, Moment>> => checker[moment] !== undefined);
  return {
    stepped: wanting('stepped'),
    applied: wanting('applied'),
    acknowledged: wanting('acknowledged'),
    started: wanting('started'),
    raftSent: wanting('raftSent'),
    readAsked: wanting('readAsked'),
    readEnded: wanting('readEnded'),
    crashed: wanting('crashed'),
  };
}
