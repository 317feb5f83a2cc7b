/**
 * Where drills and scenarios are played: a small healthy cluster, and hands to break it at an exact moment. A drill is the
 * shortest story in which a certain rule is all that stands between the cluster and a violation; without a mutant it ends
 * well. Scenarios have more words (scenarios/scene.ts).
 */
import type { ModuleSpec, RunPolicy, RunSpec } from '../src/core/cell/types.ts';
import type { MemberId, NodeId } from '../src/core/lib/ids.ts';
import { nodeOfMember } from '../src/core/lib/ids.ts';
import { timingProfiles } from '../src/options/timing.ts';
import type { StorageTuning } from '../src/runtime/init.ts';
import type { Replica } from '../src/runtime/replica.ts';
import { commandOf, type Behaviour } from './behaviour.ts';
import { LivenessChecker } from './checkers/liveness.ts';
import { Cluster, type CrashKind } from './cluster.ts';
import type { Broken } from './core-heal.ts';
import { FORMATION_MS, isFormed } from './formation.ts';
import { WIRED, type NetworkOptions } from './network-options.ts';
import { PIPELINE_MIX } from './pipelines.ts';
import { busyWorkload } from './scenarios/steady.ts';
import type { SimNode } from './sim-node.ts';
import { Workload } from './workload.ts';

export interface StageInit {
  readonly seed: string;
  readonly mutants: ReadonlySet<string>;
  readonly print?: (line: string) => void;
}

export interface Scenery {
  readonly nodes: number;
  readonly network?: Partial<NetworkOptions>;
  readonly storage?: StorageTuning;
  readonly blobRetentionMs?: number;
  readonly diskMeanMs?: number;
  /** Cpu slots of each node. @default 4 */
  readonly slots?: number;
  /** So many of the nodes are not there yet: the last ones, with blank disks. @default 0 */
  readonly absent?: number;
}

export interface Submission {
  readonly key?: string;
  readonly node?: SimNode;
  readonly policy?: RunPolicy;
}

/** The run is over: a checker has spoken, or the story cannot go on. */
export class Over extends Error {}

const NO_WORK = { submitEveryMs: 1e9, cancelRate: 0, answerTimeoutMs: 1000, runsMax: 0, pipelines: PIPELINE_MIX };

export class Stage {
  readonly cluster: Cluster;
  readonly #present: readonly SimNode[];
  #keys = 0;

  constructor({ seed, mutants, print }: StageInit, { nodes, network = {}, storage, blobRetentionMs, diskMeanMs = 0.2, slots = 4, absent = 0 }: Scenery) {
    this.cluster = new Cluster({
      seed,
      nodes,
      network: { ...WIRED, ...network },
      timing: timingProfiles.default,
      diskMeanMs,
      slots,
      mutants,
      ...(storage === undefined ? {} : { storage }),
      ...(blobRetentionMs === undefined ? {} : { blobRetentionMs }),
      ...(print === undefined ? {} : { print }),
    });
    this.#present = this.cluster.nodes.slice(0, nodes - absent);
  }

  /** All nodes in one cell, the voters at their target, nothing moving. */
  form(): void {
    const { cluster } = this;
    const present = this.#present;
    for (const node of present) cluster.bootNode(node);
    if (!cluster.runUntil(() => isFormed(cluster, present), FORMATION_MS)) cluster.report('L5', `no single cell after ${FORMATION_MS} ms`);
    this.run(2000);
  }

  // ── Time ─────────────────────────────────────────────────────────────────────────────────────────────────────

  run(ms: number): void {
    if (!this.cluster.run(ms)) throw new Over();
  }

  /** The story cannot go on as it is written. */
  protected stuck(what: string): never {
    throw new Error(`drill: ${what}`);
  }

  /** @param what to say when it does not come, which is a fault of the drill. */
  until(what: string, done: () => boolean, withinMs = 10_000, stepMs = 0.05): void {
    if (this.cluster.runUntil(done, withinMs, stepMs)) return;
    if (this.cluster.violation !== undefined) throw new Over();
    this.stuck(`${what} did not come within ${withinMs} ms`);
  }

  /** @returns whether it came. */
  comes(done: () => boolean, withinMs: number, stepMs = 1): boolean {
    const came = this.cluster.runUntil(done, withinMs, stepMs);
    if (this.cluster.violation !== undefined) throw new Over();
    return came;
  }

  /** A moment of the own choice of the seed, so that not every one plays at the same phase of all timers. */
  pause(maxMs: number): void {
    this.run(this.cluster.random.fork(`pause ${this.cluster.kernel.now}`).between(0, maxMs));
  }

  // ── Cast ─────────────────────────────────────────────────────────────────────────────────────────────────────

  get leader(): SimNode {
    const leader = this.cluster.leader();
    if (leader === undefined) this.stuck('nobody leads');
    return leader;
  }

  others(...but: readonly SimNode[]): SimNode[] {
    return this.cluster.nodes.filter((node) => !but.includes(node));
  }

  replica(node: SimNode): Replica {
    const { replica } = node;
    if (replica === undefined) this.stuck(`${node.name} has no log`);
    return replica;
  }

