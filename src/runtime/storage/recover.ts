/**
 * Reads a log back after a restart. Only reads: what has to be repaired (a torn tail to cut, leftovers to remove) is
 * handed to the LogStore, which does it before anything else. So the same function also serves offline readers and
 * the simulator's checkers, on a copy of a disk.
 *
 * Why a bad frame is torn or damage: there is one write and sync at a time, so whatever has a successor was synced.
 *  1. Bad last frame, nothing whole after it: the write that a crash interrupted. It was never acknowledged: cut it.
 *  2. Bad frame with a whole frame after it, or in a segment that has a successor: bytes that were synced have changed.
 *  3. A snapshot ahead of the log, or at odds with it: it was stored, but the crash came before its mark was written
 *     (PROTOCOL §10 row 19). It holds committed state only, so it wins and the log is reset to it.
 */
import { isSkeinError } from '../../errors.ts';
import type { Entry, HardState, SnapshotMeta } from '../../core/raft/types.ts';
import type { LogPosition } from './frame.ts';
import { listStorage, segmentFile, snapshotFile, type DiskReader, type SegmentFile, type SnapshotFile } from './names.ts';
import { LogReplay } from './replay.ts';
import { scanSegment, type Expected, type SegmentScan } from './scan.ts';
import { decodeSnapshot, type Snapshot } from './snapshot-file.ts';

export interface Damage {
  readonly file: string;
  readonly offset: number;
  readonly reason: string;
}

export interface SegmentState {
  readonly sequence: number;
  /** Everything up to this index must be covered by a snapshot before the segments before this one may go. */
  readonly startIndex: number;
}

export type Repair = { readonly type: 'remove'; readonly file: string } | { readonly type: 'truncate'; readonly file: string; readonly length: number };

/** What the LogStore needs to go on where the log ends. */
export interface WriterState {
  readonly segments: readonly SegmentState[];
  /** End of the last good frame in the last segment. */
  readonly offset: number;
  /** Sequence and crc of the last good frame, 0 for none. */
  readonly frameSequence: number;
  readonly link: number;
  /** Last entry in the frames (not raised by a snapshot that waits for its mark). */
  readonly last: LogPosition;
  /** Stored snapshots that are whole, as far as they were looked at, newest first. */
  readonly snapshots: readonly LogPosition[];
  /** This snapshot is in force but the log does not say so yet. */
  readonly reset: SnapshotMeta | undefined;
  readonly repairs: readonly Repair[];
}

export interface Recovered {
  readonly hard: HardState;
  readonly snapshot: Snapshot | undefined;
  /** After the snapshot, contiguous. */
  readonly entries: readonly Entry[];
  /** Nothing was ever written here. */
  readonly empty: boolean;
  /** The last frame was incomplete and is not part of the result. */
  readonly torn: boolean;
  /** This disk may not vote any more. The rest of the result is what could be read before the damage. */
  readonly damage?: Damage;
  /** Damaged snapshots that an older one and the log made up for. */
  readonly skipped: readonly string[];
  readonly writer: WriterState;
}

interface LogRead {
  readonly replay: LogReplay;
  readonly segments: SegmentState[];
  readonly repairs: Repair[];
  offset: number;
  next: Expected | undefined;
  torn: boolean;
  damage: Damage | undefined;
}

export function recoverLog(disk: DiskReader): Recovered {
  const files = listStorage(disk);
  const run = newestRun(files.segments);
  const log = readLog(disk, run);
  const skipped: string[] = [];
  const snapshot = newestSnapshot(disk, files.snapshots, log.replay, skipped);
  const damage = log.damage ?? gap(files.snapshots, snapshot, log, skipped);
  const reset = snapshot !== undefined && isAhead(snapshot.meta, log.replay) ? snapshot.meta : undefined;
  const unneeded = files.segments.slice(0, files.segments.length - run.length).map(({ file }) => file);
  const repairs: Repair[] = [...log.repairs];
  for (const file of [...files.temporary, ...unneeded, ...skipped]) repairs.push({ type: 'remove', file });
  return {
    hard: reset === undefined ? log.replay.hard : raised(log.replay.hard, reset),
    snapshot,
    entries: reset === undefined ? entriesAfter(log.replay, snapshot) : [],
    empty: log.segments.length === 0 && files.snapshots.length === 0 && damage === undefined,
    torn: log.torn,
    ...(damage === undefined ? {} : { damage }),
    skipped,
    writer: {
      segments: log.segments,
      offset: log.offset,
      frameSequence: log.next === undefined ? 0 : log.next.sequence - 1,
      link: log.next?.link ?? 0,
      last: log.replay.last,
      snapshots: files.snapshots.filter(({ file }) => !skipped.includes(file)),
      reset,
      repairs: damage === undefined ? repairs : [],
    },
  };
}

