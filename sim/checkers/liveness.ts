/**
 * After the last fault, with a healthy majority core: L1, L2, L3, L4, L6 and L9. Each bound is the page's own plus what the
 * network needs to notice and to dial again.
 */
import { isRunFinal } from '../../src/core/cell/state.ts';
import { nodeOfMember, type MemberId, type SessionId } from '../../src/core/lib/ids.ts';
import { targetVoters } from '../../src/core/raft/autopilot.ts';
import type { Cluster } from '../cluster.ts';
import type { Core } from '../core-heal.ts';
import type { SimNode } from '../sim-node.ts';
import type { Workload } from '../workload.ts';

/** For everything that was accepted to end, however much had piled up. */
const ALL_DONE_MS = 900_000;
/** From the end of the last run until every worker has been told and has stopped. */
const IDLE_MS = 20_000;
/** Without any module coming nearer to its end: longer than any execution, retry or expiry of a session. */
const STANDSTILL_MS = 45_000;
const VOTERS_RETURN_MS = 30_000;
const DEAD_VOTER_MS = 60_000;
const ANSWER_MS = 5000;

export class LivenessChecker {
  readonly #cluster: Cluster;
  readonly #core: Core;
  readonly #workload: Workload;
  /** The core, and who is slow: a bad leader and a bad voter, but nobody can say that it is dead. */
  readonly #alive: readonly SimNode[];
  /** The bounds are counted on the clocks of the core; the slowest of them sets the pace. */
  readonly #pace: number;
  /** L1 was judged: a leader of the core stayed, and no change of members explains anything else. */
  #stayed = false;
  /** Until every side of a healed link has noticed and dialled again. */
  readonly #settleMs: number;

  constructor(cluster: Cluster, core: Core, workload: Workload) {
    this.#cluster = cluster;
    this.#core = core;
    this.#workload = workload;
    const { dialTimeoutMs, dialBackoffMaxMs, delayMinMs, delayJitterMs } = cluster.network.options;
    this.#alive = [...core.nodes, ...[...core.broken].filter(([, how]) => how === 'slow').map(([node]) => node)];
    this.#pace = 1 / Math.min(...core.nodes.map(({ clock }) => clock.rate));
    this.#settleMs = dialTimeoutMs + 1.5 * dialBackoffMaxMs + 40 * (delayMinMs + delayJitterMs);
  }

  /** Runs the cluster until all is well, or reports what is not. @returns virtual ms that it took. */
  check(): number {
    const { kernel } = this.#cluster;
    const start = kernel.now;
    if (this.#leaderAppears() && this.#deadSessionsEnd() && this.#leaderStays() && this.#everythingEnds() && this.#workersRest() && this.#votersReturn(start) && (this.#stayed || this.#leaderStays()) && this.#everybodyAnswers()) this.#replicasAgree();
    return kernel.now - start;
  }

  leader(): SimNode | undefined {
    const leader = this.#cluster.leader(this.#alive);
    return leader?.replica?.cell === this.#core.cell ? leader : undefined;
  }

  /** L1, first half: a leader that has committed its Noop and that a majority answers, within 3E + 1 s. */
  #leaderAppears(): boolean {
    const bound = this.#settleMs + this.#pace * (3 * this.#cluster.init.timing.electionMs + 1000);
    const done = (): boolean => this.leader()?.replica?.mayPlan() === true;
    return this.#cluster.runUntil(done, bound) || this.#fail('L1', `no leader that a majority answers after ${Math.round(bound)} ms`);
  }

