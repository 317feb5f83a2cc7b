/** The cell of the storm: see storm.ts. */
import type { MemberId } from '../../../../src/core/lib/ids.ts';
import { coalesce } from '../../../../src/core/raft/coalesce.ts';
import { Raft } from '../../../../src/core/raft/raft.ts';
import type { Entry, LinkState, Outgoing, RaftEffect, RaftInput, RaftMessage } from '../../../../src/core/raft/types.ts';
import { NO_SNAPSHOT, TIMING } from './cell.ts';
import { Checker, Violation } from './checker.ts';
import { LabDisk } from './disk.ts';
import { Dice } from './random.ts';
import { Timeline } from './timeline.ts';

export interface StormOptions {
  readonly seed: number;
  /** Virtual length of the trouble. */
  readonly troubleMs: number;
  readonly mutants?: readonly string[];
  /** Called for every input with what it caused, to look into a failing seed. */
  readonly trace?: (at: number, member: MemberId, input: RaftInput, effects: readonly RaftEffect[]) => void;
}

export interface StormMember {
  readonly id: MemberId;
  raft: Raft;
  disk: LabDisk;
  up: boolean;
  /** Rises with each start; callbacks of an earlier life do nothing. */
  life: number;
  timerAt: number;
  syncing: boolean;
  /** When it last came up, for the autopilot. */
  upSince: number;
  deadSince: number;
  readonly clockRate: number;
  readonly clockOffset: number;
}

/** Members with their disks and the network between them, in virtual time. What goes wrong by itself goes wrong here. */
export class StormCell {
  readonly dice: Dice;
  readonly members = new Map<MemberId, StormMember>();
  readonly checker: Checker;
  readonly options: StormOptions;
  readonly time = new Timeline();
  readonly cuts = new Set<string>();
  readonly lossy: number;
  readonly delayMs: number;
  readonly #doubled: number;
  readonly syncMs: number;
  healed = false;
  counts = { steps: 0, elections: 0, changes: 0, snapshots: 0, crashes: 0, reads: 0 };

  constructor(options: StormOptions) {
    this.options = options;
    this.dice = new Dice(options.seed);
    const { dice } = this;
    this.lossy = dice.pick([0, 0, 0.02, 0.1, 0.3])!;
    this.delayMs = dice.pick([1, 5, 30, 120])!;
    this.#doubled = dice.pick([0, 0.05, 0.3])!;
    this.syncMs = dice.pick([0.2, 2, 20, 80])!;
    this.checker = new Checker(() => this.members.values());
    const size = dice.pick([1, 3, 3, 5])!;
    const ids = ['A', 'B', 'C', 'D', 'E', 'F', 'G'] as MemberId[];
    const genesis: Entry = { index: 1, term: 1, kind: 'genesis', data: new Uint8Array(0), config: { voters: ids.slice(0, size), outgoing: [], standbys: [], removed: [] } };
    this.checker.seed([genesis]);
    for (const [position, id] of ids.entries()) this.#found(id, position < size ? [genesis] : []);
  }

  /** Runs only if the member is still in the same life. */
  alive(member: StormMember, delayMs: number, run: () => void): void {
    const { life } = member;
    this.time.after(delayMs, () => {
      if (member.up && member.life === life) run();
    });
  }

  clock(member: StormMember): number {
    return member.clockOffset + this.time.now * member.clockRate;
  }

  // ── members ──

