/**
 * The leader's next membership step (PROTOCOL §5): a pure function of what it sees. It proposes at most one step; the
 * Raft core refuses what is not legal yet, and the caller asks again later.
 *
 *   n stable live members   1 → 1 voter   2 → 1 voter + standby   3–4 → 3   5 and more → 5; up to 2 standbys beyond
 */
import type { MemberId, NodeId } from '../lib/ids.ts';
import { isJoint, sameMembers } from './config.ts';
import { REMOVED_MAX, STANDBYS_MAX } from './limits.ts';
import { majorityOf } from './quorum.ts';
import type { Config, FollowerProgress } from './types.ts';

/** A member as the leader knows it from beacons and sessions. */
export interface AutopilotMember {
  readonly member: MemberId;
  readonly node: NodeId;
  readonly alive: boolean;
  /** Alive without a break for so long. */
  readonly stableMs: number;
  /** False for `--no-vote`: never stores a log. */
  readonly voteAllowed: boolean;
  /** Machine; voters prefer different ones. */
  readonly host: string;
  /** How often it vanished and came back of late. */
  readonly flaps: number;
  readonly uptimeMs: number;
}

export interface AutopilotOptions {
  readonly electionMs: number;
  /** A voter dead for so long is replaced; a replacement is stable for so long. */
  readonly voterDeadMs: number;
  /** A member dead for so long is evicted for good. */
  readonly memberForgottenMs: number;
  /** Standbys beyond those that are on their way to become voters. @default 2 */
  readonly spareStandbys?: number;
}

export interface AutopilotInput {
  readonly self: MemberId;
  readonly config: Config;
  readonly lastIndex: number;
  readonly progress: readonly FollowerProgress[];
  /** Everybody who could be a member, at most one per node that is alive. */
  readonly members: readonly AutopilotMember[];
  /** For members that are or were in the configuration and are dead: for how long. */
  readonly deadMs: ReadonlyMap<MemberId, number>;
  /** Members that asked to leave. */
  readonly leaving: ReadonlySet<MemberId>;
  /** Members whose disk raised an alarm. */
  readonly alarmed: ReadonlySet<MemberId>;
  readonly now: number;
  readonly options: AutopilotOptions;
}

export type AutopilotStep =
  | { readonly type: 'change'; readonly voters: readonly MemberId[]; readonly standbys: readonly MemberId[]; readonly removed: readonly MemberId[]; readonly why: string }
  | { readonly type: 'transfer'; readonly target: MemberId; readonly why: string };

export function targetVoters(liveMembers: number): 1 | 3 | 5 {
  if (liveMembers >= 5) return 5;
  return liveMembers >= 3 ? 3 : 1;
}

/** What the present leader should do next; undefined when all is as it should be, or nothing can be done yet. */
export function nextMembershipStep(input: AutopilotInput): AutopilotStep | undefined {
  const view = new View(input);
  if (isJoint(input.config)) return input.config.voters.includes(input.self) ? undefined : handOver(view);
  const choice = view.mustGo(input.self) ? votersWithoutLeader(view) : nextVoters(view);
  const standbys = chooseStandbys(view, choice.voters);
  const removed = chooseRemoved(view, choice.voters, standbys);
  const { config } = input;
  const sameVoters = sameMembers(config.voters, choice.voters);
  if (!sameVoters && !(view.hasLiveMajority(config.voters) && view.hasLiveMajority(choice.voters))) return undefined;
  if (sameVoters && sameMembers(config.standbys, standbys) && removed.length === config.removed.length) return undefined;
  const why = sameVoters ? describeStandbys(config, standbys, removed) : choice.why;
  return { type: 'change', voters: choice.voters, standbys, removed, why };
}

interface VoterChoice {
  readonly voters: readonly MemberId[];
  readonly why: string;
}

/** The input with its questions answered. */
class View {
  readonly input: AutopilotInput;
  readonly #members: ReadonlyMap<MemberId, AutopilotMember>;
  readonly #progress: ReadonlyMap<MemberId, FollowerProgress>;

  constructor(input: AutopilotInput) {
    this.input = input;
    this.#members = new Map(input.members.map((item) => [item.member, item]));
    this.#progress = new Map(input.progress.map((item) => [item.member, item]));
  }

  member(id: MemberId): AutopilotMember | undefined {
    return this.#members.get(id);
  }

