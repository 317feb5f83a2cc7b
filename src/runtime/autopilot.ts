/**
 * The leader's hand on the configuration: gathers what is known of the members and lets the pure rules
 * (src/core/raft/autopilot.ts) decide the next step.
 */
import type { MemberId, NodeId } from '../core/lib/ids.ts';
import { nodeOfMember } from '../core/lib/ids.ts';
import { nextMembershipStep, type AutopilotMember } from '../core/raft/autopilot.ts';
import type { NodeContext } from './context.ts';
import type { KnownNode } from './discovery.ts';
import type { Leader } from './leader.ts';
import type { Replica } from './replica.ts';

const INTERVAL_MS = 250;
/** A leader that was just elected does not hand over: on machines that are all too slow the office would wander. */
const OFFICE_MS_MIN = 30_000;

export interface AutopilotHooks {
  knownNode(node: NodeId): KnownNode | undefined;
  /** Sees to it that this node leads no more if the process has slept and nobody has noticed yet. */
  checkSuspended(): void;
}

export class Autopilot {
  readonly #context: NodeContext;
  readonly #replica: Replica;
  readonly #leader: Leader;
  readonly #hooks: AutopilotHooks;
  readonly #leaving = new Set<NodeId>();
  readonly #evicted = new Set<MemberId>();
  readonly #startedAt: number;
  readonly #timer: { cancel(): void };
  /** When each member answered last, as of this tick. */
  #ackedAt: ReadonlyMap<MemberId, number> = new Map();

  constructor(context: NodeContext, replica: Replica, leader: Leader, hooks: AutopilotHooks) {
    this.#context = context;
    this.#replica = replica;
    this.#leader = leader;
    this.#hooks = hooks;
    this.#startedAt = context.now();
    this.#timer = context.every(() => Math.min(INTERVAL_MS, context.timing.electionMs / 2), () => this.#tick());
  }

  stop(): void {
    this.#timer.cancel();
  }

  /** Its disk seems rolled back or cloned: it must not count any more. */
  alarm(member: MemberId, reason: string): void {
    this.#evicted.add(member);
    this.#context.note('error', 'member-evicted', `${member} is evicted: ${reason}`, { member, reason });
  }