  #found(id: MemberId, entries: readonly Entry[]): void {
    const disk = new LabDisk({ term: entries.length, votedFor: '' }, NO_SNAPSHOT, entries);
    const member: StormMember = {
      id,
      disk,
      raft: undefined as unknown as Raft,
      up: false,
      life: 0,
      timerAt: Infinity,
      syncing: false,
      upSince: 0,
      deadSince: 0,
      clockRate: this.dice.between(0.95, 1.05),
      clockOffset: this.dice.between(0, 100_000),
    };
    this.members.set(id, member);
    this.start(member);
  }

  start(member: StormMember): void {
    member.life += 1;
    member.up = true;
    member.upSince = this.time.now;
    member.timerAt = Infinity;
    member.syncing = false;
    const { hard, snapshot, entries } = member.disk;
    const mutants = new Set(this.options.mutants ?? []);
    member.raft = new Raft({ self: member.id, timing: TIMING, random: this.dice.float, now: this.clock(member), hard, snapshot, entries, mutants });
    this.checker.restarted(member);
    for (const other of this.members.values()) if (other !== member && other.up) this.alive(other, this.dice.between(1, 50), () => this.linkUp(other, member));
    this.#arm(member);
  }

  linkUp(member: StormMember, peer: StormMember): void {
    if (peer.up && !this.isCut(member, peer)) this.step(member, { type: 'link', now: this.clock(member), peer: peer.id, state: 'up' });
  }

  crash(member: StormMember): void {
    this.counts.crashes += 1;
    member.up = false;
    member.deadSince = this.time.now;
    member.disk.crash(this.dice.below(member.disk.pending.length + 1));
    this.checker.synced(member);
    const silent = this.dice.chance(0.4);
    for (const other of this.members.values()) {
      if (other.up && !silent) this.alive(other, this.dice.between(0, 20), () => this.step(other, { type: 'link', now: this.clock(other), peer: member.id, state: 'down' }));
    }
  }

  #arm(member: StormMember): void {
    const at = member.raft.nextTickAt;
    if (at === member.timerAt) return;
    member.timerAt = at;
    if (at === Infinity) return;
    const delayMs = Math.max(0, (at - this.clock(member)) / member.clockRate);
    this.alive(member, delayMs + 0.001, () => {
      if (member.timerAt !== at) return;
      member.timerAt = Infinity;
      this.step(member, { type: 'tick', now: this.clock(member) });
    });
  }

  step(member: StormMember, input: RaftInput): RaftEffect[] {
    this.counts.steps += 1;
    const effects = member.raft.step(input);
    this.options.trace?.(this.time.now, member.id, input, effects);
    this.checker.stepped(member, effects);
    for (const effect of effects) this.#perform(member, effect);
    this.#arm(member);
    return effects;
  }

  #perform(member: StormMember, effect: RaftEffect): void {
    switch (effect.type) {
      case 'persist':
        member.disk.pending.push(effect);
        this.#sync(member);
        break;
      case 'send':
        this.#send(member, effect.to, effect.message);
        break;
      case 'sendSnapshot':
        this.#sendSnapshot(member, effect.to);
        break;
      case 'redial':
        this.#redial(member, effect.peer);
        break;
      case 'role':
        if (effect.role === 'leader') this.counts.elections += 1;
        break;
      case 'alarm':
        throw new Violation(`alarm: ${member.id} says of ${effect.member}: ${effect.reason}`);
      default:
        break;
    }
  }

  #sync(member: StormMember): void {
    if (member.syncing || member.disk.pending.length === 0) return;
    member.syncing = true;
    const stall = !this.healed && this.dice.chance(0.002) ? 3000 : 0;
    const count = member.disk.pending.length;
    this.alive(member, stall + this.syncMs * this.dice.between(0.5, 1.5), () => {
      member.syncing = false;
      const done = member.disk.sync(count);
      this.checker.synced(member);
      this.#sendCoalesced(member, done.flatMap((persist) => persist.messages));
      this.step(member, { type: 'persisted', now: this.clock(member), sequence: done.at(-1)!.sequence });
      this.#sync(member);
    });
  }

  // ── network ──

  /** Like a transport that puts all messages of one turn into one frame per peer. */
  #sendCoalesced(member: StormMember, messages: readonly Outgoing[]): void {
    for (const to of new Set(messages.map((item) => item.to))) {
      const frame = messages.filter((item) => item.to === to).map((item) => item.message);
      for (const message of coalesce(frame)) this.#send(member, to, message);
    }
  }

  isCut(from: StormMember, to: StormMember): boolean {
    return this.cuts.has(`${from.id}>${to.id}`);
  }

  #send(member: StormMember, to: MemberId, message: RaftMessage): void {
    this.checker.sent(member, to, message);
    const target = this.members.get(to);
    if (target === undefined) return;
    const copies = this.dice.chance(this.#doubled) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      if (!this.healed && this.dice.chance(this.lossy)) continue;
      const late = !this.healed && this.dice.chance(0.01) ? this.dice.between(0, 4000) : 0;
      this.time.after(late + this.delayMs * this.dice.between(0.2, 2), () => {
        if (target.up && !this.isCut(member, target)) this.step(target, { type: 'message', now: this.clock(target), from: member.id, message });
      });
    }
  }

  #sendSnapshot(member: StormMember, to: MemberId): void {
    const target = this.members.get(to)!;
    const { term, snapshot: meta } = member.raft;
    this.counts.snapshots += 1;
    this.time.after(this.delayMs * this.dice.between(1, 10), () => {
      if (!target.up || this.isCut(member, target) || (!this.healed && this.dice.chance(this.lossy))) return;
      this.step(target, { type: 'snapshotArrived', now: this.clock(target), from: member.id, term, meta });
    });
  }

  #redial(member: StormMember, peer: MemberId): void {
    const target = this.members.get(peer)!;
    const { life } = target;
    this.alive(member, this.dice.between(0.5, 40), () => {
      const cut = this.isCut(member, target) || this.isCut(target, member);
      const state: LinkState = cut ? 'down' : target.up && target.life === life ? 'up' : 'gone';
      this.step(member, { type: 'link', now: this.clock(member), peer, state });
    });
  }
}
