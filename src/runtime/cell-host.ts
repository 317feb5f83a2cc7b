/**
 * What of a cell lives on this node's disk: its log and state when this node is a member, the leader's duties while it
 * leads. Decides nothing about which cell to be in; that is the runtime's.
 */
import type { CellId, LogIndex, MemberId, NodeId } from '../core/lib/ids.ts';
import { isMemberOf, memberId, nodeOfMember } from '../core/lib/ids.ts';
import type { CellState } from '../core/cell/state.ts';
import type { CellEvent } from '../core/cell/types.ts';
import type { Config, Entry } from '../core/raft/types.ts';
import { isSkeinError } from '../errors.ts';
import { encodeCommand } from '../protocol/command-codec.ts';
import type { BulkMessage, Contact, LeaderHint } from '../protocol/messages.ts';
import type { RaftEnvelope } from '../protocol/raft-codec.ts';
import { Autopilot, type AutopilotHooks } from './autopilot.ts';
import type { NodeContext } from './context.ts';
import { Leader, type LeaderHooks } from './leader.ts';
import { Links } from './links.ts';
import { RaftMail } from './raft-mail.ts';
import { Replica } from './replica.ts';
import { restoreImage } from './snapshot-image.ts';
import { SnapshotReceiver, SnapshotSender } from './snapshot-transfer.ts';
import { DiskGuard } from './storage/disk-guard.ts';
import { readIdentityOf, wipeStorage, writeIdentity, type StorageIdentity } from './storage/identity.ts';
import { LogStore } from './storage/log-store.ts';
import { recoverLog, type Damage, type Recovered } from './storage/recover.ts';

const QUIET_POLL_MS = 10;

export interface CellHostHooks extends Pick<LeaderHooks, 'requests'>, AutopilotHooks {
  applied(index: LogIndex, events: readonly CellEvent[]): void;
  /** The state came as a whole, from the disk or from a leader, without the events that made it. */
  replaced(state: CellState): void;
  role(): void;
  /** This node founded the cell. */
  adopted(cell: CellId): void;
  /** Is this the cell that the node works for? Only that one's log may be created here. */
  worksFor(cell: CellId): boolean;
}

export class CellHost {
  readonly #context: NodeContext;
  readonly #hooks: CellHostHooks;
  readonly #guard: DiskGuard;
  readonly #links: Links;
  #identity: Omit<StorageIdentity, 'nodeId'> = { storageId: '', cellId: '' };
  #replica: Replica | undefined;
  #leader: Leader | undefined;
  #autopilot: Autopilot | undefined;
  #sender: SnapshotSender | undefined;
  #receiver: SnapshotReceiver | undefined;
  #damaged: Damage | undefined;
  /** Files are being written or removed that must be whole before anything else happens here. */
  #busy = false;
  #founding = false;
  #diskStalled = false;
  #leaderHeardAt = -Infinity;

  constructor(context: NodeContext, hooks: CellHostHooks) {
    this.#context = context;
    this.#hooks = hooks;
    this.#guard = new DiskGuard((error) => context.ports.fatal(error));
    this.#links = new Links(context, () => this.#replica);
  }

  get cell(): CellId | '' {
    return this.#identity.cellId;
  }

  get replica(): Replica | undefined {
    return this.#replica;
  }

  get leader(): Leader | undefined {
    return this.#leader;
  }

  get autopilot(): Autopilot | undefined {
    return this.#autopilot;
  }

