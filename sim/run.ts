/**
 * One simulation: form a cell, faults, heal a majority core and freeze the rest, demand progress, look at everything once
 * more at the end.
 */
import { isFinal, isRunFinal } from '../src/core/cell/state.ts';
import { LivenessChecker } from './checkers/liveness.ts';
import { Cluster, type Violation } from './cluster.ts';
import { FORMATION_MS, isFormed } from './formation.ts';
import { coreIsMajority, healCore, mainHistory } from './core-heal.ts';
import { FaultInjector } from './injector.ts';
import type { HistoryVerdict } from './history/check-history.ts';
import { WIRED } from './network-options.ts';
import { drawOptions, type SimArguments, type SimOptions } from './options.ts';
import { Workload } from './workload.ts';

/** Long enough for every kind of fault that is switched on to happen at least once; a disk is lost only where a majority is left. */
const ALL_FAULTS_MS = 45_000;

export interface SimFigures {
  readonly virtualMs: number;
  readonly wallMs: number;
  readonly events: number;
  readonly messages: number;
  readonly bytes: number;
  readonly elections: number;
  readonly configChanges: number;
  readonly snapshotMessages: number;
  readonly runs: number;
  readonly claims: number;
  readonly claimsAgain: number;
  /** Results that stood for an execution. */
  readonly reused: number;
  /** Results of items of a `foreach`. */
  readonly items: number;
  readonly reruns: number;
  readonly executions: number;
  readonly results: number;
  readonly retries: number;
  /** Results with files; those that were sent back for want of copies; modules that ran again since theirs were lost. */
  readonly filed: number;
  readonly sentBack: number;
  readonly invalidated: number;
  /** Of runs and of the queue, that a client was told of. */
  readonly clientPauses: number;
  /** Of clients, in the history that was checked for S23; those whose outcome nobody knows; 1 if the check gave up. */
  readonly operations: number;
  readonly unknownOutcomes: number;
  readonly undecided: number;
  readonly faults: Readonly<Record<string, number>>;
  /** Cells that some disk held at the end of the faults; with more than one, no progress is demanded. */
  readonly cells: number;
  /** 1 if the last change of members came too early to know who is broken, so that the core cannot lead any more. */
  readonly cornered: number;
  /** Virtual ms from the healing of the core to the end of all work. */
  readonly recoveryMs: number;
}

export interface SimResult {
  readonly options: SimOptions;
  readonly violation: Violation | undefined;
  readonly figures: SimFigures;
  readonly hash: string;
  /** Newest lines of the timeline, oldest first. */
  readonly lastLines: readonly string[];
}

export function simulate(args: SimArguments): SimResult {
  const options = drawOptions(args);
  const started = performance.now();
  const simulation = new Simulation(args, options);
  simulation.run();
  return simulation.result(performance.now() - started);
}

export class Simulation {
  readonly #options: SimOptions;
  readonly #cluster: Cluster;
  readonly #injector: FaultInjector;
  readonly #workload: Workload;
  #recoveryMs = 0;
  #cells = 1;
  #cornered = false;
  #history: HistoryVerdict | undefined;