  member(node: SimNode): MemberId {
    return this.replica(node).self;
  }

  nodeOf(member: MemberId): SimNode {
    const node = this.cluster.nodes.find(({ id }) => id === nodeOfMember(member));
    if (node === undefined) this.stuck(`no node for ${member}`);
    return node;
  }

  /** As part of this node's process; when it is paused, as the first thing after. */
  call(node: SimNode, action: (replica: Replica) => void): void {
    node.incarnation?.process.run(() => action(this.replica(node)));
  }

  // ── Trouble ──────────────────────────────────────────────────────────────────────────────────────────────────

  cutOneWay(from: SimNode, ...to: readonly SimNode[]): void {
    this.cluster.line('world', `cut: ${from.name}→${names(to)}`);
    for (const { id } of to) this.cluster.network.cut(from.id, id);
  }

  cut(a: SimNode, ...others: readonly SimNode[]): void {
    this.cluster.line('world', `cut: ${a.name}↔${names(others)}`);
    for (const { id } of others) {
      this.cluster.network.cut(a.id, id);
      this.cluster.network.cut(id, a.id);
    }
  }

  isolate(node: SimNode): void {
    this.cut(node, ...this.others(node));
  }

  heal(a: SimNode, ...others: readonly SimNode[]): void {
    this.cluster.line('world', `healed: ${a.name}↔${names(others)}`);
    for (const { id } of others) this.healOneWay(id, a.id);
    for (const { id } of others) this.healOneWay(a.id, id);
  }

  healOneWay(from: NodeId, to: NodeId): void {
    this.cluster.network.heal(from, to);
  }

  crash(node: SimNode, kind: CrashKind = 'process'): void {
    this.cluster.crashNode(node, kind);
  }

  boot(node: SimNode): void {
    this.cluster.bootNode(node);
  }

  /** L1 where half a network is healthy: somebody of these leads and is answered within 3E + 1 s. */
  demandLeader(among: readonly SimNode[]): void {
    const boundMs = 3 * this.cluster.init.timing.electionMs + 1000;
    const leads = (): boolean => this.cluster.leader(among)?.replica?.mayPlan() === true;
    if (!this.cluster.runUntil(leads, boundMs)) this.cluster.report('L1', `none of ${names(among)} leads after ${boundMs} ms, though they could`);
    this.run(1);
  }

  /** These stay broken for ever: the others must make progress (L1 to L9). */
  demandProgress(broken: ReadonlyMap<SimNode, Broken>, workload: Workload = this.idle()): void {
    const nodes = this.cluster.nodes.filter((node) => !broken.has(node));
    const { cell } = this.replica(nodes.find(({ replica }) => replica !== undefined) ?? this.leader);
    workload.stop();
    new LivenessChecker(this.cluster, { cell, nodes, broken }, workload).check();
    if (this.cluster.violation !== undefined) throw new Over();
  }

  // ── Work ─────────────────────────────────────────────────────────────────────────────────────────────────────

  idle(): Workload {
    return new Workload(this.cluster, NO_WORK, this.cluster.random.fork('idle'));
  }

  busy(): Workload {
    const workload = busyWorkload(this.cluster);
    if (this.cluster.violation !== undefined) throw new Over();
    return workload;
  }

  /** Submits at the leader, under a new request key, if not said otherwise. @returns the key. */
  submit(modules: readonly ModuleSpec[], { key = this.#newKey(), node = this.leader, policy }: Submission = {}): string {
    return this.submitRun({ name: 'drill', params: {}, env: {}, modules, bundles: {}, ...(policy === undefined ? {} : { policy }) }, { key, node });
  }

  submitRun(spec: RunSpec, { key = this.#newKey(), node = this.leader }: Omit<Submission, 'policy'> = {}): string {
    node.incarnation?.process.run(() =>
      node.runtime?.submit(spec, key, (_error, value) => {
        if (value !== undefined) this.cluster.checkers.requests.answered(key, value.runId);
      }),
    );
    return key;
  }

  #newKey(): string {
    this.#keys += 1;
    return `drill-${this.#keys}`;
  }

  /** Somebody but the leader who executes something now. */
  worker(): SimNode {
    const busy = (): SimNode | undefined => this.others(this.leader).find((node) => (node.incarnation?.executor.running().length ?? 0) > 0);
    this.until('a follower with work', () => busy() !== undefined);
    return busy() as SimNode;
  }
}

function names(nodes: readonly SimNode[]): string {
  return nodes.map(({ name }) => name).join(' ');
}

/** `count` equal modules that need nothing. */
export function modulesOf(count: number, behaviour: Behaviour, change: Partial<ModuleSpec> = {}): ModuleSpec[] {
  return Array.from({ length: count }, (_, at) => ({
    name: `m${at}`,
    needs: [],
    action: { type: 'run', command: commandOf(behaviour) },
    env: {},
    requires: { cpu: 1, memory: 0, labels: [], tools: {}, os: [], arch: [] },
    timeoutMs: 60_000,
    retry: { attempts: 3, backoffMs: 200, factor: 2, jitter: true, capMs: 5000 },
    effectful: false,
    durationMs: 0,
    ...change,
  }));
}
