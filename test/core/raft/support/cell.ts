/**
 * A cell driven by hand: one clock, messages and disk writes wait until somebody delivers or syncs them. Used by the
 * rule tests and the scenario files; every step is checked like in the storm.
 */
import type { MemberId } from '../../../../src/core/lib/ids.ts';
import { Raft } from '../../../../src/core/raft/raft.ts';
import type { Config, Entry, LinkState, Outgoing, RaftEffect, RaftInput, RaftMessage, RaftTiming, SnapshotMeta } from '../../../../src/core/raft/types.ts';
import { Checker } from './checker.ts';
import { LabDisk, type Persist } from './disk.ts';

export const TIMING: RaftTiming = { heartbeatMs: 100, electionMs: 1000, plannerLeaseMs: 900 };
export const NO_SNAPSHOT: SnapshotMeta = { index: 0, term: 0, config: { voters: [], outgoing: [], standbys: [], removed: [] } };
/** More rounds than any sane exchange takes. */
const ROUNDS_MAX = 10_000;

export type Inputs = RaftInput extends infer I ? (I extends RaftInput ? Omit<I, 'now'> : never) : never;

export interface Mail extends Outgoing {
  readonly from: MemberId;
}

export interface CellMember {
  readonly id: MemberId;
  raft: Raft;
  disk: LabDisk;
  up: boolean;
  random: number;
}

export interface CellInit {
  readonly voters: string;
  readonly standbys?: string;
  /** Members that exist but are in no configuration. */
  readonly others?: string;
  readonly mutants?: ReadonlySet<string>;
  /** Constant draw per member; by default 0, 0.1, 0.2 … in alphabetical order. */
  readonly random?: Readonly<Record<string, number>>;
  /** False where a test breaks invariants on purpose. @default true */
  readonly checked?: boolean;
}

export function ids(letters: string): MemberId[] {
  return letters.split('') as MemberId[];
}

export class Cell {
  now = 0;
  readonly members = new Map<MemberId, CellMember>();
  /** Sent and neither delivered nor dropped. */
  mail: Mail[] = [];
  readonly cuts = new Set<string>();
  readonly checker: Checker;
  readonly #mutants: ReadonlySet<string>;
  readonly #checked: boolean;
  /** Called for every step, for scenario output. */
  onStep: (id: MemberId, input: Inputs, effects: readonly RaftEffect[]) => void = () => {};
  onSync: (id: MemberId, persists: readonly Persist[]) => void = () => {};

  constructor(init: CellInit) {
    this.#mutants = init.mutants ?? new Set();
    this.#checked = init.checked ?? true;
    this.checker = new Checker(() => this.members.values());
    const config: Config = { voters: ids(init.voters), outgoing: [], standbys: ids(init.standbys ?? ''), removed: [] };
    const genesis: Entry = { index: 1, term: 1, kind: 'genesis', data: new Uint8Array(0), config };
    this.checker.seed([genesis]);
    const everybody = [...config.voters, ...config.standbys, ...ids(init.others ?? '')];
    for (const [position, id] of everybody.entries()) {
      const isMember = config.voters.includes(id) || config.standbys.includes(id);
      const disk = new LabDisk({ term: isMember ? 1 : 0, votedFor: '' }, NO_SNAPSHOT, isMember ? [genesis] : []);
      this.#boot(id, disk, init.random?.[id] ?? position / 10);
    }
  }

