/**
 * A whole cell in virtual time under random trouble: loss, delay, reordering, doubling, one-way cuts, crashes that lose
 * unsynced writes, slow disks, drifting clocks, configuration changes, transfers, snapshots. Then everything heals and
 * progress is demanded. One seed decides everything.
 */
import type { MemberId, NodeId } from '../../../../src/core/lib/ids.ts';
import { nextMembershipStep, targetVoters, type AutopilotMember } from '../../../../src/core/raft/autopilot.ts';
import { isJoint, isMember } from '../../../../src/core/raft/config.ts';
import { Raft } from '../../../../src/core/raft/raft.ts';
import type { Entry, LinkState, RaftEffect, RaftInput, RaftMessage, RaftTiming, SnapshotMeta } from '../../../../src/core/raft/types.ts';
import { Checker, Violation } from './checker.ts';
import { LabDisk } from './disk.ts';
import { Dice } from './random.ts';

export const TIMING: RaftTiming = { heartbeatMs: 100, electionMs: 1000, plannerLeaseMs: 900 };
const NONE: SnapshotMeta = { index: 0, term: 0, config: { voters: [], outgoing: [], standbys: [], removed: [] } };

export interface StormOptions {
  readonly seed: number;
  /** Virtual length of the trouble. */
  readonly troubleMs: number;
  readonly mutants?: readonly string[];
  /** Called for every input with what it caused, to look into a failing seed. */
  readonly trace?: (at: number, member: MemberId, input: RaftInput, effects: readonly RaftEffect[]) => void;
}

export interface StormReport {
  readonly steps: number;
  readonly commits: number;
  readonly elections: number;
  readonly changes: number;
  readonly snapshots: number;
  readonly crashes: number;
  readonly reads: number;
}

type Step = () => void;

interface Event {
  readonly at: number;
  readonly sequence: number;
  readonly run: Step;
}

interface Member {
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

export class Storm {
  readonly dice: Dice;
  readonly members = new Map<MemberId, Member>();
  readonly checker: Checker;
  readonly #options: StormOptions;
  readonly #heap: Event[] = [];
  readonly #cuts = new Set<string>();
  readonly #lossy: number;
  readonly #delayMs: number;
  readonly #doubled: number;
  readonly #syncMs: number;
  readonly #autopilot: boolean;
  #healed = false;
  #now = 0;
  #sequence = 0;
  #command = 0;
  #readId = 0;
  #counts = { steps: 0, elections: 0, changes: 0, snapshots: 0, crashes: 0, reads: 0 };

  constructor(options: StormOptions) {
    this.#options = options;
    this.dice = new Dice(options.seed);
    const { dice } = this;
    this.#lossy = dice.pick([0, 0, 0.02, 0.1, 0.3])!;
    this.#delayMs = dice.pick([1, 5, 30, 120])!;
    this.#doubled = dice.pick([0, 0.05, 0.3])!;
    this.#syncMs = dice.pick([0.2, 2, 20, 80])!;
    this.#autopilot = dice.chance(0.5);
    this.checker = new Checker(() => this.members.values());
    const size = dice.pick([1, 3, 3, 5])!;
    const ids = ['A', 'B', 'C', 'D', 'E', 'F', 'G'] as MemberId[];
    const genesis: Entry = { index: 1, term: 1, kind: 'genesis', data: new Uint8Array(0), config: { voters: ids.slice(0, size), outgoing: [], standbys: [], removed: [] } };
    this.checker.seed([genesis]);
    for (const [position, id] of ids.entries()) this.#found(id, position < size ? [genesis] : []);
    this.#after(0, () => this.#trouble());
  }