  constructor(args: SimArguments, options: SimOptions) {
    const { seed, nodes, timing, slots, storage, faults, workload } = options;
    const { print, mutants } = args;
    this.#options = options;
    this.#cluster = new Cluster({
      seed,
      nodes,
      timing,
      slots,
      storage,
      network: { ...WIRED, delayMinMs: faults.network.delayMinMs },
      diskMeanMs: faults.diskMeanMs,
      ...(mutants === undefined ? {} : { mutants }),
      ...(print === undefined ? {} : { print }),
    });
    this.#injector = new FaultInjector(this.#cluster, faults, this.#cluster.random.fork('faults'));
    this.#workload = new Workload(this.#cluster, workload, this.#cluster.random.fork('workload'));
  }

  /** To look into after a run, or between its phases. */
  get cluster(): Cluster {
    return this.#cluster;
  }

  run(): void {
    if (!this.#form()) return;
    this.#workload.start();
    this.#safety();
    if (this.#cluster.violation !== undefined) return;
    this.#liveness();
    if (this.#cluster.violation === undefined && this.#cells === 1 && !this.#cornered) this.#final();
    if (this.#cluster.violation === undefined) this.#history = this.#workload.checkHistory();
  }

  #form(): boolean {
    const cluster = this.#cluster;
    const random = cluster.random.fork('formation');
    const early = cluster.nodes.slice(0, cluster.nodes.length - this.#options.faults.lateNodes);
    for (const node of early) cluster.kernel.after(random.between(0, 2000), undefined, () => cluster.bootNode(node));
    return cluster.runUntil(() => isFormed(cluster, early), FORMATION_MS, 100) || this.#fail('L5', `no single cell after ${FORMATION_MS} ms: ${early.map((node) => `${node.name} ${node.runtime?.phase} ${node.runtime?.cell.slice(0, 8)}`).join(', ')}`);
  }

  #safety(): void {
    const cluster = this.#cluster;
    const { faults, faultMs } = this.#options;
    cluster.line('world', 'faults begin');
    cluster.network.options = faults.network;
    this.#injector.start(faultMs);
    cluster.run(faultMs);
    this.#injector.stop();
    this.#workload.stop();
    if (cluster.violation === undefined) this.#faultsFired();
  }

  /** A fault that is switched on and never happens tests nothing. */
  #faultsFired(): void {
    const { faults, faultMs } = this.#options;
    const { network } = faults;
    const counted = this.#faultFigures();
    const expect = (kind: string, expected: number): void => {
      if (expected >= 20 && counted[kind] === 0) this.#fail('faults', `${kind} should have happened about ${Math.round(expected)} times and never did`);
    };
    const frames = network.nastyChannels.includes('raft') ? this.#cluster.network.figures.frames / 10 : 0;
    expect('lost', frames * network.lossRate);
    expect('duplicated', frames * network.duplicateRate);
    expect('reordered', frames * network.reorderRate);
    expect('resets', this.#cluster.network.figures.frames * network.resetRate);
    expect('stalls', this.#cluster.network.figures.frames * network.stallRate);
    expect('clogs', this.#cluster.network.figures.frames * network.clogRate);
    const missing = this.#injector.neverFired();
    if (missing.length > 0 && faultMs >= ALL_FAULTS_MS && this.#cluster.nodes.length > 1) this.#fail('faults', `${missing.join()}: switched on, and never happened`);
  }

  #liveness(): void {
    const cluster = this.#cluster;
    cluster.network.options = { ...WIRED, delayMinMs: this.#options.faults.network.delayMinMs };
    // Stalls and clogs that are under way end before the bounds are counted from.
    const stalledUntil = Math.max(cluster.network.latestArrival, ...cluster.nodes.map((node) => node.diskStalledUntil));
    cluster.run(Math.max(0, stalledUntil - cluster.kernel.now));
    if (cluster.violation !== undefined) return;
    const core = healCore(cluster, cluster.random.fork('core'));
    // Who saw nobody until now may be about to found a cell: whom it dials it reaches a moment later.
    cluster.run(this.#options.timing.seekMs + 2 * this.#options.timing.seekStepMs);
    this.#cells = cluster.checkers.logs.histories().filter(({ commitIndex, cell }) => commitIndex > 0 && cluster.nodes.some((node) => node.synced(cell).cell === cell)).length;
    // Two cells that meet are another matter (PROTOCOL §7): nothing is demanded of them here.
    if (this.#cells > 1) {
      this.#mayHaveFounded();
      return;
    }
    this.#cornered = !coreIsMajority(cluster, core);
    if (this.#cornered) return;
    this.#recoveryMs = new LivenessChecker(cluster, core, this.#workload).check();
  }

  /** Only a machine that came with nothing on its disk may have founded another cell, where it saw nobody. */
  #mayHaveFounded(): void {
    const { cluster } = this;
    const blank = cluster.nodes.some((node) => node.lostMembers.size > 0) || this.#options.faults.lateNodes > 0 || cluster.excuse !== undefined;
    if (!blank) this.#fail('L5', `${this.#cells} cells, though everybody was in one when the faults began and no disk was lost since`);
  }

  #final(): void {
    const cluster = this.#cluster;
    const history = mainHistory(cluster);
    const replicas = cluster.up().filter((node) => node.replica?.cell === history?.cell && node.replica?.appliedIndex === history?.commitIndex);
    if (replicas.length === 0) this.#fail('L6', 'no replica has applied everything that was committed');
    cluster.checkers.states.compareAll(replicas);
    cluster.checkers.requests.finish(replicas);
    if (replicas[0]?.replica !== undefined) this.#workload.lookAtAll(replicas[0].replica.state);
    for (const run of replicas[0]?.replica?.state.runs.values() ?? []) {
      const open = run.modules.filter((module) => !isFinal(module.phase));
      if (!isRunFinal(run.phase) || open.length > 0) this.#fail('L2', `run ${run.runId} is ${run.phase} with ${open.length} open modules`);
    }
  }

  #fail(invariant: string, message: string): false {
    this.#cluster.report(invariant, message);
    return false;
  }

  #faultFigures(): Record<string, number> {
    const { lost, duplicated, reordered, resets, stalls, clogs, overflows, stalledByCut } = this.#cluster.network.figures;
    const { unsynced, violation } = this.#cluster;
    const excused = violation?.excuse === undefined ? undefined : violation.invariant;
    return { lost, duplicated, reordered, resets, stalls, clogs, overflows, stalledByCut, ...this.#injector.figures, unsyncedLost: unsynced.lost, torn: unsynced.torn, ...(excused === undefined ? {} : { [`excused-${excused}`]: 1 }) };
  }

  result(wallMs: number): SimResult {
    const cluster = this.#cluster;
    const { checkers, network, kernel, ledger } = cluster;
    return {
      options: this.#options,
      violation: cluster.violation?.excuse === undefined ? cluster.violation : undefined,
      hash: kernel.hash.digest(),
      lastLines: cluster.trace.last(60),
      figures: {
        virtualMs: kernel.now,
        wallMs,
        events: kernel.turn,
        messages: network.figures.messages,
        bytes: network.figures.bytes,
        elections: checkers.elections.elections,
        configChanges: checkers.membership.changes,
        snapshotMessages: cluster.snapshotMessages,
        runs: this.#workload.answered,
        claims: checkers.claims.claims,
        claimsAgain: checkers.claims.claimsAgain,
        reused: checkers.claims.reused,
        items: checkers.claims.items,
        reruns: this.#workload.reruns,
        executions: ledger.started,
        results: checkers.claims.results,
        retries: this.#workload.retries,
        filed: checkers.copies.committed,
        sentBack: checkers.copies.sentBack,
        invalidated: checkers.copies.invalidated,
        clientPauses: this.#workload.pauses,
        operations: this.#history?.operations ?? 0,
        unknownOutcomes: this.#history?.unknownOutcomes ?? 0,
        undecided: this.#history?.verdict === 'unknown' ? 1 : 0,
        faults: this.#faultFigures(),
        cells: this.#cells,
        cornered: this.#cornered ? 1 : 0,
        recoveryMs: this.#recoveryMs,
      },
    };
  }
}