  #boot(id: MemberId, disk: LabDisk, random: number): void {
    const { hard, snapshot, entries } = disk;
    const raft = new Raft({ self: id, timing: TIMING, random: () => this.member(id)?.random ?? random, now: this.now, hard, snapshot, entries, mutants: this.#mutants });
    const member: CellMember = { id, raft, disk, up: true, random };
    this.members.set(id, member);
    this.checker.restarted(member);
  }

  member(id: string): CellMember {
    return this.members.get(id as MemberId)!;
  }

  raft(id: string): Raft {
    return this.member(id).raft;
  }

  /** One input to one member; its messages and writes queue up. */
  step(id: string, input: Inputs): RaftEffect[] {
    const member = this.member(id);
    if (input.type === 'readIndex') this.checker.readAsked(member, input.id);
    const effects = member.raft.step({ ...input, now: this.now });
    if (this.#checked) this.checker.stepped(member, effects);
    this.onStep(member.id, input, effects);
    for (const effect of effects) {
      if (effect.type === 'persist') member.disk.pending.push(effect);
      else if (effect.type === 'send') this.#post(member, effect);
    }
    return effects;
  }

  receive(id: string, from: string, message: RaftMessage): RaftEffect[] {
    return this.step(id, { type: 'message', from: from as MemberId, message });
  }

  tick(id: string): RaftEffect[] {
    return this.step(id, { type: 'tick' });
  }

  link(id: string, peer: string, state: LinkState): RaftEffect[] {
    return this.step(id, { type: 'link', peer: peer as MemberId, state });
  }

  propose(id: string, ...commands: string[]): RaftEffect[] {
    return this.step(id, { type: 'propose', commands: commands.map((text) => new TextEncoder().encode(text)) });
  }

  change(id: string, voters: string, standbys = '', removed = ''): RaftEffect[] {
    return this.step(id, { type: 'proposeConfig', voters: ids(voters), standbys: ids(standbys), removed: ids(removed) });
  }

  transfer(id: string, target: string): RaftEffect[] {
    return this.step(id, { type: 'transfer', target: target as MemberId });
  }

  #post(member: CellMember, { to, message }: Outgoing): void {
    if (this.#checked) this.checker.sent(member, to, message);
    this.mail.push({ from: member.id, to, message });
  }

  /** Everything this member wanted written is synced, and what waited for it leaves. */
  sync(id: string): boolean {
    const member = this.member(id);
    if (!member.up || member.disk.pending.length === 0) return false;
    const done = member.disk.sync(member.disk.pending.length);
    if (this.#checked) this.checker.synced(member);
    this.onSync(member.id, done);
    for (const persist of done) for (const item of persist.messages) this.#post(member, item);
    this.step(id, { type: 'persisted', sequence: done.at(-1)!.sequence });
    return true;
  }

  isCut(from: string, to: string): boolean {
    return this.cuts.has(`${from}>${to}`);
  }

  /** Delivers one message, or loses it on a cut or at a dead member. */
  #deliver(item: Mail): void {
    const target = this.members.get(item.to);
    if (target === undefined || !target.up || this.isCut(item.from, item.to)) return;
    this.receive(item.to, item.from, item.message);
  }

  /** Delivers what waits for these members, once. @returns how much that was. */
  deliver(to: string = this.everybody): number {
    const now = this.mail.filter((item) => to.includes(item.to));
    this.mail = this.mail.filter((item) => !to.includes(item.to));
    for (const item of now) this.#deliver(item);
    return now.length;
  }

  drop(to: string = this.everybody): number {
    const before = this.mail.length;
    this.mail = this.mail.filter((item) => !to.includes(item.to));
    return before - this.mail.length;
  }

  /** Delivers and syncs among these members until nothing is left to do; time stands still. */
  settle(among: string = this.everybody): void {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      let busy = false;
      for (const id of among) {
        const waiting = this.mail.filter((item) => item.to === id && among.includes(item.from));
        if (waiting.length > 0) {
          this.mail = this.mail.filter((item) => !waiting.includes(item));
          for (const item of waiting) this.#deliver(item);
          busy = true;
        }
        if (this.sync(id)) busy = true;
      }
      if (!busy) return;
    }
    throw new Error('the cell does not come to rest');
  }

  get everybody(): string {
    return [...this.members.keys()].join('');
  }

  /** Lets time pass with a perfect network (but for cuts): ticks come when they are due. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      this.settle();
      const due = [...this.members.values()].filter((member) => member.up).toSorted((a, b) => a.raft.nextTickAt - b.raft.nextTickAt)[0];
      if (due === undefined || due.raft.nextTickAt > end) break;
      this.now = Math.max(this.now, due.raft.nextTickAt);
      this.tick(due.id);
    }
    this.now = end;
    this.settle();
  }

  /** Time passes until nobody hears a leader any more, then only `id` starts an election. Delivers nothing. */
  campaign(id: string): RaftEffect[] {
    const { nextTickAt } = this.raft(id);
    this.now = Math.max(this.now + TIMING.electionMs, nextTickAt === Infinity ? 0 : nextTickAt);
    return this.tick(id);
  }

  /** The same, but delivered: `id` leads afterwards. */
  elect(id: string): void {
    this.campaign(id);
    this.settle();
    if (this.raft(id).role !== 'leader') throw new Error(`${id} was not elected`);
  }

  crash(id: string, lucky = 0): void {
    const member = this.member(id);
    member.up = false;
    member.disk.crash(lucky);
    if (this.#checked) this.checker.synced(member);
    this.mail = this.mail.filter((item) => item.to !== id);
  }

  restart(id: string): void {
    const { disk, random } = this.member(id);
    this.#boot(id as MemberId, disk, random);
  }

  isolate(id: string): void {
    for (const other of this.everybody) if (other !== id) this.cut(id, other);
  }

  cut(a: string, b: string): void {
    this.cuts.add(`${a}>${b}`).add(`${b}>${a}`);
  }

  heal(): void {
    this.cuts.clear();
  }

  /** Snapshot of all that is committed at this member, synced. */
  compact(id: string): SnapshotMeta {
    const { raft, disk } = this.member(id);
    const meta: SnapshotMeta = { index: raft.commitIndex, term: raft.termAt(raft.commitIndex)!, config: raft.committedConfig };
    disk.compact(meta);
    this.step(id, { type: 'compacted', meta });
    return meta;
  }

  get leader(): string {
    const leaders = [...this.members.values()].filter((member) => member.up && member.raft.role === 'leader').toSorted((a, b) => b.raft.term - a.raft.term);
    return leaders[0]?.id ?? '';
  }
}

export function ofType<T extends RaftEffect['type']>(effects: readonly RaftEffect[], type: T): Extract<RaftEffect, { readonly type: T }>[] {
  return effects.filter((effect): effect is Extract<RaftEffect, { readonly type: T }> => effect.type === type);
}

/** Messages that leave with these effects, at once or after their sync. */
export function messages(effects: readonly RaftEffect[]): Outgoing[] {
  return effects.flatMap((effect): Outgoing[] => {
    if (effect.type === 'send') return [{ to: effect.to, message: effect.message }];
    return effect.type === 'persist' ? [...effect.messages] : [];
  });
}