  progress(id: MemberId): FollowerProgress | undefined {
    return this.#progress.get(id);
  }

  isAlive(id: MemberId): boolean {
    return id === this.input.self || (this.#members.get(id)?.alive ?? false);
  }

  deadMs(id: MemberId): number {
    return this.isAlive(id) ? 0 : (this.input.deadMs.get(id) ?? 0);
  }

  /** Leaves, is not allowed to vote, or cannot be trusted. */
  mustGo(id: MemberId): boolean {
    return this.input.leaving.has(id) || this.input.alarmed.has(id) || this.#members.get(id)?.voteAllowed === false;
  }

  /** May be given a place now. */
  isEligible(id: MemberId): boolean {
    return this.isAlive(id) && !this.mustGo(id) && !this.input.config.removed.includes(id);
  }

  /** A voter dead for a moment keeps its place; it may be back before anything is decided. */
  keepsVote(id: MemberId): boolean {
    return !this.mustGo(id) && this.deadMs(id) < this.input.options.voterDeadMs;
  }

  isCaughtUp(id: MemberId): boolean {
    const progress = this.#progress.get(id);
    if (progress === undefined || progress.receivesSnapshot) return false;
    const since = this.input.now - this.input.options.electionMs;
    return progress.lastAckedSentAt >= since && (progress.matchIndex >= this.input.lastIndex || progress.caughtUpAt >= since);
  }

  promotable(): MemberId[] {
    return this.input.config.standbys.filter((id) => this.isEligible(id) && this.isCaughtUp(id));
  }

  hasLiveMajority(voters: readonly MemberId[]): boolean {
    return voters.filter((id) => this.isAlive(id)).length >= majorityOf(voters.length);
  }

  /** Best first: other hosts than `taken`, fewer flaps, longer uptime, lower id. Greedy, so hosts spread as they are taken. */
  pick(candidates: readonly MemberId[], count: number, taken: readonly MemberId[]): MemberId[] {
    const left = [...candidates];
    const picked: MemberId[] = [];
    const hosts = new Set(taken.map((id) => this.#members.get(id)?.host ?? id));
    while (picked.length < count && left.length > 0) {
      left.sort((a, b) => this.#compare(a, b, hosts));
      const best = left.shift()!;
      picked.push(best);
      hosts.add(this.#members.get(best)?.host ?? best);
    }
    return picked;
  }

  #compare(a: MemberId, b: MemberId, hosts: ReadonlySet<string>): number {
    const left = this.#members.get(a);
    const right = this.#members.get(b);
    const sameHost = Number(hosts.has(left?.host ?? a)) - Number(hosts.has(right?.host ?? b));
    if (sameHost !== 0) return sameHost;
    const flaps = (left?.flaps ?? 0) - (right?.flaps ?? 0);
    if (flaps !== 0) return flaps;
    const uptime = (right?.uptimeMs ?? 0) - (left?.uptimeMs ?? 0);
    if (uptime !== 0) return uptime;
    return a < b ? -1 : 1;
  }
}

/**
 * Inside the joint phase a leader that is not part of what follows gives way to somebody who is: to one who wants to
 * leave as well if there is no other, since only the next leader can end the change.
 */
function handOver(view: View): AutopilotStep | undefined {
  const { config, self } = view.input;
  const alive = config.voters.filter((id) => view.isAlive(id));
  const staying = alive.filter((id) => !view.mustGo(id));
  const candidates = staying.length > 0 ? staying : alive;
  const caughtUp = candidates.filter((id) => view.isCaughtUp(id));
  const [target] = view.pick(caughtUp.length > 0 ? caughtUp : candidates, 1, []);
  return target === undefined ? undefined : { type: 'transfer', target, why: `${self} is not among the next voters` };
}

/** Largest legal size that is wanted and can be filled. */
function fillable(wanted: number, available: number): number {
  return [5, 3, 1].find((size) => size <= wanted && size <= available) ?? 0;
}

/** The leader goes: voters without it and without the dead, who take over inside the joint phase. */
function votersWithoutLeader(view: View): VoterChoice {
  const { config, self } = view.input;
  const stay = config.voters.filter((id) => id !== self && view.isEligible(id));
  const promotable = view.promotable();
  const live = countLive(view);
  const size = fillable(targetVoters(live), stay.length + promotable.length);
  // Nobody can take over yet: at least let the others catch up as standbys.
  if (size === 0) return { voters: config.voters, why: '' };
  const kept = view.pick(stay, size, []);
  const voters = [...kept, ...view.pick(promotable, size - kept.length, kept)];
  return { voters, why: `leader ${self} leaves` };
}

/** Members that count for the target: voters that keep their place, and everybody who could be given one. */
function countLive(view: View): number {
  const { config, members, self } = view.input;
  const counted = new Set(members.filter((item) => view.isEligible(item.member)).map((item) => item.member));
  for (const id of config.voters) if (view.keepsVote(id)) counted.add(id);
  if (view.mustGo(self)) counted.delete(self);
  else counted.add(self);
  return counted.size;
}

function nextVoters(view: View): VoterChoice {
  const { config, self, options } = view.input;
  const target = targetVoters(countLive(view));
  const stay = config.voters.filter((id) => id === self || view.keepsVote(id));
  const promotable = view.promotable();
  const gone = config.voters.filter((id) => !stay.includes(id));
  if (gone.length === 0) {
    const size = fillable(target, stay.length + promotable.length);
    if (size <= stay.length) return { voters: config.voters, why: '' };
    return { voters: [...stay, ...view.pick(promotable, size - stay.length, stay)], why: `growth from ${stay.length} to ${size} voters` };
  }
  const asked = gone.some((id) => view.mustGo(id));
  // Who takes the place of a dead voter has shown that it stays; somebody who says goodbye is not made to wait.
  const substitutes = asked ? promotable : promotable.filter((id) => (view.member(id)?.stableMs ?? 0) >= options.voterDeadMs);
  const size = fillable(target, stay.length + substitutes.length);
  // A dead voter does no harm while its substitute is still catching up.
  if (!asked && size < target) return { voters: config.voters, why: '' };
  const kept = [self, ...view.pick(stay.filter((id) => id !== self), size - 1, [self])];
  const voters = [...kept, ...view.pick(substitutes, size - kept.length, kept)];
  return { voters, why: `${gone.join(', ')} ${asked ? 'leaves' : 'dead'}` };
}

/** Present standbys first, so that nothing churns; then members that are on their way to become voters, then spares. */
function chooseStandbys(view: View, voters: readonly MemberId[]): MemberId[] {
  const { config, members, options } = view.input;
  const live = countLive(view);
  const spare = options.spareStandbys ?? 2;
  const wanted = Math.min(Math.max(0, targetVoters(live) - voters.length) + spare, STANDBYS_MAX);
  const free = (id: MemberId): boolean => !voters.includes(id);
  // A standby that is dead for a moment keeps its place like a voter.
  const present = config.standbys.filter((id) => free(id) && view.keepsVote(id) && !config.removed.includes(id));
  const demoted = config.voters.filter((id) => free(id) && view.isEligible(id));
  const others = members.map((item) => item.member).filter((id) => free(id) && view.isEligible(id) && !present.includes(id) && !demoted.includes(id));
  const standbys: MemberId[] = [];
  for (const group of [present, demoted, others]) standbys.push(...view.pick(group, wanted - standbys.length, [...voters, ...standbys]));
  return standbys;
}

/** Gone for good: forgotten, or with a disk that cannot be trusted. Whoever only leaves may come back. */
function chooseRemoved(view: View, voters: readonly MemberId[], standbys: readonly MemberId[]): MemberId[] {
  const { config, alarmed, deadMs, options } = view.input;
  const forgotten = [...deadMs.keys()].filter((id) => view.deadMs(id) >= options.memberForgottenMs);
  const evicted = [...new Set([...alarmed, ...forgotten])].filter((id) => !config.removed.includes(id) && !voters.includes(id) && !standbys.includes(id));
  return [...config.removed, ...evicted.sort()].slice(0, Math.max(REMOVED_MAX, config.removed.length));
}

function describeStandbys(config: Config, standbys: readonly MemberId[], removed: readonly MemberId[]): string {
  const joins = standbys.filter((id) => !config.standbys.includes(id)).map((id) => `${id} joins as standby`);
  const leaves = config.standbys.filter((id) => !standbys.includes(id)).map((id) => `standby ${id} goes`);
  const evicted = removed.slice(config.removed.length).map((id) => `${id} is evicted`);
  return [...joins, ...leaves, ...evicted].join(', ');
}