/** The segments before a gap are what an interrupted removal left: fine, if a snapshot covers them (see `gap`). */
function newestRun(segments: readonly SegmentFile[]): readonly SegmentFile[] {
  let first = segments.length - 1;
  while (first > 0 && segments[first - 1]!.sequence === segments[first]!.sequence - 1) first -= 1;
  return segments.slice(Math.max(first, 0));
}

function readLog(disk: DiskReader, run: readonly SegmentFile[]): LogRead {
  const next = run[0] === undefined || run[0].sequence === 1 ? { sequence: 1, link: 0 } : undefined;
  const log: LogRead = { replay: new LogReplay(), segments: [], repairs: [], offset: 0, next, torn: false, damage: undefined };
  for (const segment of run) {
    const scan = scanSegment(disk.read(segment.file), log.next);
    replaySegment(log, segment, scan);
    if (log.damage !== undefined) break;
    const isLast = segment === run.at(-1);
    if (scan.fault === undefined && scan.frames.length > 0) continue;
    endTorn(log, segment, scan, isLast);
  }
  return log;
}

function replaySegment(log: LogRead, segment: SegmentFile, scan: SegmentScan): void {
  for (const [position, frame] of scan.frames.entries()) {
    const place = position > 0 ? 'inner' : log.segments.length === 0 ? 'run' : 'segment';
    try {
      log.replay.apply(frame.payload, place);
    } catch (error) {
      if (!isSkeinError(error, 'FRAME_INVALID')) throw error;
      log.damage = { file: segment.file, offset: frame.offset, reason: error.message };
      return;
    }
    const { mark, start } = frame.payload;
    if (position === 0) log.segments.push({ sequence: segment.sequence, startIndex: mark?.index ?? start?.index ?? 0 });
    log.next = { sequence: frame.sequence + 1, link: frame.crc };
  }
  if (scan.frames.length > 0) log.offset = scan.end;
}

/** The segment is empty or ends in a bad frame. Decides what that means. */
function endTorn(log: LogRead, segment: SegmentFile, scan: SegmentScan, isLast: boolean): void {
  const { offset, reason, torn } = scan.fault ?? { offset: 0, reason: 'the segment is empty', torn: true };
  // A segment is begun only after everything before it was synced, and segments are removed only after a later one was.
  const wasSynced = !isLast || (scan.frames.length === 0 && log.segments.length === 0 && segment.sequence > 1);
  if (!torn || wasSynced) {
    log.damage = { file: segment.file, offset, reason };
    return;
  }
  log.torn = true;
  if (scan.frames.length === 0) log.repairs.push({ type: 'remove', file: segment.file });
  else log.repairs.push({ type: 'truncate', file: segment.file, length: scan.end });
}

/** The newest whole snapshot that the log can go on from. */
function newestSnapshot(disk: DiskReader, files: readonly SnapshotFile[], log: LogReplay, skipped: string[]): Snapshot | undefined {
  for (const { file, index, term } of files) {
    if (index < log.base.index) return undefined;
    const snapshot = readSnapshot(disk, file);
    if (snapshot !== undefined && snapshot.meta.index === index && snapshot.meta.term === term) return snapshot;
    skipped.push(file);
  }
  return undefined;
}

function readSnapshot(disk: DiskReader, file: string): Snapshot | undefined {
  try {
    return decodeSnapshot(disk.read(file));
  } catch (error) {
    if (!isSkeinError(error, 'FRAME_INVALID')) throw error;
    return undefined;
  }
}

/** Is something missing between the snapshot and the log? */
function gap(files: readonly SnapshotFile[], snapshot: Snapshot | undefined, log: LogRead, skipped: readonly string[]): Damage | undefined {
  const { base } = log.replay;
  const newest = files[0];
  if (newest !== undefined && log.segments.length === 0) {
    return { file: newest.file, offset: 0, reason: 'there is a snapshot, but its log is gone' };
  }
  if (snapshot !== undefined || base.index === 0) return undefined;
  if (skipped[0] !== undefined) {
    return { file: skipped[0], offset: 0, reason: `the snapshot is damaged, and the log before ${base.index} is gone` };
  }
  const first = segmentFile(log.segments[0]?.sequence ?? 1);
  const reason = newest === undefined ? 'there is no snapshot' : `the newest snapshot, ${snapshotFile(newest.index, newest.term)}, ends before`;
  return { file: first, offset: 0, reason: `the log starts after ${base.index}, but ${reason}` };
}

function isAhead({ index, term }: SnapshotMeta, log: LogReplay): boolean {
  if (index > log.last.index) return true;
  const known = log.termAt(index);
  return known !== 0 && known !== term;
}

function entriesAfter(log: LogReplay, snapshot: Snapshot | undefined): readonly Entry[] {
  if (snapshot === undefined) return log.entries;
  return log.entries.slice(snapshot.meta.index - log.base.index);
}

/** The term of a snapshot was seen by this node, though the crash came before it was written down; no vote was given in it. */
function raised(hard: HardState, { term }: SnapshotMeta): HardState {
  return hard.term >= term ? hard : { term, votedFor: '' };
}