  /** L3: claims of dead sessions go to others within 1.5 TTL + 3E. */
  #deadSessionsEnd(): boolean {
    const { sessionTtlMs, electionMs } = this.#cluster.init.timing;
    const bound = this.#settleMs + this.#pace * (1.5 * sessionTtlMs + 3 * electionMs);
    const silent = new Set([...this.#core.broken].filter(([, how]) => how !== 'deaf' && how !== 'slow').map(([node]) => node.id));
    const held = (): string[] => [...(this.leader()?.replica?.state.sessions.values() ?? [])].filter(({ nodeId }) => silent.has(nodeId)).map(({ name }) => name);
    return this.#cluster.runUntil(() => this.leader() !== undefined && held().length === 0, bound, 50) || this.#fail('L3', `sessions of dead nodes are still open after ${Math.round(bound)} ms: ${held().join()}`);
  }

  /**
   * L1, second half: it stays leader for 10E. Handing over by its own will is no loss, and a slow node promises nothing:
   * then it is asked once more when the voters are back, which is more than half of the time.
   */
  #leaderStays(): boolean {
    const { electionMs } = this.#cluster.init.timing;
    const before = this.leader();
    const term = before?.replica?.raft.term;
    const members = this.#cluster.checkers.membership.changes;
    this.#cluster.run(10 * electionMs);
    const now = this.leader();
    const moved = this.#cluster.checkers.membership.changes !== members;
    const promised = before !== undefined && this.#core.nodes.includes(before);
    this.#stayed = promised && !moved;
    return this.#cluster.violation === undefined && (moved || !promised || (now === before && now?.replica?.raft.term === term) || this.#fail('L1', `${before?.name} led term ${term} and lost its office within 10 election timeouts`));
  }

