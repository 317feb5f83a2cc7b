/** Who this disk is: without it a log is nobody's, and a wiped disk is a new member (PROTOCOL §1). */
import { decode, encode } from 'cborg';
import { SkeinError } from '../../errors.ts';
import type { CellId, NodeId } from '../../core/lib/ids.ts';
import type { Disk } from '../../ports/disk.ts';
import { readU32, writeU32 } from '../../protocol/bytes.ts';
import { crc32c } from './crc.ts';
import type { DiskGuard } from './disk-guard.ts';
import { IDENTITY_FILE, listStorage, TEMPORARY_SUFFIX, type DiskReader } from './names.ts';
import { removeFiles } from './snapshot-store.ts';

export interface StorageIdentity {
  /** Whose log this is. A copy of this disk in another node is not that node's. */
  readonly nodeId: NodeId;
  /** Random per data directory. */
  readonly storageId: string;
  /** Cell whose log this is; '' = none yet. */
  readonly cellId: CellId | '';
}

/** @returns undefined when there is none. @throws SkeinError LOG_DAMAGED */
export function readIdentity(disk: DiskReader): StorageIdentity | undefined {
  if (!disk.list().includes(IDENTITY_FILE)) return undefined;
  const bytes = disk.read(IDENTITY_FILE);
  const end = bytes.length - 4;
  const isWhole = end > 0 && readU32(bytes, end) === crc32c(bytes, 0, end);
  const fields: unknown = isWhole ? decode(bytes.subarray(0, end)) : undefined;
  if (Array.isArray(fields) && fields.length === 3 && fields.every((field) => typeof field === 'string')) {
    const [nodeId, storageId, cellId] = fields as [NodeId, string, CellId];
    return { nodeId, storageId, cellId };
  }
  throw new SkeinError('LOG_DAMAGED', 'the identity of this disk is damaged', { file: IDENTITY_FILE });
}

/**
 * @returns undefined when there is none. @throws SkeinError LOG_DAMAGED, also for a copy of another node's disk: it may be
 * older than an earlier copy was that this node answered for under the same name, so it is worth no more than a damaged one.
 */
export function readIdentityOf(node: NodeId, disk: DiskReader): StorageIdentity | undefined {
  const identity = readIdentity(disk);
  if (identity === undefined || identity.nodeId === node) return identity;
  throw new SkeinError('LOG_DAMAGED', `it is a copy of the disk of node ${identity.nodeId}, and this is node ${node}`, { file: IDENTITY_FILE });
}

/** Replaces the identity atomically: write, sync, rename, sync the folder. */
export function writeIdentity(disk: Disk, guard: DiskGuard, identity: StorageIdentity, done: () => void): void {
  const fields = encode([identity.nodeId, identity.storageId, identity.cellId]);
  const bytes = new Uint8Array(fields.length + 4);
  bytes.set(fields);
  writeU32(bytes, fields.length, crc32c(fields));
  const temporary = IDENTITY_FILE + TEMPORARY_SUFFIX;
  const folder = guard.after('rename identity', () => disk.syncFolder(guard.after('sync folder', done)));
  const rename = guard.after('sync identity', () => disk.rename(temporary, IDENTITY_FILE, folder));
  const sync = guard.after('write identity', () => disk.sync(temporary, rename));
  // An interrupted write may have left a longer file behind.
  disk.writeAt(temporary, 0, bytes, guard.after('write identity', () => disk.truncate(temporary, bytes.length, sync)));
}

/**
 * Removes everything, the identity first: a disk that lost its log but kept its identity could vote twice in one term.
 * So a log without an identity is always to be wiped before a new identity is written.
 */
export function wipeStorage(disk: Disk, guard: DiskGuard, done: () => void): void {
  const files = listStorage(disk);
  const identity = disk.list().filter((file) => file === IDENTITY_FILE);
  const rest = [...files.temporary, ...files.snapshots.map(({ file }) => file), ...files.segments.map(({ file }) => file)];
  removeFiles(disk, guard, identity, () => removeFiles(disk, guard, rest, done));
}
