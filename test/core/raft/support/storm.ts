/**
 * A whole cell in virtual time under random trouble: loss, delay, reordering, doubling, one-way cuts, crashes that lose
 * unsynced writes, slow disks, drifting clocks, configuration changes, transfers, snapshots. Then everything heals and
 * progress is demanded. One seed decides everything.
 */
import type { MemberId, NodeId } from '../../../../src/core/lib/ids.ts';
import { nextMembershipStep, targetVoters, type AutopilotMember } from '../../../../src/core/raft/autopilot.ts';
import { isJoint, isMember } from '../../../../src/core/raft/config.ts';
import { TIMING } from './cell.ts';
import { Violation } from './checker.ts';
import { StormCell, type StormMember, type StormOptions } from './storm-cell.ts';

export interface StormReport {
  readonly steps: number;
  readonly commits: number;
  readonly elections: number;
  readonly changes: number;
  readonly snapshots: number;
  readonly crashes: number;
  readonly reads: number;
}

export class Storm extends StormCell {
  readonly #autopilot: boolean;
  #command = 0;
  #readId = 0;

  constructor(options: StormOptions) {
    super(options);
    this.#autopilot = this.dice.chance(0.5);
    this.time.after(0, () => this.#trouble());
  }

  /** Runs the trouble, heals, demands progress. Throws `Violation`. */
  run(): StormReport {
    this.time.runUntil(this.options.troubleMs);
    this.#heal();
    this.time.runUntil(this.time.now + 15_000);
    this.#demandProgress();
    return { ...this.counts, commits: this.checker.commits };
  }

  #trouble(): void {
    if (this.healed) return;
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
    this.time.after(this.dice.between(0, 120), () => this.#trouble());
  }

  #ups(): StormMember[] {
    return [...this.members.values()].filter((member) => member.up);
  }

