/**
 * Which cell this node works for, and who leads it: seek, found, join, give way, go over (PROTOCOL §4, §7). Takes
 * beacons and hints in, tells worker and host what follows.
 */
import type { CellId, NodeId } from '../core/lib/ids.ts';
import { nodeOfMember } from '../core/lib/ids.ts';
import { isSenior } from '../core/cells/rank.ts';
import type { Beacon, CellSighting, Contact, LeaderHint } from '../protocol/messages.ts';
import type { CellPhase } from './api.ts';
import type { CellHost } from './cell-host.ts';
import type { NodeContext } from './context.ts';
import type { Discovery } from './discovery.ts';
import type { Worker } from './worker.ts';

/** A member of an unestablished, leaderless cell waits this long in sight of another one before it goes over. */
const ABANDON_AFTER_MS = 5000;
const HINT_ADDRESSES_MAX = 16;

export interface CellFinderParts {
  readonly host: CellHost;
  readonly worker: Worker;
  readonly discovery: Discovery;
}

export class CellFinder {
  readonly #context: NodeContext;
  readonly #parts: () => CellFinderParts;
  /** '' while the node seeks. */
  #cell: CellId | '' = '';
  #hint: LeaderHint = { cell: '', node: '', addresses: [] };
  #seekingSince: number;
  #leaderSeenAt: number;
  #otherSeenSince: number | undefined;
  #closing = false;
  #stopping = false;

  /** @param parts asked for when needed: host and worker are made with hooks that lead here. */
  constructor(context: NodeContext, parts: () => CellFinderParts) {
    this.#context = context;
    this.#parts = parts;
    this.#seekingSince = context.now();
    this.#leaderSeenAt = context.now();
  }

