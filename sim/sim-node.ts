/** One machine of the simulation, through all incarnations of the node on it. */
import type { Capabilities } from '../src/core/cell/types.ts';
import type { CellId, MemberId, NodeId } from '../src/core/lib/ids.ts';
import type { NodeRuntime } from '../src/runtime/node-runtime.ts';
import type { Replica } from '../src/runtime/replica.ts';
import { BlobShelf } from './blob-store.ts';
import type { NodeView } from './checkers/checker.ts';
import type { DiskFault, DiskOperation, SimDisk } from './disk.ts';
import type { SimExecutor } from './executor.ts';
import type { Process } from './kernel.ts';
import { MachineClock } from './machine-clock.ts';
import { SyncedLog } from './synced-log.ts';
import type { SimTransport } from './transport.ts';

export type NodeState = 'up' | 'paused' | 'down';

/** What exists only while a process runs. */
export interface Incarnation {
  readonly process: Process;
  /** What else runs on the machine: the supervisor and the modules. */
  readonly modules: Process;
  readonly runtime: NodeRuntime;
  readonly transport: SimTransport;
  readonly executor: SimExecutor;
}

export class SimNode implements NodeView {
  readonly id: NodeId;
  readonly name: string;
  readonly index: number;
  readonly #onSynced: (log: SyncedLog) => void;
  readonly #synced: SyncedLog;
  readonly clock = new MachineClock();
  disk: SimDisk;
  readonly blobs = new BlobShelf();
  boot = 0;
  /** It was told to go in good order and is still there. */
  leaving = false;
  /** What this machine offers beside or instead of what all do; looked at when it boots. */
  capabilities: Partial<Capabilities> = {};
  /** Its Node.js has zstd; looked at when it boots. */
  compresses = true;
  /** How many times as long that takes beside other work on its processors. */
  compressSlowness = 1;
  /** Rules that are switched off on this node alone, looked at when it boots; undefined = those of the cluster. */
  mutants: ReadonlySet<string> | undefined;
  /** Of each turn of the node; more than 0 on a slow machine. */
  turnCostMs = 0;
  /** Called when this node writes or syncs next. */
  onDiskWrite: (() => void) | undefined;
  /** Asked before each operation of the disk. Lasts through restarts. */
  diskFault: ((operation: DiskOperation) => DiskFault | undefined) | undefined;
  /** Operations that stall are done by then, virtual ms. */
  diskStalledUntil = 0;
  /** An injected fault failed an operation of this disk: the node may end itself. */
  diskFailed = false;
  /** Members whose disk was damaged or wiped: they never come back. */
  readonly lostMembers = new Set<MemberId>();
  incarnation: Incarnation | undefined;
  /** Of the incarnation before: its modules may live a moment longer than it did. */
  earlierExecutor: SimExecutor | undefined;

  constructor(id: NodeId, name: string, index: number, disk: SimDisk, onSynced: (log: SyncedLog) => void) {
    this.id = id;
    this.name = name;
    this.index = index;
    this.disk = disk;
    this.#onSynced = onSynced;
    this.#synced = new SyncedLog(id, disk.platter);
  }

  get state(): NodeState {
    if (this.incarnation === undefined) return 'down';
    return this.incarnation.process.paused ? 'paused' : 'up';
  }

  get runtime(): NodeRuntime | undefined {
    return this.incarnation?.runtime;
  }

  get replica(): Replica | undefined {
    return this.incarnation?.runtime.replica;
  }

  synced(_cell: CellId): SyncedLog {
    if (this.#synced.update()) this.#onSynced(this.#synced);
    return this.#synced;
  }
}
