/** The node's side of a module's files: blobs to places on the disk, and what was taken from its folder to blobs. */
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { BlobFile, FilesRef, LogRef, Outcome, OutputSpec } from '../../core/cell/types.ts';
import type { Cid } from '../../core/lib/ids.ts';
import { isSkeinError, type ErrorCode } from '../../errors.ts';
import type { ExecutionInput, Execution } from '../../ports/executor.ts';
import type { Observer } from '../../ports/observer.ts';
import { encodeTreeInSlices, isSafePath } from '../../protocol/tree-codec.ts';
import { inSlices } from '../in-slices.ts';
import { ERROR_MESSAGE_BYTES_MAX } from './limits.ts';
import type { Line } from './lines.ts';
import { ITEM_PATH_VARIABLE } from './messages.ts';
import type { CheckpointTaken, PlacedInput, TakenFile } from './messages.ts';
import type { KeptLog } from './output-log.ts';
import { clipText } from './tail.ts';

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

export function placedFile({ path: where, cid, executable }: BlobFile, shelf: FileShelf): PlacedInput['files'][number] {
  return { path: where, source: shelf.pathOf(cid), executable };
}

/** The file that an item is comes like an input. */
export function inputsWithItem({ inputs, item }: Execution): readonly ExecutionInput[] {
  return item === undefined || item.file === null ? inputs : [...inputs, { variable: ITEM_PATH_VARIABLE, single: true, files: [item.file] }];
}

/** A pattern that names one file gives that file; any other gives a tree, however many files it fits. */
function namesOne(pattern: string): boolean {
  return !/[*?[\]{}]|[!@+]\(/.test(pattern);
}

/**
 * @param line the supervisor's word of a checkpoint. @param shelf undefined: it is not wanted. @returns all of its files in one tree.
 * @throws SkeinError BLOB_…
 */
export async function recordCheckpoint(line: Line, shelf: FileShelf | undefined): Promise<FilesRef | undefined> {
  const { files, problem } = JSON.parse(line.head) as CheckpointTaken;
  if (problem !== undefined) throw new Error(problem);
  const refs = await moved(files, async (here) => shelf && namedFiles(here, [{ name: '', pattern: '**' }], shelf));
  return refs?.[''];
}

async function moved<T>(files: readonly TakenFile[], use: (files: readonly TakenFile[]) => Promise<T>): Promise<T> {
  const [first] = files;
  if (first === undefined) return await use(files);
  const folder = keptFolder(path.dirname(first.taken));
  try {
    return await use(files.map((file) => ({ ...file, taken: path.join(folder, path.basename(file.taken)) })));
  } finally {
    // Also of what could not be kept: on a full disk it would keep it full.
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * A folder or a file, out of the folder of the supervisor, which the next one removes should this one end: what its modules had finished is
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

/** The outcome with its files and its log. Never rejects: files that cannot be kept are a failure, a log is not. */
export async function recordAll(outcome: Outcome, taken: readonly TakenFile[], outputs: readonly OutputSpec[], kept: KeptLog | undefined, shelf: FileShelf, observer: Observer): Promise<Outcome> {
  // Both are out of the supervisor's folder before this gives way for the first time.
  const [log, files] = await Promise.allSettled([kept === undefined ? undefined : recordLog(kept, shelf), outputs.length === 0 ? undefined : moved(taken, (here) => namedFiles(here, outputs, shelf))]);
  const whole = log.status === 'fulfilled' && log.value !== undefined ? { ...outcome, log: log.value } : outcome;
  if (log.status === 'rejected') observer.notify({ level: 'warn', event: 'log-not-kept', message: `the output of a module could not be kept, only its end is: ${messageOf(log.reason)}` });
  if (files.status === 'fulfilled') return files.value === undefined ? whole : { ...whole, files: files.value };
  return { ...whole, ok: false, values: {}, error: { code: codeOfFailure(files.reason), message: clipText(messageOf(files.reason), ERROR_MESSAGE_BYTES_MAX) } };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** @throws SkeinError BLOB_… */
async function recordLog({ path: live, cut, cutAt }: KeptLog, shelf: FileShelf): Promise<LogRef> {
  const file = keptFolder(live);
  try {
    const [named] = await shelf.takeFiles([file]);
    return { cid: named!.cid, size: named!.size, cut, cutAt };
  } finally {
    await rm(file, { force: true });
  }
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
  const tree = await shelf.takeBytes(await inSlices((slice) => encodeTreeInSlices(list, slice)));
  return { kind: 'tree', cid: tree.cid, name: '', size: list.reduce((sum, { size }) => sum + size, 0), count: list.length };
}

/** A full disk is the node's fault, not the module's. */
function codeOfFailure(error: unknown): ErrorCode {
  return isSkeinError(error, 'BLOB_DISK_FULL') || isSkeinError(error, 'BLOB_STORE_FAILED') ? 'NODE_EXHAUSTED' : 'MODULE_OUTPUT';
}