  get damaged(): Damage | undefined {
    return this.#damaged;
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** The files of a new cell are being written: it will be adopted in a moment. */
  get founding(): boolean {
    return this.#founding;
  }

  /** '' while this disk may not hold a log. */
  get member(): MemberId | '' {
    const { storageId } = this.#identity;
    return storageId === '' || this.#damaged !== undefined || !this.#context.init.vote ? '' : memberId(this.#context.self, storageId);
  }

  /** What the node's session says: undefined until the disk has its id, so that no session is opened too early. */
  get memberToOffer(): MemberId | '' | undefined {
    const { member } = this;
    return member === '' && this.#context.init.vote && this.#damaged === undefined ? undefined : member;
  }

  /** In the latest configuration, as voter or standby. */
  get isMember(): boolean {
    const { member } = this;
    const config = this.#replica?.config;
    return config !== undefined && member !== '' && [...config.voters, ...config.outgoing, ...config.standbys].includes(member);
  }

  hearsLeader(): boolean {
    return this.#replica?.raft.hearsLeader(this.#context.now()) ?? false;
  }

  /** How long ago this member last heard a leader, itself included. */
  get leaderSilentMs(): number {
    return this.#context.now() - this.#leaderHeardAt;
  }

  // ── Start and end ──────────────────────────────────────────────────────────────────────────────────────────────

  recover(): void {
    const { disk } = this.#context.ports;
    let identity: StorageIdentity | undefined;
    let recovered: Recovered;
    try {
      identity = readIdentityOf(this.#context.self, disk);
      recovered = recoverLog(disk);
    } catch (error) {
      if (!isSkeinError(error, 'LOG_DAMAGED')) throw error;
      this.#setDamaged({ file: typeof error.data['file'] === 'string' ? error.data['file'] : 'identity', offset: 0, reason: error.message });
      return;
    }
    if (identity === undefined) return; // a log without identity is wiped when a new identity is written
    this.#identity = identity;
    if (recovered.damage !== undefined) this.#setDamaged(recovered.damage);
    else if (identity.cellId !== '' && !recovered.empty) this.#open(recovered);
  }

  #setDamaged(damage: Damage): void {
    this.#damaged = damage;
    this.#context.note('error', 'log-damaged', `The log on this disk cannot be used (${damage.file}, byte ${damage.offset}: ${damage.reason}), and it does not vote any more. Its node joins the cluster again as a new member as soon as it finds the cell; the files are kept until then.`, { ...damage });
  }

  start(): void {
    this.#replica?.start();
    if (this.#identity.storageId === '' && this.#damaged === undefined) this.renewStorage(() => {});
  }

  stop(): void {
    this.#dismiss();
    this.#sender?.stop();
    this.#replica?.stop();
  }

  #open(recovered: Recovered): void {
    const { cellId } = this.#identity;
    const member = this.member;
    if (cellId === '' || member === '') return;
    const mail = new RaftMail(this.#context, cellId, member);
    const log = this.#store(recovered);
    let replica: Replica;
    try {
      replica = new Replica({
        context: this.#context,
        self: member,
        cell: cellId,
        log,
        recovered,
        hooks: {
          send: (to, message) => mail.send(to, message),
          applied: (index, events) => {
            mail.committed(events);
            this.#applied(index, events);
          },
          replaced: (state) => this.#hooks.replaced(state),
          role: (role) => this.#role(role),
          redial: (peer) => this.#links.redial(peer),
          sendSnapshot: (to) => this.#sender?.send(to),
          alarm: (bad, reason) => this.#autopilot?.alarm(bad, reason),
        },
      });
    } catch (error) {
      if (!isSkeinError(error, 'LOG_DAMAGED')) throw error;
      this.#setDamaged({ file: 'snapshot', offset: 0, reason: error.message });
      return;
    }
    this.#replica = replica;
    this.#hooks.replaced(replica.state);
    this.#sender = new SnapshotSender(this.#context, replica);
    this.#receiver = new SnapshotReceiver(this.#context, cellId, member);
  }

  #store(recovered: Recovered): LogStore {
    const { ports, init } = this.#context;
    const segmentBytes = init.storage?.segmentBytes;
    return new LogStore({ disk: ports.disk, clock: ports.clock, recovered, fatal: (error) => ports.fatal(error), ...(segmentBytes === undefined ? {} : { segmentBytes }) });
  }

  /** Founds a cell with this node as its only voter: writes Genesis, then starts as if recovered from it. */
  found(): void {
    const { random, clock, disk } = this.#context.ports;
    if (this.#busy || this.#replica !== undefined || this.member === '') return;
    this.#busy = true;
    this.#founding = true;
    const cell = hex(random.bytes(16)) as CellId;
    const self = this.member;
    this.#setIdentity({ storageId: this.#identity.storageId, cellId: cell }, () => {
      const config: Config = { voters: [self], outgoing: [], standbys: [], removed: [] };
      const data = encodeCommand({ type: 'genesis', cellId: cell, clusterName: this.#context.init.clusterName, createdAt: clock.wall(), founder: this.#context.self });
      const genesis: Entry = { index: 1, term: 1, kind: 'genesis', config, data };
      const log = this.#store(recoverLog(disk));
      log.persist({ hard: { term: 1, votedFor: self }, entries: [genesis] }, () => {
        this.#busy = false;
        this.#founding = false;
        this.#context.note('info', 'cell-founded', `nobody answered: founded cell ${cell.slice(0, 8)}`, { cell });
        this.#open(recoverLog(disk));
        this.#hooks.adopted(cell);
        this.#replica?.start();
      });
    });
  }

  /** The first word of a leader that wants this node to hold the log. */
  #join(cell: CellId): void {
    if (this.#busy || this.#replica !== undefined || this.member === '' || !this.#hooks.worksFor(cell)) return;
    this.#busy = true;
    this.#setIdentity({ storageId: this.#identity.storageId, cellId: cell }, () => {
      this.#busy = false;
      if (!this.#hooks.worksFor(cell)) return;
      this.#open(recoverLog(this.#context.ports.disk));
      this.#replica?.start();
    });
  }

  #setIdentity(identity: Omit<StorageIdentity, 'nodeId'>, done: () => void): void {
    const { disk } = this.#context.ports;
    const write = (): void => {
      writeIdentity(disk, this.#guard, { nodeId: this.#context.self, ...identity }, () => {
        this.#identity = identity;
        if (!this.#context.stopped) done();
      });
    };
    if (recoverLog(disk).empty) write();
    else wipeStorage(disk, this.#guard, write);
  }

  /**
   * Drops the log of the present cell, if there is one, with all its files: this disk is a new, empty member from now
   * on. While files are being written for another reason nothing happens, and whoever asked will ask again.
   */
  renewStorage(done: () => void): void {
    if (this.#busy) return;
    this.#busy = true;
    this.stop();
    const before = this.#replica;
    this.#replica = undefined;
    this.#sender = undefined;
    this.#receiver = undefined;
    const { disk, random } = this.#context.ports;
    const wipe = (): void => {
      wipeStorage(disk, this.#guard, () => {
        this.#damaged = undefined;
        this.#identity = { storageId: '', cellId: '' };
        this.#setIdentity({ storageId: hex(random.bytes(8)), cellId: '' }, () => {
          this.#busy = false;
          done();
        });
      });
    };
    // A write that is still under way would bring a removed file back to life.
    const whenQuiet = (): void => {
      if (before === undefined || before.quiet) wipe();
      else this.#context.after(QUIET_POLL_MS, whenQuiet);
    };
    whenQuiet();
  }

  // ── Messages ───────────────────────────────────────────────────────────────────────────────────────────────────

  raft(from: NodeId, envelope: RaftEnvelope): void {
    const replica = this.#replica;
    if (!isMemberOf(envelope.from, from) || envelope.to !== (replica?.self ?? this.member)) return; // another disk of this node, or a liar
    if (replica === undefined) {
      if (envelope.message.type === 'append') this.#join(envelope.cell);
      return;
    }
    if (envelope.cell === replica.cell) replica.receive(envelope.from, envelope.message);
  }

  bulk(from: NodeId, message: BulkMessage): void {
    const replica = this.#replica;
    if (replica === undefined || message.cell !== replica.cell || message.to !== replica.self || !isMemberOf(message.from, from)) return;
    if (message.type === 'snapshotReply') {
      this.#sender?.answered(message.from, message.index, message.next);
      return;
    }
    const arrived = this.#receiver?.receive(from, message, replica.appliedIndex);
    if (arrived === undefined) return;
    try {
      const state = restoreImage(arrived.sections, this.#context.init.mutants);
      replica.installSnapshot(message.from, message.term, arrived.meta, arrived.sections, state);
    } catch (error) {
      if (!isSkeinError(error, 'LOG_DAMAGED')) throw error;
      this.#context.note('error', 'snapshot-refused', `a snapshot from ${from} cannot be read: ${error.message}`, { from });
    }
  }

  // ── Role ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #role(role: string): void {
    if (role !== 'leader') this.#dismiss();
    this.#hooks.role();
  }

  #applied(index: LogIndex, events: readonly CellEvent[]): void {
    const replica = this.#replica!;
    this.#leader?.applied(index, events);
    if (this.#leader === undefined && replica.leads && replica.raft.termAt(index) === replica.raft.term) this.#lead(replica);
    this.#hooks.applied(index, events);
  }

  /** The Noop of this term is applied: what earlier leaders committed is known here now. */
  #lead(replica: Replica): void {
    this.#context.note('info', 'leader-elected', `leads cell ${replica.cell.slice(0, 8)} in term ${replica.raft.term}`, { term: replica.raft.term });
    this.#leader = new Leader(this.#context, replica, { contacts: () => this.#contacts(), requests: this.#hooks.requests, hint: () => this.#hint() });
    this.#autopilot = new Autopilot(this.#context, replica, this.#leader, this.#hooks);
    this.#hooks.role();
  }

  #dismiss(): void {
    this.#leader?.stop();
    this.#autopilot?.stop();
    this.#leader = undefined;
    this.#autopilot = undefined;
  }

  #contacts(): Contact[] {
    const { transport } = this.#context.ports;
    const { voters, standbys } = this.#replica!.config;
    return [...voters, ...standbys].map((member) => {
      const node = nodeOfMember(member);
      return { node, addresses: (node === this.#context.self ? transport.addresses() : transport.addressesOf(node)).slice(0, 16) };
    });
  }

  #hint(): LeaderHint {
    const { self, ports } = this.#context;
    const cell = this.#replica?.cell ?? '';
    if (this.#replica?.leads !== true) return { cell, node: '', addresses: [] };
    return { cell, node: self, addresses: ports.transport.addresses().slice(0, 16) };
  }

  // ── Links, time ────────────────────────────────────────────────────────────────────────────────────────────────

  peerUp(peer: NodeId, bootId: string): void {
    this.#links.up(peer, bootId);
    this.#leader?.peerUp(peer);
  }

  peerDown(peer: NodeId): void {
    this.#links.down(peer);
    this.#leader?.peerDown(peer);
  }

  /** A node showed itself: if this disk was damaged, it may begin anew once it sees its cell alive. */
  nodeSeen(node: NodeId): void {
    const seen = this.#hooks.knownNode(node)?.beacon.cell;
    if (this.#damaged === undefined || this.#busy || seen === null || seen === undefined || seen.leader === '') return;
    if (this.#identity.cellId !== '' && seen.id !== this.#identity.cellId) return;
    this.#context.note('warn', 'storage-renewed', `the cell is led by ${seen.leader.slice(-8)}: the damaged log is dropped and this node joins as a new member`);
    this.renewStorage(() => {});
  }

  tick(): void {
    const replica = this.#replica;
    if (replica === undefined) return;
    if (this.hearsLeader()) this.#leaderHeardAt = this.#context.now();
    const stalled = replica.diskStalled();
    if (stalled) {
      if (!this.#diskStalled) this.#context.note('error', 'disk-stalled', `a write has not been synced for over ${this.#context.timing.diskStallMs} ms: this node does not lead`);
      replica.stepDown('disk stalled');
    } else if (this.#diskStalled) {
      replica.resume();
    }
    this.#diskStalled = stalled;
  }

  suspended(): void {
    this.#replica?.stepDown('suspended');
  }
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