  get cell(): CellId | '' {
    return this.#cell;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  get phase(): CellPhase {
    const { host, worker } = this.#parts();
    if (this.#stopping) return 'stopping';
    if (host.damaged !== undefined && worker.sessionId === 0) return 'damaged';
    if (this.#cell === '') return 'seeking';
    if (this.#context.now() - this.#leaderSeenAt > this.#context.timing.stalledMs) return 'stalled';
    if (worker.sessionId === 0) return 'joining';
    return host.isMember ? 'member' : 'worker';
  }

  /** The node goes: it announces it and neither joins nor founds any more. */
  stop(): void {
    this.#stopping = true;
    this.#parts().discovery.publishIfChanged();
  }

  // ── Who leads ──────────────────────────────────────────────────────────────────────────────────────────────────

  target(): { readonly cell: CellId | ''; readonly node: NodeId | '' } {
    const { host } = this.#parts();
    if (this.#cell === '') return { cell: '', node: '' };
    // The log's own word while it is fresh; a member that was left out of the configuration hears of it by hints only.
    const leader = host.replica?.raft.leader ?? '';
    if (leader !== '' && host.hearsLeader()) return { cell: this.#cell, node: nodeOfMember(leader) };
    if (this.#hint.cell === this.#cell && this.#hint.node !== this.#context.self) return { cell: this.#cell, node: this.#hint.node };
    return { cell: this.#cell, node: '' };
  }

  leaderHint(): LeaderHint {
    const { node } = this.target();
    const { transport } = this.#context.ports;
    if (node === '') return { cell: this.#cell, node, addresses: [] };
    const addresses = node === this.#context.self ? transport.addresses() : transport.addressesOf(node);
    return { cell: this.#cell, node, addresses: addresses.slice(0, HINT_ADDRESSES_MAX) };
  }

  /** What this node's beacon says of its cell. Without the log it names the cell only and repeats nobody's word. */
  sighting(): CellSighting | null {
    const { host, discovery } = this.#parts();
    if (this.#cell === '') return null;
    const replica = host.replica;
    if (replica === undefined || replica.state.cellId !== this.#cell) {
      const known = discovery.leaderOf(this.#cell);
      return { id: this.#cell, createdAt: known?.createdAt ?? 0, established: known?.established ?? true, term: 0, leader: '', leaderAddresses: [] };
    }
    const { createdAt, established, closedFor } = replica.state;
    // A cell that has given way takes nobody any more, so it invites nobody.
    const { node, addresses } = host.hearsLeader() && closedFor === '' ? this.leaderHint() : { node: '' as const, addresses: [] };
    return { id: this.#cell, createdAt, established, term: replica.raft.term, leader: node, leaderAddresses: addresses };
  }

  hinted(hint: LeaderHint): void {
    if (hint.cell === '' || hint.cell !== this.#cell || hint.node === '') return;
    if (hint.node !== this.#context.self && hint.addresses.length > 0) this.#context.ports.transport.learn(hint.node, hint.addresses);
    this.#hint = hint;
    this.followLeader();
  }

  /** The leader answered a keepalive. */
  contacts(contacts: readonly Contact[]): void {
    this.#leaderSeenAt = this.#context.now();
    for (const { node, addresses } of contacts) {
      if (node !== this.#context.self && addresses.length > 0) this.#context.ports.transport.learn(node, addresses);
    }
  }

  followLeader(): void {
    const { cell, node } = this.target();
    const { worker, discovery } = this.#parts();
    worker.follow(cell, node);
    discovery.publishIfChanged();
  }

  // ── Joining ────────────────────────────────────────────────────────────────────────────────────────────────────

  heard(beacon: Beacon): void {
    const { host, discovery } = this.#parts();
    const { cell } = beacon;
    if (cell === null) return;
    if (cell.id === this.#cell && cell.leader !== '' && !host.hearsLeader()) {
      const known = discovery.leaderOf(cell.id);
      if (known !== undefined) this.#hintedBy(known);
    }
    if (this.#cell === '') this.#maybeJoin();
    else if (cell.id !== this.#cell && cell.leader !== '') this.#maybeClose(cell);
  }

  #hintedBy({ id, leader, leaderAddresses }: CellSighting): void {
    this.hinted({ cell: id, node: leader, addresses: leaderAddresses });
  }

  adopt(cell: CellId | ''): void {
    this.#cell = cell;
    this.#hint = { cell: '', node: '', addresses: [] };
    this.#seekingSince = this.#context.now();
    this.#leaderSeenAt = this.#context.now();
    this.#otherSeenSince = undefined;
    this.#closing = false;
    this.followLeader();
  }

  /** What is being founded is adopted first, and then gives way like any younger cell: two cells at once would mix. */
  #maybeJoin(): void {
    if (this.#parts().host.founding) return;
    const best = this.#parts().discovery.bestCell('');
    if (best !== undefined && !this.#stopping) this.#join(best);
  }

  #join(sighting: CellSighting): void {
    this.#context.note('info', 'cell-joining', `found cell ${sighting.id.slice(0, 8)}, led by ${sighting.leader.slice(-8)}`, { cell: sighting.id });
    this.adopt(sighting.id);
    this.#hintedBy(sighting);
  }

  // ── Giving way ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Two founders: a cell in which nothing was ever submitted gives way to a senior one (PROTOCOL §7). */
  #maybeClose(other: CellSighting): void {
    const { leader, replica } = this.#parts().host;
    const state = replica?.state;
    if (leader === undefined || replica === undefined || state === undefined || this.#closing || state.established || state.closedFor !== '' || !replica.mayPlan()) return;
    const { createdAt, established } = state;
    if (!isSenior(other, { id: replica.cell, createdAt, established })) return;
    this.#closing = true;
    this.#context.note('info', 'cell-closing', `cell ${replica.cell.slice(0, 8)} has no runs and gives way to ${other.id.slice(0, 8)}`, { senior: other.id });
    leader.command([{ type: 'close', now: leader.stamp(), senior: other.id }], () => {
      this.#closing = false;
    });
  }

  /** Close is committed. The leader stays a moment, so that its followers learn of it. */
  closed(senior: CellId): void {
    const closed = this.#cell;
    this.#parts().discovery.publishIfChanged();
    const delay = this.#parts().host.leader === undefined ? 0 : 5 * this.#context.timing.heartbeatMs;
    this.#context.after(delay, () => {
      if (this.#cell === closed) this.#goOver(senior);
    });
  }

  /** The leader does not take this node's session. */
  refused(code: string): void {
    if (code === 'MEMBER_REMOVED') {
      this.#context.note('warn', 'member-removed', 'this disk was evicted from the cell and joins again as a new member');
      this.#parts().host.renewStorage(() => this.followLeader());
    } else if (code === 'CELL_CLOSED') {
      this.#goOver('');
    }
  }

  /** Leaves the present cell behind, with its files, for another one or for a new search. */
  #goOver(to: CellId | ''): void {
    this.#parts().host.renewStorage(() => {
      this.adopt('');
      const sighting = to === '' ? undefined : this.#parts().discovery.leaderOf(to);
      if (sighting === undefined) this.#maybeJoin();
      else this.#join(sighting);
    });
  }

  // ── Time ───────────────────────────────────────────────────────────────────────────────────────────────────────

  tick(): void {
    const now = this.#context.now();
    if (this.#parts().host.hearsLeader()) this.#leaderSeenAt = now;
    this.followLeader();
    if (this.#stopping) return;
    if (this.#cell === '') this.#seek(now);
    else this.#maybeAbandon(now);
  }

  #seek(now: number): void {
    const { host, discovery } = this.#parts();
    this.#maybeJoin();
    if (this.#cell !== '' || !this.#context.init.vote || host.busy || host.damaged !== undefined) return;
    const { seekMs, seekStepMs, stalledMs } = this.#context.timing;
    // Somebody names a cell that nobody leads at the moment: most likely it elects.
    const patience = discovery.seesCell() ? stalledMs : seekMs;
    const wait = discovery.lowestSeeker() ? patience : patience + seekStepMs;
    if (now - this.#seekingSince >= wait) host.found();
  }

  /**
   * Nobody leads the cell we know and another one is in sight. A worker without a log simply goes over; a member does so
   * only when, as far as its own log says, nothing was ever submitted here (it then returns as a new member).
   */
  #maybeAbandon(now: number): void {
    const { host, discovery } = this.#parts();
    const { electionMs, sessionTtlMs } = this.#context.timing;
    const replica = host.replica;
    const leaderless = now - this.#leaderSeenAt > 3 * electionMs + sessionTtlMs / 2;
    const other = leaderless ? discovery.bestCell(this.#cell) : undefined;
    const mayGo = replica === undefined || replica.state.cellId === '' || !replica.state.established;
    if (this.#cell === '' || other === undefined || !mayGo || host.busy || discovery.leaderOf(this.#cell) !== undefined) {
      this.#otherSeenSince = undefined;
      return;
    }
    this.#otherSeenSince ??= now;
    if (now - this.#otherSeenSince < (replica === undefined ? electionMs : ABANDON_AFTER_MS)) return;
    this.#context.note('info', 'cell-abandoned', `nobody leads cell ${this.#cell.slice(0, 8)}; going over to ${other.id.slice(0, 8)}`);
    this.#goOver(other.id);
  }
}
