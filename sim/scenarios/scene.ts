/** The stage of a scenario: more words than a drill needs, and demands of its own. */
import type { MemberId, RunId } from '../../src/core/lib/ids.ts';
import { isRunFinal, type RunRecord } from '../../src/core/cell/state.ts';

import type { Invariant } from '../checkers/checker.ts';
import type { Broken } from '../core-heal.ts';
import type { ExecutionRecord } from '../ledger.ts';
import { PIPELINE_MIX } from '../pipelines.ts';
import type { SimNode } from '../sim-node.ts';
import { Over, Stage } from '../stage.ts';
import { CURIOSITY, Workload } from '../workload.ts';

/** Small runs of all kinds, looked at and cancelled now and then. */
const CLIENTS = { submitEveryMs: 300, cancelRate: 0.05, answerTimeoutMs: 1000, runsMax: 10_000, pipelines: { ...PIPELINE_MIX, modulesMax: 4, durationMeanMs: 50, hangRate: 0, tightRate: 0 }, curiosity: { ...CURIOSITY, readEveryMs: 500 } };
const BOOT_MS = 100;

export class Scene extends Stage {
  // ── Demands ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param invariant that it breaks; decides about the exit code of the command. @param message what is wrong. */
  demand(invariant: Invariant, holds: boolean, message: string | (() => string)): void {
    if (!holds) this.cluster.report(invariant, typeof message === 'string' ? message : message());
    if (this.cluster.violation !== undefined) throw new Over();
  }

  /** Waits for what must come. @param message what is wrong when it does not. */
  demandWithin(invariant: Invariant, ms: number, done: () => boolean, message: string | (() => string)): void {
    const came = this.cluster.runUntil(done, ms, 1);
    this.demand(invariant, came, message);
  }

  /** Waits for so long, and all that time this must not happen. */
  demandNever(invariant: Invariant, ms: number, happens: () => boolean, message: string | (() => string)): void {
    const came = this.cluster.runUntil(happens, ms, 1);
    this.demand(invariant, !came, message);
  }

  /** What the story waits for must come: with all rules in force, nothing that it waits for can fail to. */
  protected override stuck(what: string): never {
    this.cluster.report('L1', what);
    throw new Over();
  }

  /**
   * The end of most stories. Those that are not broken for ever make progress and reach the same state, every run has
   * ended, nothing that a client was told is missing, and there is an order in which all of it makes sense.
   */
  demandAllIsWell(workload: Workload, broken: ReadonlyMap<SimNode, Broken> = new Map()): void {
    this.demandProgress(broken, workload);
    const { checkers } = this.cluster;
    const members = this.cluster.up().filter((node) => !broken.has(node) && node.runtime?.host.isMember === true);
    const [first] = members;
    if (first?.replica === undefined) return this.demand('L6', false, 'nobody has a log');
    checkers.states.compareAll(members);
    checkers.requests.finish(members);
    workload.lookAtAll(first.replica.state);
    workload.checkHistory();
    this.demand('L2', [...first.replica.state.runs.values()].every((run) => isRunFinal(run.phase)), 'a run has not ended');
  }

  /** From now on this member says nothing to the others' questions: no vote, no acknowledgement. */
  demandSilence(member: MemberId, why: string): void {
    this.cluster.checkers.watch({
      raftSent: (node, { from, message }) => {
        if (from === member) this.cluster.report('S11', `${node.name} sends a ${message.type} as ${member}, though ${why}`);
      },
    });
  }

  // ── Cast ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Leads and has its majority; waits for one. */
  newLeader(among: readonly SimNode[] = this.cluster.nodes): SimNode {
    const leads = (): SimNode | undefined => {
      const node = this.cluster.leader(among);
      return node?.replica?.mayPlan() === true ? node : undefined;
    };
    this.until(`a leader among ${among.map(({ name }) => name).join(' ')}`, () => leads() !== undefined, 20_000, 1);
    return leads() as SimNode;
  }

  /** The voters of a cell of three, the leader first. */
  three(): readonly [SimNode, SimNode, SimNode] {
    return this.#voters() as unknown as readonly [SimNode, SimNode, SimNode];
  }

  /** The voters of a cell of five, the leader first. */
  five(): readonly [SimNode, SimNode, SimNode, SimNode, SimNode] {
    return this.#voters() as unknown as readonly [SimNode, SimNode, SimNode, SimNode, SimNode];
  }

  #voters(): SimNode[] {
    const leader = this.newLeader();
    const others = this.replica(leader).config.voters.map((member) => this.nodeOf(member)).filter((node) => node !== leader);
    return [leader, ...others];
  }

  members(...nodes: readonly SimNode[]): MemberId[] {
    return nodes.map((node) => this.member(node));
  }

  /** Clients that submit, cancel, repeat and read at all nodes; what they are told is checked at the end (S23). */
  clients(): Workload {
    const workload = new Workload(this.cluster, CLIENTS, this.cluster.random.fork('clients'));
    workload.start();
    this.run(1000);
    return workload;
  }

  // ── Runs ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The run of this request, as a node that holds the log has it. */
  runOf(key: string, node: SimNode = this.leader): RunRecord | undefined {
    const runId = this.runIdOf(key);
    return [...(node.replica?.state.runs.values() ?? [])].find((run) => run.runId === runId);
  }

  /** As the client was told. */
  runIdOf(key: string): RunId | undefined {
    return this.cluster.checkers.requests.promised.get(key);
  }

  /** @returns the run, which has succeeded. */
  demandSuccess(key: string, withinMs: number): RunRecord {
    const run = (): RunRecord | undefined => {
      const leader = this.cluster.leader();
      return leader === undefined ? undefined : this.runOf(key, leader);
    };
    this.demandWithin('L2', withinMs, () => run()?.phase === 'succeeded', () => `${key} is ${run()?.phase ?? 'unknown'} after ${withinMs} ms: ${run()?.modules.map(({ phase }) => phase).join(' ')}`);
    return run() as RunRecord;
  }

  /** Every execution of this request's run so far, in the order of their beginning. */
  executionsOf(key: string): ExecutionRecord[] {
    const runId = this.runIdOf(key);
    return [...this.cluster.ledger.records()].filter((record) => record.runId === runId).toSorted((a, b) => a.startedAt - b.startedAt);
  }

  // ── Trouble ──────────────────────────────────────────────────────────────────────────────────────────────────

  healAll(): void {
    this.cluster.line('world', 'healed: everything');
    this.cluster.network.healAll();
  }

  /** No path between any of these and any of those. */
  split(these: readonly SimNode[], those: readonly SimNode[] = this.others(...these)): void {
    for (const node of these) this.cut(node, ...those);
  }

  blackout(nodes: readonly SimNode[] = this.cluster.nodes): void {
    for (const node of nodes) this.crash(node, 'power');
  }

  /** As SIGTERM, twice. @returns whether it has gone, to be asked later. */
  leave(node: SimNode): () => boolean {
    this.cluster.leaveNode(node, true);
    return () => node.state === 'down';
  }

  /** One after the other, a moment apart. */
  bootAll(nodes: readonly SimNode[] = this.cluster.nodes, apartMs = BOOT_MS): void {
    for (const node of nodes) {
      if (node.state !== 'down') continue;
      this.boot(node);
      this.pause(apartMs);
    }
  }
}
