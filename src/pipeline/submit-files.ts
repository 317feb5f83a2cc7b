/** File parameters of a run: found on this machine, put on a node, and from then on known by what they hold. */
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import type { BlobFile, FilesRef, Json } from '../core/cell/types.ts';
import { isSkeinError, SkeinError } from '../errors.ts';
import { FilesProblem, findFiles, stillTheSame, type FoundFile } from './find-files.ts';
import type { Pipeline } from './model.ts';
import { isFileType, readGivenFiles, type BlobPlace, type FileParamType, type GivenFiles } from './param-files.ts';
import { quote } from './problems.ts';

/** How files get from where `compileRun` is called to a node. */
export interface FileOptions {
  /** Absent: only what was put before, as the parameters of another run say it. */
  readonly place?: BlobPlace;
  /** Where relative paths start; null when paths would be those of another machine. @default the working directory */
  readonly directory?: string | null;
}

export interface WantedFiles {
  readonly param: string;
  readonly type: FileParamType;
  readonly given: Exclude<GivenFiles, { from: 'paths' }> | { readonly from: 'found'; readonly found: readonly FoundFile[] };
}

/**
 * Finds everything before anything is sent. @param params resolved. @param given as they came: the others are defaults.
 * @throws SkeinError PARAM_INVALID with all that is wrong
 */
export async function wantedFiles(pipeline: Pick<Pipeline, 'params' | 'origin'>, params: Readonly<Record<string, Json>>, given: Readonly<Record<string, Json>>, { place, directory = process.cwd() }: FileOptions): Promise<WantedFiles[]> {
  const wanted: WantedFiles[] = [];
  const problems: { param: string; message: string; hint: string }[] = [];
  for (const [param, { type }] of Object.entries(pipeline.params)) {
    const value = params[param] ?? null;
    if (!isFileType(type) || value === null) continue;
    const isDefault = (Object.hasOwn(given, param) ? given[param] : undefined) === undefined || given[param] === null;
    try {
      wanted.push({ param, type, given: await located(readGivenFiles(value, type)!, type, isDefault ? pipeline.origin.directory : directory, place) });
    } catch (error) {
      if (!(error instanceof FilesProblem)) throw error;
      problems.push({ param, message: `parameter ${quote(param)} ${error.message}`, hint: '' });
    }
  }
  if (problems.length > 0) throw new SkeinError('PARAM_INVALID', problems.map(({ message }) => message).join('\n'), { problems });
  return wanted;
}

async function located(given: GivenFiles, type: FileParamType, directory: string | null, place: BlobPlace | undefined): Promise<WantedFiles['given']> {
  if (given.from === 'ref') return given;
  if (place === undefined) throw new FilesProblem('is files, and nothing here puts them on a node');
  if (given.from === 'blob') return given;
  if (directory === null) throw new FilesProblem(`names ${quote(given.paths[0] ?? '')}, and the files of whoever sends this are not here: put them (POST /api/v1/blobs), and give {"cid": CID, "name": NAME}`);
  const found = await findFiles(given.paths, directory, type);
  for (const { file } of found) await access(file, constants.R_OK).catch(() => refuseUnreadable(file));
  return { from: 'found', found };
}

function refuseUnreadable(file: string): never {
  throw new FilesProblem(`names ${quote(file)}, which may not be read: permission denied`);
}

/** Puts them. @returns the values of their parameters. @throws SkeinError PARAM_INVALID, and what `place` throws, with the parameter in front */
export async function putFiles(wanted: readonly WantedFiles[], place: BlobPlace | undefined): Promise<Record<string, Json>> {
  const values: Record<string, Json> = {};
  for (const each of wanted) {
    try {
      values[each.param] = { ...(await refOf(each, place)) };
    } catch (error) {
      if (error instanceof FilesProblem) throw new SkeinError('PARAM_INVALID', `parameter ${quote(each.param)} ${error.message}`, { param: each.param });
      if (isSkeinError(error) && error.code.startsWith('BLOB_')) throw new SkeinError(error.code, `parameter ${quote(each.param)}: ${error.message}`, { ...error.data, param: each.param }, { cause: error });
      throw error;
    }
  }
  return values;
}

async function refOf({ param, type, given }: WantedFiles, place: BlobPlace | undefined): Promise<FilesRef> {
  if (given.from === 'ref') return given.ref;
  if (place === undefined) throw new FilesProblem('is files, and nothing here puts them on a node');
  if (given.from === 'found') return refOfFound(given.found, type, place);
  const { cid, size } = await place.fetch(given.cid);
  if (type === 'files') return treeRef(await place.files(cid), { cid, size });
  return { kind: given.executable ? 'program' : 'file', cid, name: given.name === '' ? param : given.name, size, count: 1 };
}

async function refOfFound(found: readonly FoundFile[], type: FileParamType, place: BlobPlace): Promise<FilesRef> {
  const named = await place.putFiles(found.map(({ file }) => file));
  const files: BlobFile[] = [];
  for (const [at, one] of found.entries()) {
    const { cid, size } = named[at]!;
    await stillTheSame(one, size);
    files.push({ path: one.path, cid, size, executable: one.executable });
  }
  const [first] = files;
  if (type === 'file' && first !== undefined) return { kind: first.executable ? 'program' : 'file', cid: first.cid, name: path.posix.basename(first.path), size: first.size, count: 1 };
  return treeRef(files, await place.putTree(files));
}

function treeRef(files: readonly BlobFile[], { cid }: { readonly cid: FilesRef['cid']; readonly size: number }): FilesRef {
  return { kind: 'tree', cid, name: '', size: files.reduce((sum, { size }) => sum + size, 0), count: files.length };
}