  /** Runs the trouble, heals, demands progress. Throws `Violation`. */
  run(): StormReport {
    this.#runUntil(this.#options.troubleMs);
    this.#heal();
    this.#runUntil(this.#now + 15_000);
    this.#demandProgress();
    return { ...this.#counts, commits: this.checker.commits };
  }

  // ── time ──

  #after(delayMs: number, run: Step): void {
    this.#sequence += 1;
    const event = { at: this.#now + delayMs, sequence: this.#sequence, run };
    let place = this.#heap.length;
    this.#heap.push(event);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(event, this.#heap[parent]!)) break;
      this.#heap[place] = this.#heap[parent]!;
      place = parent;
    }
    this.#heap[place] = event;
  }

  #next(): Event {
    const first = this.#heap[0]!;
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let child = place * 2 + 1;
      if (child >= this.#heap.length) break;
      if (child + 1 < this.#heap.length && isBefore(this.#heap[child + 1]!, this.#heap[child]!)) child += 1;
      if (!isBefore(this.#heap[child]!, last)) break;
      this.#heap[place] = this.#heap[child]!;
      place = child;
    }
    this.#heap[place] = last;
    return first;
  }

  #runUntil(end: number): void {
    while (this.#heap.length > 0 && this.#heap[0]!.at <= end) {
      const event = this.#next();
      this.#now = event.at;
      event.run();
    }
    this.#now = end;
  }

  /** Runs only if the member is still in the same life. */
  #alive(member: Member, delayMs: number, run: Step): void {
    const { life } = member;
    this.#after(delayMs, () => {
      if (member.up && member.life === life) run();
    });
  }

  #clock(member: Member): number {
    return member.clockOffset + this.#now * member.clockRate;
  }

  // ── members ──

  #found(id: MemberId, entries: readonly Entry[]): void {
    const disk = new LabDisk({ term: entries.length, votedFor: '' }, NONE, entries);
    const member: Member = {
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
    this.#start(member);
  }

  #start(member: Member): void {
    member.life += 1;
    member.up = true;
    member.upSince = this.#now;
    member.timerAt = Infinity;
    member.syncing = false;
    const { hard, snapshot, entries } = member.disk;
    const mutants = new Set(this.#options.mutants ?? []);
    member.raft = new Raft({ self: member.id, timing: TIMING, random: this.dice.float, now: this.#clock(member), hard, snapshot, entries, mutants });
    this.checker.restarted(member);
    for (const other of this.members.values()) if (other !== member && other.up) this.#alive(other, this.dice.between(1, 50), () => this.#linkUp(other, member));
    this.#arm(member);
  }

  #linkUp(member: Member, peer: Member): void {
    if (peer.up && !this.#isCut(member, peer)) this.#step(member, { type: 'link', now: this.#clock(member), peer: peer.id, state: 'up' });
  }

  #crash(member: Member): void {
    this.#counts.crashes += 1;
    member.up = false;
    member.deadSince = this.#now;
    member.disk.crash(this.dice.below(member.disk.pending.length + 1));
    this.checker.synced(member);
    const silent = this.dice.chance(0.4);
    for (const other of this.members.values()) {
      if (other.up && !silent) this.#alive(other, this.dice.between(0, 20), () => this.#step(other, { type: 'link', now: this.#clock(other), peer: member.id, state: 'down' }));
    }
  }

  #arm(member: Member): void {
    const at = member.raft.nextTickAt;
    if (at === member.timerAt) return;
    member.timerAt = at;
    if (at === Infinity) return;
    const delayMs = Math.max(0, (at - this.#clock(member)) / member.clockRate);
    this.#alive(member, delayMs + 0.001, () => {
      if (member.timerAt !== at) return;
      member.timerAt = Infinity;
      this.#step(member, { type: 'tick', now: this.#clock(member) });
    });
  }

  #step(member: Member, input: RaftInput): RaftEffect[] {
    this.#counts.steps += 1;
    const effects = member.raft.step(input);
    this.#options.trace?.(this.#now, member.id, input, effects);
    this.checker.stepped(member, effects);
    for (const effect of effects) this.#perform(member, effect);
    this.#arm(member);
    return effects;
  }

  #perform(member: Member, effect: RaftEffect): void {
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
        if (effect.role === 'leader') this.#counts.elections += 1;
        break;
      case 'alarm':
        throw new Violation(`alarm: ${member.id} says of ${effect.member}: ${effect.reason}`);
      default:
        break;
    }
  }

  #sync(member: Member): void {
    if (member.syncing || member.disk.pending.length === 0) return;
    member.syncing = true;
    const stall = !this.#healed && this.dice.chance(0.002) ? 3000 : 0;
    const count = member.disk.pending.length;
    this.#alive(member, stall + this.#syncMs * this.dice.between(0.5, 1.5), () => {
      member.syncing = false;
      const done = member.disk.sync(count);
      this.checker.synced(member);
      for (const persist of done) for (const { to, message } of persist.messages) this.#send(member, to, message);
      this.#step(member, { type: 'persisted', now: this.#clock(member), sequence: done.at(-1)!.sequence });
      this.#sync(member);
    });
  }

  // ── network ──

  #isCut(from: Member, to: Member): boolean {
    return this.#cuts.has(`${from.id}>${to.id}`);
  }

  #send(member: Member, to: MemberId, message: RaftMessage): void {
    this.checker.sent(member, to, message);
    const target = this.members.get(to);
    if (target === undefined) return;
    const copies = this.dice.chance(this.#doubled) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      if (!this.#healed && this.dice.chance(this.#lossy)) continue;
      const late = !this.#healed && this.dice.chance(0.01) ? this.dice.between(0, 4000) : 0;
      this.#after(late + this.#delayMs * this.dice.between(0.2, 2), () => {
        if (target.up && !this.#isCut(member, target)) this.#step(target, { type: 'message', now: this.#clock(target), from: member.id, message });
      });
    }
  }

  #sendSnapshot(member: Member, to: MemberId): void {
    const target = this.members.get(to)!;
    const { term, snapshot: meta } = member.raft;
    this.#counts.snapshots += 1;
    this.#after(this.#delayMs * this.dice.between(1, 10), () => {
      if (!target.up || this.#isCut(member, target) || (!this.#healed && this.dice.chance(this.#lossy))) return;
      this.#step(target, { type: 'snapshotArrived', now: this.#clock(target), from: member.id, term, meta });
    });
  }

  #redial(member: Member, peer: MemberId): void {
    const target = this.members.get(peer)!;
    const { life } = target;
    this.#alive(member, this.dice.between(0.5, 40), () => {
      const cut = this.#isCut(member, target) || this.#isCut(target, member);
      const state: LinkState = cut ? 'down' : target.up && target.life === life ? 'up' : 'gone';
      this.#step(member, { type: 'link', now: this.#clock(member), peer, state });
    });
  }

  // ── trouble ──

  #trouble(): void {
    if (this.#healed) return;
    const roll = this.dice.float();
    if (roll < 0.45) this.#propose();
    else if (roll < 0.55) this.#read();
    else if (roll < 0.63) this.#change();
    else if (roll < 0.68) this.#transfer();
    else if (roll < 0.76) this.#compact();
    else if (roll < 0.82) this.#cut();
    else if (roll < 0.89) this.#uncut();
    else if (roll < 0.93) this.#crashSome();
    else if (roll < 0.99) this.#restartSome();
    else this.#stepDown();
    this.#after(this.dice.between(0, 120), () => this.#trouble());
  }

  #ups(): Member[] {
    return [...this.members.values()].filter((member) => member.up);
  }

  #leaders(): Member[] {
    return this.#ups().filter((member) => member.raft.role === 'leader');
  }

  #propose(): void {
    const leader = this.dice.pick(this.#leaders());
    if (leader === undefined) return;
    const commands = Array.from({ length: 1 + this.dice.below(4) }, () => {
      this.#command += 1;
      return new TextEncoder().encode(String(this.#command));
    });
    this.#step(leader, { type: 'propose', now: this.#clock(leader), commands });
  }

  #read(): void {
    const leader = this.dice.pick(this.#leaders());
    if (leader === undefined) return;
    this.#readId += 1;
    this.checker.readAsked(leader, this.#readId);
    if (this.#step(leader, { type: 'readIndex', now: this.#clock(leader), id: this.#readId }).some((effect) => effect.type !== 'readFailed')) this.#counts.reads += 1;
  }

  #change(): void {
    const leader = this.dice.pick(this.#leaders());
    if (leader === undefined) return;
    if (this.#autopilot) this.#consultAutopilot(leader);
    else if (isJoint(leader.raft.config)) this.#handOver(leader, leader.raft.config.voters);
    else this.#randomChange(leader);
  }

  #randomChange(leader: Member): void {
    const { config } = leader.raft;
    const { dice } = this;
    const free = [...this.members.keys()].filter((id) => !config.removed.includes(id));
    let voters = [...config.voters];
    let standbys = dice.shuffle(free.filter((id) => !voters.includes(id) && (config.standbys.includes(id) || dice.chance(0.5)))).slice(0, 4);
    if (dice.chance(0.6)) {
      const pool = dice.shuffle([...config.voters, ...config.standbys]);
      voters = pool.slice(0, dice.pick([1, 3, 3, 5])!);
      standbys = standbys.filter((id) => !voters.includes(id));
    }
    const removed = dice.chance(0.1) ? free.filter((id) => !voters.includes(id) && !standbys.includes(id)).slice(0, 1) : [];
    this.#proposeConfig(leader, voters, standbys, this.members.size - config.removed.length > 4 ? removed : []);
  }

  #proposeConfig(leader: Member, voters: readonly MemberId[], standbys: readonly MemberId[], removed: readonly MemberId[]): void {
    const effects = this.#step(leader, { type: 'proposeConfig', now: this.#clock(leader), voters, standbys, removed });
    if (effects.some((effect) => effect.type === 'appended')) this.#counts.changes += 1;
  }

  #consultAutopilot(leader: Member): void {
    const { raft } = leader;
    const members: AutopilotMember[] = [...this.members.values()].map((member) => ({
      member: member.id,
      node: member.id as string as NodeId,
      alive: member.up && !this.#isCut(member, leader) && !this.#isCut(leader, member),
      stableMs: this.#now - member.upSince,
      voteAllowed: true,
      host: member.id,
      flaps: 0,
      uptimeMs: this.#now - member.upSince,
    }));
    const deadMs = new Map([...this.members.values()].filter((member) => !member.up).map((member) => [member.id, this.#now - member.deadSince]));
    const step = nextMembershipStep({
      self: leader.id,
      config: raft.config,
      lastIndex: raft.lastIndex,
      progress: raft.progress(),
      members,
      deadMs,
      leaving: new Set(!this.#healed && this.dice.chance(0.1) ? [this.dice.pick(members)!.member] : []),
      alarmed: new Set(),
      now: this.#clock(leader),
      options: { electionMs: TIMING.electionMs, voterDeadMs: 2000, memberForgottenMs: 600_000 },
    });
    if (step?.type === 'change') this.#proposeConfig(leader, step.voters, step.standbys, step.removed);
    else if (step?.type === 'transfer') this.#step(leader, { type: 'transfer', now: this.#clock(leader), target: step.target });
  }

  #handOver(leader: Member, targets: readonly MemberId[]): void {
    const target = this.dice.pick(targets.filter((id) => id !== leader.id));
    if (target !== undefined) this.#step(leader, { type: 'transfer', now: this.#clock(leader), target });
  }

  #transfer(): void {
    const leader = this.dice.pick(this.#leaders());
    if (leader !== undefined) this.#handOver(leader, leader.raft.config.voters);
  }

  #compact(): void {
    const member = this.dice.pick(this.#ups());
    if (member === undefined || member.raft.commitIndex <= member.raft.snapshot.index) return;
    const index = member.raft.commitIndex;
    const meta = { index, term: member.raft.termAt(index)!, config: member.raft.committedConfig };
    member.disk.compact(meta);
    this.#step(member, { type: 'compacted', now: this.#clock(member), meta });
  }

  #cut(): void {
    const { dice } = this;
    const ids = [...this.members.keys()];
    const side = new Set(dice.chance(0.5) ? [dice.pick(ids)!] : dice.shuffle(ids).slice(0, 1 + dice.below(ids.length - 1)));
    const oneWay = dice.chance(0.3);
    const noticed = dice.chance(0.3);
    for (const a of ids) {
      for (const b of ids) {
        if (a === b || side.has(a) === side.has(b) || (oneWay && side.has(a))) continue;
        this.#cuts.add(`${a}>${b}`);
        const member = this.members.get(a)!;
        if (noticed && member.up) this.#alive(member, dice.between(0, 50), () => this.#step(member, { type: 'link', now: this.#clock(member), peer: b, state: 'down' }));
      }
    }
  }

  #uncut(): void {
    this.#cuts.clear();
    for (const a of this.#ups()) for (const b of this.#ups()) if (a !== b) this.#linkUp(a, b);
  }

  #crashSome(): void {
    const ups = this.#ups();
    const count = this.dice.chance(0.1) ? ups.length : 1;
    for (const member of this.dice.shuffle(ups).slice(0, count)) this.#crash(member);
  }

  #restartSome(): void {
    for (const member of this.members.values()) if (!member.up && this.dice.chance(0.6)) this.#start(member);
  }

  #stepDown(): void {
    const member = this.dice.pick(this.#ups());
    if (member !== undefined) this.#step(member, { type: 'stepDown', now: this.#clock(member), reason: 'storm' });
  }

  // ── afterwards ──

  #heal(): void {
    this.#healed = true;
    for (const member of this.members.values()) if (!member.up) this.#start(member);
    this.#uncut();
    const care = (): void => {
      for (const leader of this.#leaders()) {
        const { config } = leader.raft;
        if (this.#autopilot) this.#consultAutopilot(leader);
        else if (isJoint(config) && !config.voters.includes(leader.id)) this.#handOver(leader, config.voters);
      }
      this.#after(200, care);
    };
    care();
  }

  #demandProgress(): void {
    const leaders = this.#leaders();
    const newest = leaders.toSorted((a, b) => b.raft.term - a.raft.term)[0];
    if (newest === undefined) throw new Violation(`liveness: no leader 15 s after everything healed: ${this.describe()}`);
    this.#step(newest, { type: 'propose', now: this.#clock(newest), commands: [new Uint8Array(1)] });
    const wanted = newest.raft.lastIndex;
    const { term } = newest.raft;
    this.#runUntil(this.#now + 2000 + this.#delayMs * 10);
    if (this.checker.committed < wanted) throw new Violation(`liveness: ${wanted} is not committed: ${this.describe()}`);
    if (newest.raft.term !== term) throw new Violation(`liveness: leader ${newest.id} did not stay: ${this.describe()}`);
    const { config } = newest.raft;
    if (isJoint(config)) throw new Violation(`liveness: still joint: ${this.describe()}`);
    for (const member of this.members.values()) {
      if (isMember(config, member.id) && member.raft.commitIndex < wanted) throw new Violation(`liveness: ${member.id} does not catch up: ${this.describe()}`);
    }
    const live = this.members.size - config.removed.length;
    if (this.#autopilot && config.voters.length !== targetVoters(live)) throw new Violation(`liveness: ${config.voters.length} voters of ${live} live members: ${this.describe()}`);
  }

  describe(): string {
    const lines = [...this.members.values()].map(({ id, up, raft }) => `${id}${up ? '' : '†'} ${raft.role} t${raft.term} last ${raft.lastIndex} commit ${raft.commitIndex} leader ${raft.leader} voters ${raft.config.voters.join('')}/${raft.config.outgoing.join('')} standbys ${raft.config.standbys.join('')} removed ${raft.config.removed.join('')}`);
    return `\n${lines.join('\n')}`;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}
