/**
 * The simulated world: nodes running the production runtime on simulated ports, watched by the checkers. Boots, kills,
 * pauses; decides nothing about when.
 */
import { nodeId, type CellId, type NodeId } from '../src/core/lib/ids.ts';
import { STEPS_PER_SLICE } from '../src/core/lib/slice.ts';
import type { Capabilities } from '../src/core/cell/types.ts';
import { isSkeinError } from '../src/errors.ts';
import type { Clock } from '../src/ports/clock.ts';
import type { Note } from '../src/ports/observer.ts';
import type { StorageTuning, Timing } from '../src/runtime/init.ts';
import { NodeRuntime } from '../src/runtime/node-runtime.ts';
import { ClockRecord } from './checkers/clocks.ts';
import { Checkers } from './checkers/index.ts';
import type { Invariant } from './checkers/checker.ts';
import { SimDisk, type DiskFault, type DiskOperation, type SimDiskInit } from './disk.ts';
import { SimBlobStore } from './blob-store.ts';
import { SimCompressor } from './compressor.ts';
import { SimExecutor } from './executor.ts';
import type { HistoryEvent } from './history/events.ts';
import { Kernel, Process } from './kernel.ts';
import { Ledger } from './ledger.ts';
import { EXACT_CLOCK, type ClockShape } from './machine-clock.ts';
import { cutDamage } from './mutants/damage.ts';
import { ForgetfulDisk } from './mutants/ports.ts';
import { Network } from './network.ts';
import type { NetworkOptions } from './network-options.ts';
import { Prng } from './prng.ts';
import { ProcessDisk } from './process-disk.ts';
import { SimNode } from './sim-node.ts';
import type { SyncedLog } from './synced-log.ts';
import { Trace } from './trace.ts';

export interface ClusterInit {
  readonly seed: string;
  readonly nodes: number;
  readonly network: NetworkOptions;
  readonly timing: Timing;
  /** Mean time of one sync, ms. */
  readonly diskMeanMs: number;
  /** Cpu slots of each node. */
  readonly slots: number;
  readonly storage?: StorageTuning;
  /** @default that of production */
  readonly blobRetentionMs?: number;
  readonly mutants?: ReadonlySet<string>;
  /** Each line of the timeline as it happens. */
  readonly print?: (line: string) => void;
}

export interface Violation {
  readonly invariant: Invariant;
  readonly message: string;
  /** Virtual ms. */
  readonly time: number;
  /** Why nobody promised otherwise: it is counted and ends the run, but is no failure. */
  readonly excuse?: string;
}

export type CrashKind = 'process' | 'power';

export class Cluster {
  readonly kernel = new Kernel();
  readonly random: Prng;
  readonly network: Network;
  readonly ledger = new Ledger();
  readonly clocks = new ClockRecord();
  readonly checkers: Checkers;
  readonly trace: Trace;
  readonly nodes: readonly SimNode[];
  readonly init: ClusterInit;
  /** The first one ends the run. */
  violation: Violation | undefined;
  /** From now on safety is not claimed, for this reason. */
  excuse: string | undefined;
  /** A node ended its own process because of its disk: whoever plays the supervisor may start it again. */
  onFatal: ((node: SimNode) => void) | undefined;
  readonly unsynced = { kept: 0, torn: 0, lost: 0 };
  boots = 0;
  /** On the bulk channel: pieces of snapshots and their answers. */
  snapshotMessages = 0;
  /** What clients ask and are told, when somebody wants to see it. */
  onClient: ((event: HistoryEvent) => void) | undefined;
  readonly #byId: ReadonlyMap<NodeId, SimNode>;