  #leaders(): StormMember[] {
    return this.#ups().filter((member) => member.raft.role === 'leader');
  }

  #propose(): void {
    const leader = this.dice.pick(this.#leaders());
    if (leader === undefined) return;
    const commands = Array.from({ length: 1 + this.dice.below(4) }, () => {
      this.#command += 1;
      return new TextEncoder().encode(String(this.#command));
    });
    this.step(leader, { type: 'propose', now: this.clock(leader), commands });
  }

  #read(): void {
    const leader = this.dice.pick(this.#leaders());
    if (leader === undefined) return;
    this.#readId += 1;
    this.checker.readAsked(leader, this.#readId);
    if (this.step(leader, { type: 'readIndex', now: this.clock(leader), id: this.#readId }).some((effect) => effect.type !== 'readFailed')) this.counts.reads += 1;
  }

  #change(): void {
    const leader = this.dice.pick(this.#leaders());
    if (leader === undefined) return;
    if (this.#autopilot) this.#consultAutopilot(leader);
    else if (isJoint(leader.raft.config)) this.#handOver(leader, leader.raft.config.voters);
    else this.#randomChange(leader);
  }

  #randomChange(leader: StormMember): void {
    const { config } = leader.raft;
    const { dice } = this;
    const free = [...this.members.keys()].filter((id) => !config.removed.includes(id));
    let voters = [...config.voters];
    let standbys = dice.shuffle(free.filter((id) => !voters.includes(id) && (config.standbys.includes(id) || dice.chance(0.5)))).slice(0, 4);
    if (dice.chance(0.6)) {
      const pool = dice.shuffle([...config.voters, ...config.standbys]);
      voters = pool.slice(0, dice.pick([1, 3, 3, 5]));
      standbys = standbys.filter((id) => !voters.includes(id));
    }
    const removed = dice.chance(0.1) ? free.filter((id) => !voters.includes(id) && !standbys.includes(id)).slice(0, 1) : [];
    this.#proposeConfig(leader, voters, standbys, this.members.size - config.removed.length > 4 ? removed : []);
  }

  #proposeConfig(leader: StormMember, voters: readonly MemberId[], standbys: readonly MemberId[], removed: readonly MemberId[]): void {
    const effects = this.step(leader, { type: 'proposeConfig', now: this.clock(leader), voters, standbys, removed });
    if (effects.some((effect) => effect.type === 'appended')) this.counts.changes += 1;
  }

  #consultAutopilot(leader: StormMember): void {
    const { raft } = leader;
    const members: AutopilotMember[] = [...this.members.values()].map((member) => ({
      member: member.id,
      node: member.id as string as NodeId,
      alive: member.up && !this.isCut(member, leader) && !this.isCut(leader, member),
      stableMs: this.time.now - member.upSince,
      voteAllowed: true,
      host: member.id,
      flaps: 0,
      uptimeMs: this.time.now - member.upSince,
    }));
    const deadMs = new Map([...this.members.values()].filter((member) => !member.up).map((member) => [member.id, this.time.now - member.deadSince]));
    const step = nextMembershipStep({
      self: leader.id,
      config: raft.config,
      lastIndex: raft.lastIndex,
      progress: raft.progress(),
      members,
      deadMs,
      leaving: new Set(!this.healed && this.dice.chance(0.1) ? [this.dice.pick(members)!.member] : []),
      alarmed: new Set(),
      now: this.clock(leader),
      options: { electionMs: TIMING.electionMs, voterDeadMs: 2000, memberForgottenMs: 600_000 },
    });
    if (step?.type === 'change') this.#proposeConfig(leader, step.voters, step.standbys, step.removed);
    else if (step?.type === 'transfer') this.step(leader, { type: 'transfer', now: this.clock(leader), target: step.target });
  }

  #handOver(leader: StormMember, targets: readonly MemberId[]): void {
    const target = this.dice.pick(targets.filter((id) => id !== leader.id));
    if (target !== undefined) this.step(leader, { type: 'transfer', now: this.clock(leader), target });
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
    this.step(member, { type: 'compacted', now: this.clock(member), meta });
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
        this.cuts.add(`${a}>${b}`);
        const member = this.members.get(a)!;
        if (noticed && member.up) this.alive(member, dice.between(0, 50), () => this.step(member, { type: 'link', now: this.clock(member), peer: b, state: 'down' }));
      }
    }
  }

  #uncut(): void {
    this.cuts.clear();
    for (const a of this.#ups()) for (const b of this.#ups()) if (a !== b) this.linkUp(a, b);
  }

  #crashSome(): void {
    const ups = this.#ups();
    const count = this.dice.chance(0.1) ? ups.length : 1;
    for (const member of this.dice.shuffle(ups).slice(0, count)) this.crash(member);
  }

  #restartSome(): void {
    for (const member of this.members.values()) if (!member.up && this.dice.chance(0.6)) this.start(member);
  }

  #stepDown(): void {
    const member = this.dice.pick(this.#ups());
    if (member !== undefined) this.step(member, { type: 'stepDown', now: this.clock(member), reason: 'storm' });
  }

  // ── afterwards ──

  #heal(): void {
    this.healed = true;
    for (const member of this.members.values()) if (!member.up) this.start(member);
    this.#uncut();
    const care = (): void => {
      for (const leader of this.#leaders()) {
        const { config } = leader.raft;
        if (this.#autopilot) this.#consultAutopilot(leader);
        else if (isJoint(config) && !config.voters.includes(leader.id)) this.#handOver(leader, config.voters);
      }
      this.time.after(200, care);
    };
    care();
  }

  #demandProgress(): void {
    const leaders = this.#leaders();
    const newest = leaders.toSorted((a, b) => b.raft.term - a.raft.term)[0];
    if (newest === undefined) throw new Violation(`liveness: no leader 15 s after everything healed: ${this.describe()}`);
    this.step(newest, { type: 'propose', now: this.clock(newest), commands: [new Uint8Array(1)] });
    const wanted = newest.raft.lastIndex;
    const { term } = newest.raft;
    this.time.runUntil(this.time.now + 2000 + this.delayMs * 10);
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
