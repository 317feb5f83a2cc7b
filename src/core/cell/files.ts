/** Files that modules take and leave, as far as the log knows them: names and digests, never bytes. */
import { damaged, PlainReader, type Plain } from '../lib/plain.ts';
import type { Cid } from '../lib/ids.ts';
import { CID_LENGTH_MAX, FILES_BYTES_MAX, FILES_COUNT_MAX, NAME_LENGTH_MAX } from './limits.ts';
import type { RunRecord } from './state.ts';
import type { FilesRef, ModuleFiles, ModuleSpec, Outcome } from './types.ts';

const kinds = ['file', 'program', 'tree'] as const;

const noFiles: ModuleFiles = { inputs: [], outputs: [] };

export function filesOf(spec: ModuleSpec): ModuleFiles {
  return spec.files ?? noFiles;
}

/** A blob that a run refers to. */
export interface BlobRef {
  readonly cid: Cid;
  /** It lists files, each of which is a blob that the run refers to as well. */
  readonly tree: boolean;
}

/**
 * Every blob that the cell's record of a run names, some more than once. What such a run may still need, or shall give to
 * whoever asks, is these blobs and the files that the trees among them list.
 */
export function* blobRefs(run: RunRecord): Generator<BlobRef> {
  for (const { outcome } of run.modules) {
    if (outcome?.files === undefined) continue;
    for (const { cid, kind } of Object.values(outcome.files)) yield { cid, tree: kind === 'tree' };
  }
}

/** @returns what is wrong between modules: an input of a module that is no need, or of an output that is not declared; or ''. */
export function inputsProblem(modules: readonly ModuleSpec[], { name, needs, files }: ModuleSpec): string {
  for (const { variable, module, output } of files?.inputs ?? []) {
    const source = modules[module];
    if (source === undefined || !needs.includes(module)) return `module ${name}: input ${variable} comes from a module that is not among its needs`;
    if (!filesOf(source).outputs.some((declared) => declared.name === output)) return `module ${name}: input ${variable}: module ${source.name} declares no output ${output}`;
  }
  return '';
}

/**
 * What a worker reports must fit what was declared: no more, no less, each name one that can be kept.
 * @returns why it cannot be kept, or ''.
 */
export function filesProblem(spec: ModuleSpec, files: Outcome['files']): string {
  const { outputs } = filesOf(spec);
  const given = files === undefined ? 0 : Object.keys(files).length;
  if (given !== outputs.length) return `${given} outputs with files were reported, ${outputs.length} are declared`;
  for (const { name } of outputs) {
    const ref = files![name];
    if (ref === undefined) return `output ${name} was not reported`;
    if (!isSound(ref)) return `what was reported of output ${name} cannot be kept`;
  }
  return '';
}

function isSound({ kind, cid, name, size, count }: FilesRef): boolean {
  const within = (value: number, max: number): boolean => Number.isSafeInteger(value) && value >= 0 && value <= max;
  const text = (value: string, max: number): boolean => value.length <= max && value.isWellFormed();
  const named = kind === 'tree' ? name === '' : text(name, NAME_LENGTH_MAX) && !/^\.{0,2}$|[/\\\0]/.test(name);
  return (kinds as readonly string[]).includes(kind) && text(cid, CID_LENGTH_MAX) && cid !== '' && named && within(size, FILES_BYTES_MAX) && within(count, FILES_COUNT_MAX);
}

export function moduleFilesPlain(files: ModuleFiles | undefined): Plain {
  return files === undefined ? null : [files.inputs.map(({ variable, module, output }) => [variable, module, output]), files.outputs.map(({ name, pattern }) => [name, pattern])];
}

/** @throws SkeinError LOG_DAMAGED */
export function readModuleFiles(plain: readonly Plain[] | null): ModuleFiles | undefined {
  if (plain === null) return undefined;
  const reader = new PlainReader(plain, 'files');
  const inputs = reader.list().map((item) => read(item, 'input', (input) => ({ variable: input.text(), module: input.count(), output: input.text() })));
  const outputs = reader.list().map((item) => read(item, 'output', (output) => ({ name: output.text(), pattern: output.text() })));
  reader.end();
  return { inputs, outputs };
}

/** By name, so that the order in which a worker says them does not show. */
export function outcomeFilesPlain(files: Outcome['files']): Plain {
  if (files === undefined) return null;
  return Object.keys(files).sort().map((output) => {
    const { kind, cid, name, size, count } = files[output]!;
    return [output, kind, cid, name, size, count];
  });
}

/** @throws SkeinError LOG_DAMAGED */
export function readOutcomeFiles(plain: readonly Plain[] | null): Outcome['files'] {
  if (plain === null) return undefined;
  return Object.fromEntries(plain.map((item) => read(item, 'files of an output', (reader): [string, FilesRef] => [reader.text(), readRef(reader)])));
}

function readRef(reader: PlainReader): FilesRef {
  const word = reader.text();
  const kind = kinds.find((known) => known === word);
  if (kind === undefined) throw damaged(`files of kind ${word}`);
  return { kind, cid: reader.text() as Cid, name: reader.text(), size: reader.count(), count: reader.count() };
}

function read<T>(plain: Plain, what: string, fields: (reader: PlainReader) => T): T {
  const reader = new PlainReader(plain, what);
  const value = fields(reader);
  reader.end();
  return value;
}