  constructor(init: ClusterInit) {
    this.init = init;
    this.random = new Prng(init.seed);
    this.trace = new Trace(init.print);
    this.network = new Network(this.kernel, init.network, this.random.fork('network'));
    this.nodes = Array.from({ length: init.nodes }, (_, index) => this.#makeNode(index));
    this.#byId = new Map(this.nodes.map((node) => [node.id, node]));
    this.checkers = new Checkers((invariant, message) => this.report(invariant, message), this.ledger, (id) => this.#byId.get(id), {
      now: () => this.kernel.now,
      electionMs: init.timing.electionMs,
      marginMs: init.timing.sessionTtlMs - init.timing.selfFenceMs,
      clocks: this.clocks,
    });
    this.network.onSend = (_from, _to, channel) => {
      if (channel === 'bulk') this.snapshotMessages += 1;
    };
    this.kernel.onCrash = (process, error) => this.#threw(process, error);
  }

  report(invariant: Invariant, message: string): void {
    if (this.violation !== undefined) return;
    // What a rollback took may have been committed: then neither safety is claimed nor that anybody can still be elected. A crash is never excused.
    const excuse = /^[SL]\d/.test(invariant) ? this.excuse : undefined;
    this.violation = { invariant, message, time: this.kernel.now, ...(excuse === undefined ? {} : { excuse }) };
    this.trace.line(this.kernel.now, 'checker', `${invariant}: ${message}`);
    this.kernel.stop();
  }

  /** Runs `ms` of virtual time. @returns false when a violation ended it. */
  run(ms: number): boolean {
    return this.violation === undefined && this.kernel.run(this.kernel.now + ms);
  }

  /** Runs until `done` holds, looking every `stepMs`. @returns whether it did within `withinMs`. */
  runUntil(done: () => boolean, withinMs: number, stepMs = 10): boolean {
    const deadline = this.kernel.now + withinMs;
    while (!done()) {
      if (this.violation !== undefined || this.kernel.now >= deadline) return false;
      this.run(Math.min(stepMs, deadline - this.kernel.now));
    }
    return this.violation === undefined;
  }

  line(who: string, text: string): void {
    this.trace.line(this.kernel.now, who, text);
  }

  // ── Life and death of nodes ──────────────────────────────────────────────────────────────────────────────────