  /** This node is too slow to lead: another voter that keeps up may do it. */
  handOver(): void {
    const now = this.#context.now();
    const { raft } = this.#replica;
    if (now - this.#startedAt < OFFICE_MS_MIN || raft.configChangePending) return;
    const able = raft.progress().filter(({ member, lastAckedSentAt }) => raft.config.voters.includes(member) && !this.#evicted.has(member) && now - lastAckedSentAt < this.#context.timing.electionMs);
    const [best] = able.sort((a, b) => b.matchIndex - a.matchIndex);
    if (best === undefined) return;
    this.#context.note('warn', 'leader-lagging', `this node has been too slow for seconds: ${best.member} is asked to lead`, { target: best.member });
    this.#replica.transfer(best.member);
  }

  /** @returns whether this node may go: it is out of the configuration, and its session has ended. */
  release(node: NodeId): boolean {
    const { sessions } = this.#leader;
    const session = sessions.ofNode(node);
    if (session !== undefined) session.leaving = true;
    if (!this.#leaving.has(node)) {
      this.#leaving.add(node);
      this.#tick();
    }
    if (this.#replica.raft.configChangePending) return false;
    if (this.#closing()) return this.#releaseAll(node);
    if ([...this.#configured()].some((member) => nodeOfMember(member) === node)) return false;
    // What it still holds is handed back by this, not lost.
    this.#leader.endSession(node);
    return session === undefined;
  }

  /** The whole cluster is being shut down: the log stays where it is. */
  #closing(): boolean {
    for (const session of this.#leader.sessions.all()) if (session.downSince === undefined && !session.leaving && !this.#leaves(session.node)) return false;
    return true;
  }

  /**
   * Nobody goes while somebody still has something to finish, since that takes a majority to record. Then all sessions
   * end, and the leader goes last: the others need it to be let go.
   */
  #releaseAll(node: NodeId): boolean {
    const { self, ports } = this.#context;
    const present = [...this.#leader.sessions.all()].filter((session) => session.downSince === undefined);
    if (present.some((session) => !session.leaving)) return false;
    for (const session of present) this.#leader.endSession(session.node);
    if (present.length > 0) return false;
    if (node !== self) return true;
    for (const other of this.#leaving) if (other !== self && ports.transport.isConnected(other)) return false;
    return true;
  }

  /** It asked for it, or its beacons say so: a leader that was just elected has not been asked yet. */
  #leaves(node: NodeId): boolean {
    return this.#leaving.has(node) || this.#hooks.knownNode(node)?.beacon.stopping === true;
  }

  #tick(): void {
    const { raft } = this.#replica;
    // Who answered just before a sleep did not answer just now.
    this.#hooks.checkSuspended();
    if (!this.#replica.mayPlan()) return;
    // A change that was begun is finished first, or nobody could lead what is left on the disks.
    if (this.#closing() && raft.config.outgoing.length === 0) return;
    if (raft.configChangePending && raft.config.outgoing.length === 0) return;
    const now = this.#context.now();
    this.#welcomeBack();
    const { electionMs, voterDeadMs, memberForgottenMs } = this.#context.timing;
    const progress = raft.progress();
    this.#ackedAt = new Map(progress.map(({ member, lastAckedSentAt }) => [member, lastAckedSentAt]));
    const members = this.#members(now);
    const decision = nextMembershipStep({
      self: this.#replica.self,
      config: raft.config,
      lastIndex: raft.lastIndex,
      progress,
      members,
      deadMs: this.#dead(now),
      leaving: this.#leavingMembers(members),
      alarmed: this.#evicted,
      now,
      options: { electionMs, voterDeadMs, memberForgottenMs },
    });
    if (decision === undefined) return;
    this.#context.note('info', 'membership', decision.why, { ...decision });
    if (decision.type === 'transfer') this.#replica.transfer(decision.target);
    else this.#replica.changeConfig(decision.voters, decision.standbys, decision.removed);
  }

  /** A node that left and has a new session since is there again, and to stay. */
  #welcomeBack(): void {
    for (const node of this.#leaving) if (this.#leader.sessions.ofNode(node)?.leaving === false) this.#leaving.delete(node);
  }

  /** Everybody with a session that could hold the log, and those of the configuration that answer without one. */
  #members(now: number): AutopilotMember[] {
    const members: AutopilotMember[] = [];
    for (const session of this.#leader.sessions.all()) {
      if (session.member === '' || this.#evicted.has(session.member)) continue;
      const heardMs = now - Math.max(session.lastHeardAt, this.#ackedAtOf(session.member));
      const sessionMs = now - session.openedAt;
      members.push({
        member: session.member,
        node: session.node,
        alive: session.downSince === undefined && heardMs <= this.#context.timing.sessionTtlMs / 2,
        stableMs: sessionMs,
        voteAllowed: true,
        uptimeMs: sessionMs,
        flaps: this.#leader.sessions.flaps.get(session.node) ?? 0,
        host: hostOf(this.#hooks.knownNode(session.node)?.beacon.addresses ?? session.addresses) || session.node,
      });
    }
    const withSession = new Set(members.map(({ node }) => node));
    for (const member of this.#configured()) {
      const node = nodeOfMember(member);
      if (withSession.has(node) || now - this.#ackedAtOf(member) > 2 * this.#context.timing.electionMs) continue;
      members.push({ member, node, alive: true, stableMs: 0, voteAllowed: true, uptimeMs: 0, flaps: 0, host: node });
    }
    return members;
  }

  #configured(): Set<MemberId> {
    const { voters, outgoing, standbys } = this.#replica.config;
    return new Set([...voters, ...outgoing, ...standbys]);
  }

  #ackedAtOf(member: MemberId): number {
    return this.#ackedAt.get(member) ?? -Infinity;
  }

  /** How long each member of the configuration that does not answer has been silent. */
  #dead(now: number): Map<MemberId, number> {
    const dead = new Map<MemberId, number>();
    for (const member of this.#configured()) {
      if (member === this.#replica.self) continue;
      const session = this.#leader.sessions.ofNode(nodeOfMember(member));
      // Another disk of the same node has a session: this one is gone for good.
      const replaced = session !== undefined && session.member !== '' && session.member !== member;
      const bySession = session?.member === member && session.downSince === undefined ? session.lastHeardAt : -Infinity;
      const heard = Math.max(this.#ackedAtOf(member), bySession, this.#startedAt);
      if (replaced) dead.set(member, Infinity);
      else if (now - heard > 2 * this.#context.timing.electionMs) dead.set(member, now - heard);
    }
    return dead;
  }

  /** Also those that have their seat no more: they must not be given one again while they are on their way out. */
  #leavingMembers(members: readonly AutopilotMember[]): Set<MemberId> {
    const all = [...this.#configured(), ...members.map(({ member }) => member)];
    return new Set(all.filter((member) => this.#leaves(nodeOfMember(member))));
  }
}

/** The address part that tells machines apart; '' when unknown. */
function hostOf(addresses: readonly string[]): string {
  const first = addresses[0];
  return first === undefined ? '' : first.split('/').slice(0, 3).join('/');
}
