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

export class Autopilot {
  readonly #context: NodeContext;
  readonly #replica: Replica;
  readonly #leader: Leader;
  readonly #knownNode: (node: NodeId) => KnownNode | undefined;
  readonly #leaving = new Set<NodeId>();
  readonly #evicted = new Set<MemberId>();
  readonly #startedAt: number;
  readonly #timer: { cancel(): void };

  constructor(context: NodeContext, replica: Replica, leader: Leader, knownNode: (node: NodeId) => KnownNode | undefined) {
    this.#context = context;
    this.#replica = replica;
    this.#leader = leader;
    this.#knownNode = knownNode;
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

  /** @returns whether this node is out of the configuration and its session has ended. */
  release(node: NodeId): boolean {
    const session = this.#leader.sessions.ofNode(node);
    if (session !== undefined) session.leaving = true;
    if (!this.#leaving.has(node)) {
      this.#leaving.add(node);
      this.#tick();
    }
    if (this.#everybodyLeaves()) return true;
    const inConfig = [...this.#configured()].some((member) => nodeOfMember(member) === node);
    if (inConfig || this.#replica.raft.configChangePending) return false;
    this.#leader.endSession(node);
    return session === undefined;
  }

  /** The whole cluster is being shut down: the log stays where it is. */
  #everybodyLeaves(): boolean {
    for (const session of this.#leader.sessions.all()) if (!session.leaving && session.downSince === undefined) return false;
    return true;
  }

  #tick(): void {
    const { raft } = this.#replica;
    if (!this.#replica.mayPlan() || this.#everybodyLeaves()) return;
    if (raft.configChangePending && raft.config.outgoing.length === 0) return;
    const now = this.#context.now();
    this.#welcomeBack();
    const { electionMs, voterDeadMs, memberForgottenMs } = this.#context.timing;
    const decision = nextMembershipStep({
      self: this.#replica.self,
      config: raft.config,
      lastIndex: raft.lastIndex,
      progress: raft.progress(),
      members: this.#members(now),
      deadMs: this.#dead(now),
      leaving: this.#membersOf(this.#leaving),
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
      const heardMs = now - Math.max(session.lastHeardAt, this.#ackedAt(session.member));
      const sessionMs = now - session.openedAt;
      members.push({
        member: session.member,
        node: session.node,
        alive: session.downSince === undefined && heardMs <= this.#context.timing.sessionTtlMs / 2,
        stableMs: sessionMs,
        voteAllowed: true,
        uptimeMs: sessionMs,
        flaps: this.#leader.sessions.flaps.get(session.node) ?? 0,
        host: hostOf(this.#knownNode(session.node)?.beacon.addresses ?? session.addresses) || session.node,
      });
    }
    const withSession = new Set(members.map(({ node }) => node));
    for (const member of this.#configured()) {
      const node = nodeOfMember(member);
      if (withSession.has(node) || now - this.#ackedAt(member) > 2 * this.#context.timing.electionMs) continue;
      members.push({ member, node, alive: true, stableMs: 0, voteAllowed: true, uptimeMs: 0, flaps: 0, host: node });
    }
    return members;
  }

  #configured(): Set<MemberId> {
    const { voters, outgoing, standbys } = this.#replica.config;
    return new Set([...voters, ...outgoing, ...standbys]);
  }

  #ackedAt(member: MemberId): number {
    return this.#replica.raft.progress().find((entry) => entry.member === member)?.lastAckedSentAt ?? -Infinity;
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
      const heard = Math.max(this.#ackedAt(member), bySession, this.#startedAt);
      if (replaced) dead.set(member, Infinity);
      else if (now - heard > 2 * this.#context.timing.electionMs) dead.set(member, now - heard);
    }
    return dead;
  }

  #membersOf(nodes: ReadonlySet<NodeId>): Set<MemberId> {
    return new Set([...this.#configured()].filter((member) => nodes.has(nodeOfMember(member))));
  }
}

/** The address part that tells machines apart; '' when unknown. */
function hostOf(addresses: readonly string[]): string {
  const first = addresses[0];
  return first === undefined ? '' : first.split('/').slice(0, 3).join('/');
}
