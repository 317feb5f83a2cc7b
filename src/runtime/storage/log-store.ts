/**
 * The write-ahead log of one cell on one disk. One frame is written and synced at a time; what arrives meanwhile is the
 * next frame, so a slow disk makes larger frames and not a longer queue. Owns the log files and the snapshots; knows
 * nothing of Raft but the form of its entries.
 */
import { assert } from '../../core/lib/assert.ts';
import type { LogIndex } from '../../core/lib/ids.ts';
import type { HardState, SnapshotMeta } from '../../core/raft/types.ts';
import type { SkeinError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import { DiskGuard } from './disk-guard.ts';
import { FrameEncoder, type FramePayload, type LogPosition } from './frame.ts';
import { endAfter, FrameQueue, hasContent, type LogBatch, type PendingFrame } from './frame-queue.ts';
import { segmentFile, TEMPORARY_SUFFIX } from './names.ts';
import type { Recovered, Repair, SegmentState } from './recover.ts';
import { removeFiles, SnapshotStore } from './snapshot-store.ts';

/** A segment takes no more frames once it is this large. */
export const SEGMENT_BYTES = 16 * 1024 * 1024;
/** Entries that wait for a disk that does not answer; more is a failure of the disk. */
export const LOG_WAITING_BYTES_MAX = 512 * 1024 * 1024;

export interface LogStoreInit {
  readonly disk: Disk;
  readonly clock: Clock;
  /** What `recoverLog` found on this disk. Must not be damaged. */
  readonly recovered: Recovered;
  /** Called once, with DISK_FAILED; after it nothing is acknowledged any more. */
  readonly fatal: (error: SkeinError) => void;
  /** @default SEGMENT_BYTES */
  readonly segmentBytes?: number;
}

export class LogStore {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #guard: DiskGuard;
  readonly #snapshots: SnapshotStore;
  readonly #repairs: readonly Repair[];
  readonly #segmentBytes: number;
  readonly #queue = new FrameQueue();
  readonly #encoder = new FrameEncoder();
  /** Segments whose first frame is synced. */
  #segments: readonly SegmentState[];
  #started = false;
  /** A frame (or the repair at the start) is under way. */
  #busy = false;
  #busySince: number | undefined;
  // The end of the log, as of the last frame handed to the disk.
  #offset: number;
  #frameSequence: number;
  #link: number;
  #last: LogPosition;
  #hard: HardState;
  /** Last entry once everything that waits is written. */
  #lastIndex: LogIndex;

  constructor(init: LogStoreInit) {
    const { recovered } = init;
    const { writer } = recovered;
    assert(recovered.damage === undefined, 'a damaged log is not written to');
    this.#disk = init.disk;
    this.#clock = init.clock;
    this.#guard = new DiskGuard(init.fatal);
    this.#snapshots = new SnapshotStore(init.disk, this.#guard, writer.snapshots);
    this.#repairs = writer.repairs;
    this.#segmentBytes = init.segmentBytes ?? SEGMENT_BYTES;
    this.#segments = writer.segments;
    this.#offset = writer.offset;
    this.#frameSequence = writer.frameSequence;
    this.#link = writer.link;
    this.#last = writer.last;
    this.#hard = recovered.hard;
    this.#lastIndex = writer.last.index;
    if (writer.reset !== undefined) this.#enqueue({ hard: recovered.hard, snapshot: writer.reset, entries: [] }, () => undefined);
    // Even an empty log gets its first frame at once: a snapshot without a log then always means that files were lost.
    else if (writer.segments.length === 0) this.#enqueue({ hard: recovered.hard, entries: [] }, () => undefined);
  }

  /**
   * Cuts the torn tail and makes durable what was read: after a mere process crash it may still be in the page cache
   * only, and the node is about to answer for it. `persist` starts by itself.
   */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#busy = true;
    this.#busySince = this.#clock.now();
    this.#repair(0);
  }

  /** Calls `done`, in the order of the calls and never from inside one, when this and all before is durable. */
  persist(batch: LogBatch, done: () => void): void {
    this.#enqueue(batch, done);
    this.start();
    this.#pump();
  }

  /** Stores a snapshot of the own state, once all that was persisted before is durable. A stale one is not written. */
  saveSnapshot(meta: SnapshotMeta, sections: readonly Uint8Array[], done: () => void): void {
    this.persist({ entries: [] }, () => this.#snapshots.save(meta, sections, done));
  }

  /** Stores a snapshot from a leader. It comes in force by the `persist` with `snapshot` that follows. */
  installSnapshot(meta: SnapshotMeta, sections: readonly Uint8Array[], done: () => void): void {
    this.saveSnapshot(meta, sections, done);
  }

  /** Removes segments that hold only what a stored snapshot covers, up to `index`. Goes on in the background. */
  dropBefore(index: LogIndex): void {
    const covered = Math.min(index, this.#snapshots.stored[0]?.index ?? 0);
    const first = this.#segments.findLastIndex((segment) => segment.startIndex <= covered);
    if (first > 0) this.#removeSegments(first);
  }

  /** Clock time when the oldest batch that is not durable yet was handed over; for the write watchdog. */
  oldestUnsyncedSince(): number | undefined {
    return this.#busySince ?? this.#queue.since;
  }

  /** Bytes of entries that wait for the frame under way. */
  get waitingBytes(): number {
    return this.#queue.bytes;
  }

  /** Durable snapshots, newest first. */
  get snapshots(): readonly LogPosition[] {
    return this.#snapshots.stored;
  }

  get segments(): readonly SegmentState[] {
    return this.#segments;
  }

  #enqueue(batch: LogBatch, done: () => void): void {
    const { snapshot, truncateAfter, entries } = batch;
    let last = snapshot?.index ?? this.#lastIndex;
    if (truncateAfter !== undefined) last = Math.min(last, truncateAfter);
    const first = entries[0];
    assert(first === undefined || first.index === last + 1, `entry ${first?.index} does not follow ${last}`);
    assert(snapshot === undefined || this.#isStored(snapshot), 'a snapshot is stored before it is put in force');
    this.#lastIndex = last + entries.length;
    this.#queue.push(batch, this.#clock.now(), done);
    if (this.#queue.bytes > LOG_WAITING_BYTES_MAX) this.#guard.fail('write', new Error('the disk does not keep up'));
  }

  #isStored({ index, term }: LogPosition): boolean {
    return this.#snapshots.stored.some((stored) => stored.index === index && stored.term === term);
  }

  #repair(position: number): void {
    const repair = this.#repairs[position];
    const next = (): void => this.#repair(position + 1);
    if (repair === undefined) this.#renewTail();
    else if (repair.type === 'remove') this.#disk.remove(repair.file, this.#guard.after(`remove ${repair.file}`, next));
    else this.#disk.truncate(repair.file, repair.length, this.#guard.after(`truncate ${repair.file}`, next));
  }

  /**
   * Puts a copy of the last segment in its place. A sync that failed, and ended the process before this one, may have left
   * its frame in the page cache, marked as written: it can be read, and no later sync would ever write it. Writing it
   * once more where it stands could tear what was synced long ago.
   */
  #renewTail(): void {
    const tail = this.#segments.at(-1);
    const folder = (): void => this.#disk.syncFolder(this.#guard.after('sync folder', () => this.#idle()));
    if (tail === undefined) {
      folder();
      return;
    }
    const file = segmentFile(tail.sequence);
    const copy = file + TEMPORARY_SUFFIX;
    const bytes = this.#disk.read(file).subarray(0, this.#offset);
    const rename = (): void => this.#disk.rename(copy, file, this.#guard.after(`rename ${file}`, folder));
    const sync = (): void => this.#disk.sync(copy, this.#guard.after(`sync ${copy}`, rename));
    this.#disk.writeAt(copy, 0, bytes, this.#guard.after(`write ${copy}`, sync));
  }

  #idle(): void {
    this.#busy = false;
    this.#busySince = undefined;
    this.#pump();
  }

  #pump(): void {
    if (this.#busy || this.#guard.failed) return;
    const frame = this.#queue.take();
    if (frame === undefined) return;
    this.#busy = true;
    this.#busySince = frame.since;
    if (hasContent(frame)) this.#write(frame);
    else this.#clock.defer(() => this.#finish(frame));
  }

  /** A mark begins a new segment, so that all before it can go. */
  #write(frame: PendingFrame): void {
    const tail = this.#segments.at(-1);
    const begins = tail === undefined || frame.mark !== undefined || this.#offset >= this.#segmentBytes;
    const sequence = (tail?.sequence ?? 0) + (begins ? 1 : 0);
    const payload = this.#payload(frame, begins);
    const { bytes, crc } = this.#encoder.encode(payload, this.#frameSequence + 1, this.#link);
    const offset = begins ? 0 : this.#offset;
    const before = this.#last;
    this.#offset = offset + bytes.length;
    this.#frameSequence += 1;
    this.#link = crc;
    this.#last = endAfter(payload, this.#last);
    this.#hard = payload.hard ?? this.#hard;
    const file = segmentFile(sequence);
    const finish = (): void => this.#finish(frame);
    const begun = (): void => {
      this.#segments = [...this.#segments, { sequence, startIndex: frame.mark?.index ?? before.index }];
      if (frame.mark !== undefined) this.#resetTo(frame.mark.index);
      finish();
    };
    const synced = begins ? (): void => this.#disk.syncFolder(this.#guard.after('sync folder', begun)) : finish;
    const written = (): void => this.#disk.sync(file, this.#guard.after(`sync ${file}`, synced));
    this.#disk.writeAt(file, offset, bytes, this.#guard.after(`write ${file}`, written));
  }

  #payload({ hard, mark, truncateAfter, entries }: PendingFrame, begins: boolean): FramePayload {
    const written = hard ?? (begins ? this.#hard : undefined);
    return {
      ...(begins ? { start: this.#last } : {}),
      ...(written === undefined ? {} : { hard: written }),
      ...(mark === undefined ? {} : { mark }),
      ...(truncateAfter === undefined ? {} : { truncateAfter }),
      entries,
    };
  }

  /** The next frame goes to the disk before those who waited for this one are told: the disk never idles. */
  #finish(frame: PendingFrame): void {
    if (this.#guard.failed) return;
    this.#idle();
    for (const done of frame.dones) done();
  }

  #resetTo(index: LogIndex): void {
    this.#removeSegments(this.#segments.length - 1);
    this.#snapshots.removeBefore(index, () => undefined);
  }

  #removeSegments(count: number): void {
    const names = this.#segments.slice(0, count).map(({ sequence }) => segmentFile(sequence));
    this.#segments = this.#segments.slice(count);
    removeFiles(this.#disk, this.#guard, names, () => undefined);
  }
}