  bootNode(node: SimNode): void {
    if (node.incarnation !== undefined) throw new Error(`${node.name} is already up`);
    node.boot += 1;
    node.leaving = false;
    if (!this.#orphansLive) node.earlierExecutor?.killOrphans();
    this.boots += 1;
    const random = this.random.fork(`node/${node.index}/${node.boot}`);
    const process = new Process(this.kernel, node.name, this.#clockShape(node), node.clock);
    const modules = new Process(this.kernel, node.name, this.#clockShape(node), node.clock);
    this.#slowDown(process, node.turnCostMs);
    const transport = this.network.boot(node.id, process, `boot-${node.boot}`);
    const executor = new SimExecutor(this.kernel, process, modules, node.id, this.ledger, random.fork('executor'), node.blobs, (cid, size) => node.runtime?.blobs.added(cid, size));
    const mutants = node.mutants ?? this.init.mutants;
    if (mutants?.has('damage-cut') === true) cutDamage(node.disk.platter);
    const disk = new ProcessDisk(node.disk, process);
    const runtime = new NodeRuntime({
      ports: {
        clock: process,
        random,
        disk: mutants === undefined ? disk : new ForgetfulDisk(disk, process, mutants),
        transport,
        executor,
        blobs: new SimBlobStore(node.blobs, process),
        compressor: node.compresses ? new SimCompressor(process, () => node.compressSlowness) : undefined,
        observer: { notify: (note) => this.#note(node, note) },
        fatal: (error) => this.#fatal(node, process, error),
      },
      name: node.name,
      clusterName: 'simulated',
      version: '0.1.0',
      capabilities: { ...capabilitiesOf(this.init.slots), ...node.capabilities },
      vote: true,
      timing: this.init.timing,
      probe: this.checkers.probe,
      ...(this.init.storage === undefined ? {} : { storage: this.init.storage }),
      ...(this.init.blobRetentionMs === undefined ? {} : { blobRetentionMs: this.init.blobRetentionMs }),
      ...(mutants === undefined ? {} : { mutants }),
    });
    node.incarnation = { process, modules, runtime, transport, executor };
    this.line(node.name, `starts (boot ${node.boot})`);
    process.run(() => runtime.start());
  }

  /** `process`: kill -9, what it wrote stays in the page cache. `power`: unsynced writes are lost or torn. */
  crashNode(node: SimNode, kind: CrashKind): void {
    const { incarnation } = node;
    if (incarnation === undefined) return;
    this.#wake(node);
    this.line(node.name, kind === 'power' ? 'loses power' : 'is killed');
    this.checkers.crashed(node);
    node.incarnation = undefined;
    incarnation.process.kill();
    this.network.down(node.id, kind);
    if (kind === 'power') node.blobs.powerLost();
    if (kind === 'power' || !this.#orphansLive) incarnation.executor.nodeDied(kind);
    node.earlierExecutor = incarnation.executor;
    const { kept, torn, lost } = node.disk.crash({ kind });
    this.unsynced.kept += kept;
    this.unsynced.torn += torn;
    this.unsynced.lost += lost;
    node.disk = node.disk.reopen(this.#diskInit(node.index, node.boot + 1));
  }

  /** As SIGTERM: it finishes what it executes, hands over, and ends its process. @param now without finishing. */
  leaveNode(node: SimNode, now: boolean, left: () => void = () => undefined): void {
    const { incarnation } = node;
    if (incarnation === undefined) return;
    this.line(node.name, now ? 'is told to leave at once' : 'is told to leave');
    node.leaving = true;
    const gone = (): void => {
      if (node.incarnation !== incarnation) return;
      this.line(node.name, 'has left');
      this.crashNode(node, 'process');
      left();
    };
    const done = (): void => {
      this.kernel.defer(undefined, gone);
    };
    incarnation.process.run(() => incarnation.runtime.leave(now, done));
  }

  pauseNode(node: SimNode): void {
    if (node.state !== 'up') return;
    this.line(node.name, 'is paused');
    node.incarnation?.process.pause();
  }

  /** Also wakes a machine that sleeps. */
  resumeNode(node: SimNode): void {
    if (node.state !== 'paused') return;
    this.#wake(node);
    this.line(node.name, 'goes on');
    node.incarnation?.process.resume();
  }

  /** The machine sleeps: nothing on it runs, its monotonic clock stands still, it acknowledges no packet. */
  suspendNode(node: SimNode): void {
    if (node.state !== 'up') return;
    this.line(node.name, 'falls asleep');
    node.incarnation?.process.pause();
    node.incarnation?.modules.pause();
    node.clock.sleep(this.kernel.now);
    this.clocks.fellAsleep(node.id, this.kernel.now);
    this.network.sleep(node.id);
  }

  #wake(node: SimNode): void {
    if (!node.clock.asleep) return;
    node.clock.wake(this.kernel.now);
    this.clocks.wokeUp(node.id, this.kernel.now);
    this.network.wake(node.id);
    node.incarnation?.modules.resume();
  }

  /** Both clocks of this machine run at another rate from now on. */
  setClockRate(node: SimNode, rate: number): void {
    if (node.clock.rate === rate) return;
    this.line(node.name, `its clocks run at ${rate.toFixed(3)} of the true rate`);
    node.clock.setRate(this.kernel.now, rate);
    this.clocks.rateChanged(node.id, rate, this.kernel.now);
  }

  /** From now on each turn of this node takes so long; 0 = none, as is usual. */
  slowNode(node: SimNode, turnCostMs: number): void {
    if (node.turnCostMs === turnCostMs) return;
    this.line(node.name, turnCostMs === 0 ? 'is fast again' : `is slow: ${turnCostMs.toFixed(1)} ms per turn`);
    node.turnCostMs = turnCostMs;
    if (node.incarnation !== undefined) this.#slowDown(node.incarnation.process, turnCostMs);
  }

  #slowDown(process: Process, turnCostMs: number): void {
    const share = (this.init.storage?.stepsPerSlice ?? STEPS_PER_SLICE) / STEPS_PER_SLICE;
    process.slowDown(turnCostMs, turnCostMs * Math.min(1, share));
  }

  /**
   * A fault took what this node had synced. @param keepsName it goes on under its old name, which nobody promises to be
   * safe; otherwise this member is gone for good.
   */
  diskLost(node: SimNode, keepsName = false): void {
    const synced = node.synced('' as CellId);
    const { cell, member } = synced;
    if (cell !== '' && member !== '') this.checkers.diskLost(cell, member, synced.frozen());
    if (!keepsName && member !== '') node.lostMembers.add(member);
  }

  // ── Questions ────────────────────────────────────────────────────────────────────────────────────────────────

  up(): SimNode[] {
    return this.nodes.filter((node) => node.state === 'up');
  }

  /** The node that leads in the highest term, by its own word. */
  leader(among: readonly SimNode[] = this.up()): SimNode | undefined {
    let best: SimNode | undefined;
    for (const node of among) {
      const { replica } = node;
      if (node.state !== 'up' || replica === undefined || replica.raft.role !== 'leader') continue;
      if (best?.replica === undefined || replica.raft.term > best.replica.raft.term) best = node;
    }
    return best;
  }

  get #orphansLive(): boolean {
    return this.init.mutants?.has('orphans-live') === true;
  }

  // ── Inside ───────────────────────────────────────────────────────────────────────────────────────────────────

  #makeNode(index: number): SimNode {
    const name = `n${index + 1}`;
    const id = nodeId(`node-${index + 1}`);
    this.network.addHost(id);
    return new SimNode(id, name, index, new SimDisk(this.#diskInit(index, 1)), (log) => this.#synced(log));
  }

  #diskInit(index: number, boot: number): SimDiskInit {
    const { kernel } = this;
    const clock: Clock = {
      now: () => kernel.now,
      wall: () => kernel.now,
      setTimer: (delayMs, callback) => kernel.after(delayMs, undefined, callback),
      defer: (callback) => kernel.defer(undefined, callback),
      settle: (callback) => kernel.settle(undefined, callback),
    };
    const fault = (operation: DiskOperation): DiskFault | undefined => {
      const node = this.nodes[index];
      node?.onDiskWrite?.();
      const verdict = node?.diskFault?.(operation);
      if (verdict?.type === 'error' && node !== undefined) node.diskFailed = true;
      return verdict;
    };
    return { clock, random: this.random.fork(`disk/${index}/${boot}`), meanMs: this.init.diskMeanMs, fault };
  }

  #clockShape(node: SimNode): ClockShape {
    return { ...EXACT_CLOCK, monotonicOffsetMs: node.index * 1_000_000 + node.boot * 10_000 };
  }

  #synced(log: SyncedLog): void {
    if (log.cell === '' || log.member === '') return;
    this.checkers.elections.synced(log.cell, log.member, log.hard.term, log.hard.votedFor);
    this.checkers.disks.covered(log.cell, log.member, log);
  }

  #note(node: SimNode, note: Note): void {
    if (note.level !== 'debug') this.line(node.name, `${note.event}: ${note.message}`);
  }

  /** The node ends its own process. A disk that failed may do that; anything else is a bug. */
  #fatal(node: SimNode, process: Process, error: Error): void {
    this.line(node.name, `fatal: ${error.message}`);
    if (!isSkeinError(error, 'DISK_FAILED') || !node.diskFailed) this.report('crash', `${node.name} ends itself: ${error.stack ?? error.message}`);
    if (node.incarnation?.process !== process) return;
    this.crashNode(node, 'process');
    this.onFatal?.(node);
  }

  #threw(process: Process, error: Error): void {
    this.report('crash', `${process.name}: ${error.stack ?? error.message}`);
  }
}

function capabilitiesOf(slots: number): Capabilities {
  return { os: 'linux', arch: 'x64', slots, memory: 8 * 1024 ** 3, gpus: [], tools: {}, labels: {}, functions: [] };
}
