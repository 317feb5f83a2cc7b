/**
 * Names of the files of one cell's disk. Numbers are 16 hex digits, so that names sort as the numbers do:
 * `log-<segment>`, `snapshot-<index>-<term>`, `identity`; a file that is not finished yet ends in `.tmp`.
 */
import type { LogIndex, Term } from '../../core/lib/ids.ts';
import type { Disk } from '../../ports/disk.ts';

/** What reading a log back needs: also a copy of a disk will do. */
export type DiskReader = Pick<Disk, 'list' | 'read'>;

export const IDENTITY_FILE = 'identity';
export const TEMPORARY_SUFFIX = '.tmp';

const SEGMENT = /^log-([0-9a-f]{16})$/;
const SNAPSHOT = /^snapshot-([0-9a-f]{16})-([0-9a-f]{16})$/;

export interface SegmentFile {
  readonly file: string;
  /** From 1, rises by one per segment. */
  readonly sequence: number;
}

export interface SnapshotFile {
  readonly file: string;
  readonly index: LogIndex;
  readonly term: Term;
}

export interface StorageFiles {
  /** By rising sequence. */
  readonly segments: readonly SegmentFile[];
  /** Newest first. */
  readonly snapshots: readonly SnapshotFile[];
  /** What an interrupted write left behind. */
  readonly temporary: readonly string[];
}

export function segmentFile(sequence: number): string {
  return `log-${hex(sequence)}`;
}

export function snapshotFile(index: LogIndex, term: Term): string {
  return `snapshot-${hex(index)}-${hex(term)}`;
}

/** Files with other names are left alone. */
export function listStorage(disk: DiskReader): StorageFiles {
  const segments: SegmentFile[] = [];
  const snapshots: SnapshotFile[] = [];
  const temporary: string[] = [];
  for (const file of disk.list()) {
    const segment = SEGMENT.exec(file);
    const snapshot = SNAPSHOT.exec(file);
    if (segment !== null) segments.push({ file, sequence: number(segment[1]) });
    else if (snapshot !== null) snapshots.push({ file, index: number(snapshot[1]), term: number(snapshot[2]) });
    else if (isTemporary(file)) temporary.push(file);
  }
  segments.sort((a, b) => a.sequence - b.sequence);
  snapshots.sort((a, b) => b.index - a.index || b.term - a.term);
  return { segments, snapshots, temporary };
}

function isTemporary(file: string): boolean {
  if (!file.endsWith(TEMPORARY_SUFFIX)) return false;
  const name = file.slice(0, -TEMPORARY_SUFFIX.length);
  return name === IDENTITY_FILE || SNAPSHOT.test(name) || SEGMENT.test(name);
}

function hex(value: number): string {
  return value.toString(16).padStart(16, '0');
}

function number(digits: string | undefined): number {
  return Number.parseInt(digits ?? '', 16);
}
