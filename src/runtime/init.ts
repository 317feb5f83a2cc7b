/**
 * How a node is put together: the same class runs in production and in the simulator, only the ports differ.
 * A crash is modelled by dropping the runtime with its ports: a dead incarnation's timers and callbacks never fire.
 */
import type { CellId, NodeId, SessionId } from '../core/lib/ids.ts';
import type { Capabilities, CellEvent, Command, Reply } from '../core/cell/types.ts';
import type { Entry } from '../core/raft/types.ts';
import type { BlobStore } from '../ports/blobs.ts';
import type { Clock } from '../ports/clock.ts';
import type { Compressor } from '../ports/compressor.ts';
import type { Disk } from '../ports/disk.ts';
import type { Executor } from '../ports/executor.ts';
import type { Observer } from '../ports/observer.ts';
import type { Random } from '../ports/random.ts';
import type { Transport } from '../ports/transport.ts';
import type { BlobQuota } from './blobs/quota.ts';
import type { RaftEnvelope } from '../protocol/raft-codec.ts';

export interface NodePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly transport: Transport;
  readonly executor: Executor;
  readonly blobs: BlobStore;
  /** Undefined where the system has none: then files are neither sent nor received compressed. */
  readonly compressor: Compressor | undefined;
  readonly observer: Observer;
  /** Ends the process: a disk error, a broken assumption. In the simulator: a crash. */
  readonly fatal: (error: Error) => void;
}

/** Every duration in ms; PROTOCOL §4 gives the reasons. */
export interface Timing {
  readonly heartbeatMs: number;
  readonly electionMs: number;
  readonly plannerLeaseMs: number;
  readonly keepaliveMs: number;
  /** Session lifetime without keepalive. */
  readonly sessionTtlMs: number;
  /** Worker kills effectful modules this long after the send of its last acked keepalive. */
  readonly selfFenceMs: number;
  /** After the last connection of a worker closed: its claims that are not effectful are released. */
  readonly socketGraceMs: number;
  readonly voterDeadMs: number;
  readonly memberForgottenMs: number;
  readonly stalledMs: number;
  readonly beaconMs: number;
  /** How long a node looks for others before it founds a cell (plus a step for all but the lowest id). */
  readonly seekMs: number;
  readonly seekStepMs: number;
  /** Oldest unfinished sync that is still healthy. */
  readonly diskStallMs: number;
}

export interface NodeRuntimeInit {
  readonly ports: NodePorts;
  readonly name: string;
  readonly clusterName: string;
  readonly version: string;
  readonly capabilities: Capabilities;
  /** `--no-vote`: never stores a log. */
  readonly vote: boolean;
  readonly timing: Timing;
  /** Of blobs to all peers together; 0 = no limit. @default 0 */
  readonly blobBytesPerSecond?: number;
  /** How long a blob is kept that no live run refers to. @default 7 days */
  readonly blobRetentionMs?: number;
  /** @default 80 % of the disk */
  readonly blobQuota?: BlobQuota;
  /** Observation points for the simulator's checkers; absent in production. */
  readonly probe?: Probe;
  /** Small in the simulator, so that what is rare happens often; absent in production. */
  readonly storage?: StorageTuning;
  /** Test-only switches (PROTOCOL §9, mutants). */
  readonly mutants?: ReadonlySet<string>;
}

/** Each has a default where it is used. */
export interface StorageTuning {
  /** Committed entries between two snapshots of a small state. */
  readonly snapshotEntries?: number;
  /** Bytes of log that are cut however large the state is. */
  readonly snapshotLogBytesMax?: number;
  /** Entries kept before a snapshot for followers that are a little behind. */
  readonly tailEntriesMax?: number;
  /** How much of a large Submit is applied in one turn (`Slice`). */
  readonly stepsPerSlice?: number;
  /** Size at which a new log segment is begun. */
  readonly segmentBytes?: number;
}

/** Called synchronously at the moments that invariants speak of. Must not change anything. */
export interface Probe {
  /** After an entry was applied to the committed state. `command` is undefined for noop and config entries. */
  applied?(node: NodeId, cell: CellId, entry: Entry, command: Command | undefined, reply: Reply | undefined, events: readonly CellEvent[]): void;
  /** After every step of the Raft core; the probe reads what it needs from the runtime's replica. */
  stepped?(node: NodeId): void;
  /** A message of this member was handed to the transport. */
  sent?(node: NodeId, envelope: RaftEnvelope): void;
  /** A client, a worker or a peer was told that this command is recorded at `index`. */
  acknowledged?(node: NodeId, cell: CellId, index: number, term: number): void;
  /** The leader was asked for a read index; `id` counts on one replica. */
  readAsked?(node: NodeId, cell: CellId, id: number): void;
  /** It was confirmed at `index`, or failed. */
  readEnded?(node: NodeId, cell: CellId, id: number, index: number | undefined): void;
  /** The worker side starts to execute. */
  started?(node: NodeId, session: SessionId, fence: number): void;
}
