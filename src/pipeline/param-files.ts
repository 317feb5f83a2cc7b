/** Parameters that are files, as people give them: a path, a pattern, or the name of a blob that was put before. */
import { filesOfParam } from '../core/cell/files.ts';
import type { BlobFile, FilesRef, Json } from '../core/cell/types.ts';
import type { Cid } from '../core/lib/ids.ts';
import { PARAM_PATHS_MAX } from './limits.ts';
import type { ParamType } from './model.ts';

export type FileParamType = Extract<ParamType, 'file' | 'files'>;

export interface NamedBlob {
  readonly cid: Cid;
  readonly size: number;
}

/** Where the files of a run are put before it is submitted: a node. */
export interface BlobPlace {
  /** Reads each file once. @returns what each became, in order. @throws SkeinError BLOB_… */
  putFiles(files: readonly string[]): Promise<readonly NamedBlob[]>;
  /** A list of files that are there already. @throws SkeinError BLOB_… */
  putTree(files: readonly BlobFile[]): Promise<NamedBlob>;
  /** What is in memory. @throws SkeinError BLOB_… */
  putBytes(bytes: Uint8Array): Promise<NamedBlob>;
  /** Waits until a blob that was put before is there. @throws SkeinError BLOB_INVALID, BLOB_NOT_FOUND */
  fetch(cid: string): Promise<NamedBlob>;
  /** What a blob lists. @throws SkeinError as `fetch`; BLOB_INVALID when it is no list of files */
  files(cid: string): Promise<readonly BlobFile[]>;
}

export type GivenFiles =
  | { readonly from: 'paths'; readonly paths: readonly string[] }
  | { readonly from: 'blob'; readonly cid: string; readonly name: string; readonly executable: boolean }
  /** All that a run carries: made before, by us. */
  | { readonly from: 'ref'; readonly ref: FilesRef };

export function isFileType(type: ParamType): type is FileParamType {
  return type === 'file' || type === 'files';
}

/** What may be given, for messages. */
export function filesForm(type: FileParamType): string {
  return type === 'file' ? 'the path of a file, blob:CID, or {cid: CID, name: NAME}' : 'a folder, a file or a pattern, a list of them, blob:CID, or {cid: CID}';
}

/** Looks at the form alone. @returns undefined for what cannot be files. */
export function readGivenFiles(given: Json, type: FileParamType): GivenFiles | undefined {
  if (typeof given === 'string') return given.startsWith('blob:') ? blobOf(given.slice('blob:'.length), type) : pathsOf([given]);
  if (typeof given !== 'object' || given === null) return undefined;
  if (Array.isArray(given)) return type === 'files' ? pathsOf(given as readonly Json[]) : undefined;
  const ref = filesOfParam({ given }, 'given');
  if (ref !== undefined) return (ref.kind === 'tree') === (type === 'files') ? { from: 'ref', ref } : undefined;
  const { cid, name = '', executable = false, ...more } = given as Readonly<Record<string, Json>>;
  if (typeof cid !== 'string' || typeof name !== 'string' || typeof executable !== 'boolean' || Object.keys(more).length > 0) return undefined;
  return namedBlob(cid, name, executable, type);
}

/** `CID` or `CID/NAME`. */
function blobOf(text: string, type: FileParamType): GivenFiles | undefined {
  const slash = text.indexOf('/');
  return slash === -1 ? namedBlob(text, '', false, type) : namedBlob(text.slice(0, slash), text.slice(slash + 1), false, type);
}

function namedBlob(cid: string, name: string, executable: boolean, type: FileParamType): GivenFiles | undefined {
  const named = name !== '' || executable;
  return cid === '' || (named && type === 'files') || (name !== '' && !isFileName(name)) ? undefined : { from: 'blob', cid, name, executable };
}

function pathsOf(paths: readonly Json[]): GivenFiles | undefined {
  const fits = paths.length > 0 && paths.length <= PARAM_PATHS_MAX && paths.every((item) => typeof item === 'string' && item !== '' && !item.includes('\0'));
  return fits ? { from: 'paths', paths: paths as readonly string[] } : undefined;
}

/** One that a file can have in the work folder of any node. */
export function isFileName(name: string): boolean {
  return filesOfParam({ file: { kind: 'file', cid: 'x', name, size: 0, count: 1 } }, 'file') !== undefined;
}
