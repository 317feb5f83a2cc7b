/** The node's side of a module's files: blobs to places on the disk, and what was taken from its folder to blobs. */
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { BlobFile, FilesRef, OutputSpec } from '../../core/cell/types.ts';
import type { Cid } from '../../core/lib/ids.ts';
import { isSkeinError, type ErrorCode } from '../../errors.ts';
import type { ExecutionInput } from '../../ports/executor.ts';
import { encodeTree, isSafePath } from '../../protocol/tree-codec.ts';
import type { Line } from './lines.ts';
import type { EndHead, PlacedInput, TakenFile } from './messages.ts';

const TAKEN = 'taken-';

/** Blobs on this disk. */
export interface FileShelf {
  /** Absolute path of a blob that is here. */
  pathOf(cid: Cid): string;
  /** Makes blobs of files, which are moved away. @returns what each became, in order. @throws SkeinError BLOB_… */
  takeFiles(files: readonly string[]): Promise<readonly Named[]>;
  takeBytes(bytes: Uint8Array): Promise<Named>;
}

interface Named {
  readonly cid: Cid;
  readonly size: number;
}

export function placedInput({ variable, single, files }: ExecutionInput, shelf: FileShelf): PlacedInput {
  return { variable, single, files: files.map(({ path: where, cid, executable }) => ({ path: where, source: shelf.pathOf(cid), executable })) };
}

/** A pattern that names one file gives that file; any other gives a tree, however many files it fits. */
function namesOne(pattern: string): boolean {
  return !/[*?[\]{}]|[!@+]\(/.test(pattern);
}

/** @param line the supervisor's word of the end. @throws SkeinError BLOB_… */
export async function recordFiles(line: Line, outputs: readonly OutputSpec[], shelf: FileShelf): Promise<Record<string, FilesRef>> {
  const { files = [] } = JSON.parse(line.head) as EndHead;
  const [first] = files;
  if (first === undefined) return await namedFiles(files, outputs, shelf);
  const folder = keptFolder(path.dirname(first.taken));
  try {
    return await namedFiles(files.map((file) => ({ ...file, taken: path.join(folder, path.basename(file.taken)) })), outputs, shelf);
  } finally {
    // Also of what could not be kept: on a full disk it would keep it full.
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Out of the folder of the supervisor, which the next one removes should this one end: what its modules had finished is
 * not lost with it. At once, so that no supervisor can begin before.
 */
function keptFolder(taken: string): string {
  const supervisor = path.dirname(taken);
  const folder = path.join(path.dirname(supervisor), `${TAKEN}${path.basename(supervisor)}-${path.basename(taken)}`);
  renameSync(taken, folder);
  return folder;
}

/** What an earlier process of this node had taken and not recorded. Before the first execution. */
export function clearTaken(workDir: string): void {
  for (const name of readdirSync(workDir)) if (name.startsWith(TAKEN)) rmSync(path.join(workDir, name), { recursive: true, force: true });
}

async function namedFiles(files: readonly TakenFile[], outputs: readonly OutputSpec[], shelf: FileShelf): Promise<Record<string, FilesRef>> {
  for (const { path: where } of files) if (!isSafePath(where)) throw new Error(`${JSON.stringify(where)} is no path of an output`);
  // The same file may be part of several outputs.
  const taken = [...new Set(files.map((file) => file.taken))];
  const named = await shelf.takeFiles(taken);
  const blobOf = new Map(taken.map((file, at) => [file, named[at]!]));
  const refs: Record<string, FilesRef> = {};
  for (const { name, pattern } of outputs) refs[name] = await refOf(files.filter(({ output }) => output === name), namesOne(pattern), blobOf, shelf);
  return refs;
}

async function refOf(files: readonly TakenFile[], single: boolean, blobOf: ReadonlyMap<string, Named>, shelf: FileShelf): Promise<FilesRef> {
  const list = files.map(({ path: where, taken, executable }): BlobFile => ({ path: where, ...blobOf.get(taken)!, executable }));
  const [only] = list;
  if (single && only !== undefined) return { kind: only.executable ? 'program' : 'file', cid: only.cid, name: path.posix.basename(only.path), size: only.size, count: 1 };
  const tree = await shelf.takeBytes(encodeTree(list));
  return { kind: 'tree', cid: tree.cid, name: '', size: list.reduce((sum, { size }) => sum + size, 0), count: list.length };
}

/** A full disk is the node's fault, not the module's. */
export function codeOfFailure(error: unknown): ErrorCode {
  return isSkeinError(error, 'BLOB_DISK_FULL') || isSkeinError(error, 'BLOB_STORE_FAILED') ? 'NODE_EXHAUSTED' : 'MODULE_OUTPUT';
}