  /** L2 and L9: every request is answered, every accepted run ends. */
  #everythingEnds(): boolean {
    const cluster = this.#cluster;
    const done = (): boolean => {
      const state = this.leader()?.replica?.state;
      if (state !== undefined) this.#workload.resumeAll(state, this.#core.nodes);
      return this.#workload.open === 0 && this.#liveRuns().length === 0;
    };
    const deadline = cluster.kernel.now + ALL_DONE_MS;
    let progress = -1;
    while (!done()) {
      const now = cluster.checkers.claims.results + this.#workload.answered;
      if (now === progress || cluster.kernel.now > deadline) return this.#fail('L2', `nothing ended for ${STANDSTILL_MS} ms: ${this.pending()}`);
      progress = now;
      if (!cluster.runUntil(done, STANDSTILL_MS, 100) && cluster.violation !== undefined) return false;
    }
    return true;
  }

  /** Nobody executes on for a run that has ended. */
  #workersRest(): boolean {
    const busy = (): SimNode[] => this.#core.nodes.filter((node) => node.incarnation?.executor.running().length !== 0);
    return this.#cluster.runUntil(() => busy().length === 0, IDLE_MS, 100) || this.#fail('L2', `all runs have ended, but ${busy().map(({ name }) => name).join()} still execute modules`);
  }

  /**
   * L4: within 30 s as many voters as the living members allow for, within 60 s no dead one among them. Most of that time
   * has passed already while the runs ended.
   */
  #votersReturn(start: number): boolean {
    const { kernel } = this.#cluster;
    const alive = new Set(this.#alive.map(({ id }) => id));
    const voters = (): readonly MemberId[] => this.leader()?.replica?.config.voters ?? [];
    const living = (): number => voters().filter((member) => alive.has(nodeOfMember(member))).length;
    const wanted = targetVoters(this.#core.nodes.length);
    const within = (ms: number): number => Math.max(0, start + this.#settleMs + this.#pace * ms - kernel.now);
    const describe = (): string => `${voters().map(nodeOfMember).join()} of which ${living()} are alive`;
    if (!this.#cluster.runUntil(() => living() >= wanted, within(VOTERS_RETURN_MS), 100)) return this.#fail('L4', `${wanted} voters should be alive after ${VOTERS_RETURN_MS} ms, but the voters are ${describe()}`);
    const done = (): boolean => living() >= wanted && living() === voters().length;
    return this.#cluster.runUntil(done, within(DEAD_VOTER_MS), 100) || this.#fail('L4', `a dead voter is still one after ${DEAD_VOTER_MS} ms: ${describe()}`);
  }

  /** L9: a Submit to any living node is answered within 5 s. */
  #everybodyAnswers(): boolean {
    const asked = this.#core.nodes.map((node) => ({ node, answered: this.#workload.probe(node) }));
    const silent = (): SimNode[] => asked.filter(({ answered }) => !answered()).map(({ node }) => node);
    const done = this.#cluster.runUntil(() => silent().length === 0, ANSWER_MS, 20);
    return (done || this.#fail('L9', `a Submit to ${silent().map(({ name }) => name).join()} was not answered within ${ANSWER_MS} ms`)) && this.#everythingEnds() && this.#workersRest();
  }

  /** L6: all replicas of the core reach the same index. (S15 compares their states.) */
  #replicasAgree(): boolean {
    const replicas = (): number[] => this.#members().map((node) => node.replica?.appliedIndex ?? 0);
    const done = (): boolean => new Set(replicas()).size <= 1;
    return this.#cluster.runUntil(done, 10_000, 10) || this.#fail('L6', `replicas stand at ${this.#members().map((node) => `${node.name}=${node.replica?.appliedIndex}`).join(' ')}`);
  }

  #members(): SimNode[] {
    return this.#core.nodes.filter((node) => node.runtime?.host.isMember === true && node.replica?.cell === this.#core.cell);
  }

  #liveRuns(): string[] {
    const state = this.leader()?.replica?.state;
    if (state === undefined) return ['unknown: nobody leads'];
    return [...state.runs.values()].filter((run) => !isRunFinal(run.phase)).map((run) => run.shortId);
  }

  /** Why the cluster is not done, in words. */
  pending(): string {
    const leader = this.leader();
    const lines = [`${this.#workload.open} requests without answer, live runs: ${this.#liveRuns().slice(0, 10).join() || 'none'}`];
    lines.push(`leader ${leader?.name ?? 'none'}; ${this.#core.nodes.map((node) => this.#describe(node)).join('; ')}`);
    const state = leader?.replica?.state;
    if (state === undefined) return lines.join('. ');
    const soft = new Map([...(leader?.runtime?.host.leader?.sessions.all() ?? [])].map((session) => [session.id, session]));
    const waits = (id: SessionId): string => {
      const { committing, fetching } = soft.get(id) ?? { committing: new Set(), fetching: new Set() };
      return `${committing.size > 0 ? `, ${committing.size} have ended and wait for copies of their files` : ''}${fetching.size > 0 ? `, ${fetching.size} wait for their inputs` : ''}`;
    };
    lines.push(`sessions ${[...state.sessions.values()].map((session) => `${session.name}(${session.claims.size} claims${waits(session.id)})`).join(' ')}`);
    for (const run of state.runs.values()) {
      if (isRunFinal(run.phase)) continue;
      lines.push(`run ${run.shortId}: ${run.modules.map((module) => `${module.index}=${module.phase}${module.session === 0 ? '' : `@${module.session}`}${module.note === '' ? '' : ` (${module.note})`}`).join(' ')}`);
      if (lines.length > 8) break;
    }
    return lines.join('. ');
  }

  #describe(node: SimNode): string {
    const { replica, runtime } = node;
    if (replica === undefined) return `${node.name} ${node.state} ${runtime?.phase} without log`;
    const { raft } = replica;
    return `${node.name} ${runtime?.phase} ${raft.role} term ${raft.term} log ${raft.lastIndex} commit ${raft.commitIndex} voters ${raft.config.voters.map((member) => member.slice(0, 6)).join('+')}${raft.config.outgoing.length > 0 ? ' joint' : ''}`;
  }

  #fail(invariant: string, message: string): boolean {
    if (this.#cluster.violation === undefined) this.#cluster.report(invariant, `${message}. ${invariant === 'L2' ? '' : this.pending()}`);
    return false;
  }
}
