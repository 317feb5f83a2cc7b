/** Files that modules take and leave, as far as the log knows them: names and digests, never bytes. */
import { Hasher } from '../lib/hash.ts';
import { damaged, PlainReader, type Plain } from '../lib/plain.ts';
import type { Cid } from '../lib/ids.ts';
import { own } from '../lib/own.ts';
import { CID_LENGTH_MAX, FILES_BYTES_MAX, FILES_COUNT_MAX, NAME_LENGTH_MAX, DIGEST_BYTES, FOREACH_ITEMS_MAX } from './limits.ts';
import type { ModuleRecord, RunRecord } from './state.ts';
import type { FilesRef, InputSpec, LogRef, ModuleFiles, ModuleSpec, Outcome, RunSpec, BlobFile } from './types.ts';

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
  for (const { cid, kind } of broughtFiles(run.spec)) yield { cid, tree: kind === 'tree' };
  for (const module of run.modules) yield* moduleBlobRefs(module);
}

/** Of what one module left: files, logs of its executions, and what its next one begins with. */
function* moduleBlobRefs(module: ModuleRecord): Generator<BlobRef> {
  const { outcome, checkpoint } = module;
  if (checkpoint !== null) yield { cid: checkpoint.files.cid, tree: true };
  if (outcome?.files !== undefined) for (const { cid, kind } of Object.values(outcome.files)) yield { cid, tree: kind === 'tree' };
  yield* logRefs(module);
}

/** What its executions printed, when that is more than the log of the cell keeps. */
export function* logRefs({ outcome, executions }: ModuleRecord): Generator<BlobRef> {
  if (outcome?.log !== undefined) yield { cid: outcome.log.cid, tree: false };
  for (const { log } of executions) if (log !== null) yield { cid: log.cid, tree: false };
}

/** @returns the files that are the value of a parameter; undefined for any other value. */
export function filesOfParam(params: Readonly<Record<string, unknown>>, name: string): FilesRef | undefined {
  const value = own(params, name);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { kind, cid, name: fileName, size, count } = value as Readonly<Record<string, unknown>>;
  if (typeof kind !== 'string' || typeof cid !== 'string' || typeof fileName !== 'string' || typeof size !== 'number' || typeof count !== 'number') return undefined;
  const ref: FilesRef = { kind: kind as FilesRef['kind'], cid: cid as Cid, name: fileName, size, count };
  return isSound(ref) ? ref : undefined;
}

/** What came with a run, by parameter: also when it has finished, and whether or not a module takes it. */
export function submittedFiles(params: Readonly<Record<string, unknown>>): ReadonlyMap<string, FilesRef> {
  const found = new Map<string, FilesRef>();
  for (const name in params) {
    const ref = filesOfParam(params, name);
    if (ref !== undefined) found.set(name, ref);
  }
  return found;
}

/** @returns the blob that a bundle is; undefined for one that lies in the log. */
export function bundleBlob(bundles: RunSpec['bundles'], name: string): FilesRef | undefined {
  return filesOfParam(bundles, name);
}

/** Of the bundles of a run those that are blobs. */
export function bundleBlobs(bundles: RunSpec['bundles']): ReadonlyMap<string, FilesRef> {
  return submittedFiles(bundles);
}

/** All that came with a run and does not lie in the log: files of its parameters, and large bundles. */
export function* broughtFiles({ params, bundles }: Pick<RunSpec, 'params' | 'bundles'>): Generator<FilesRef> {
  yield* submittedFiles(params).values();
  yield* bundleBlobs(bundles).values();
}

/**
 * @returns what is wrong between a module and the rest of its run: an input of a module that is no need, of an output that
 * is not declared, or of a parameter that is no files; or ''.
 */
export function inputsProblem({ modules, params }: Pick<RunSpec, 'modules' | 'params'>, { name, needs, files }: ModuleSpec): string {
  for (const input of files?.inputs ?? []) {
    if ('param' in input) {
      if (filesOfParam(params, input.param) === undefined) return `module ${name}: input ${input.variable}: parameter ${input.param} is no files`;
      continue;
    }
    const { variable, module, output } = input;
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
    const ref = own(files, name);
    if (ref === undefined) return `output ${name} was not reported`;
    if (!isSound(ref)) return `what was reported of output ${name} cannot be kept`;
  }
  return '';
}

/** Of a log it matters less: one that cannot be kept is left out. */
export function isSoundLog(log: LogRef | undefined): log is LogRef {
  if (log === undefined) return false;
  const sizes = [log.size, log.cut, log.cutAt].every((value) => Number.isSafeInteger(value) && value >= 0 && value <= FILES_BYTES_MAX);
  return sizes && log.cid !== '' && log.cid.length <= CID_LENGTH_MAX && log.cid.isWellFormed();
}

/**
 * Outputs of which a digest for each file is reported: of those that a `foreach` goes over as many as fit into one result,
 * in the order of their names. Items of the others depend on their whole list.
 */
export function digestedOutputs(listed: readonly string[], files: Outcome['files']): string[] {
  let sum = 0;
  return listed.filter((output) => {
    const count = own(files, output)?.count ?? Infinity;
    const fits = sum + count <= FOREACH_ITEMS_MAX;
    if (fits) sum += count;
    return fits;
  });
}

/** @param due what `digestedOutputs` gives. @returns why what was reported of them cannot be kept, or ''. */
export function digestsProblem(due: readonly string[], { files, digests }: Pick<Outcome, 'files' | 'digests'>): string {
  const wrong = due.find((output) => own(digests, output)?.length !== own(files, output)!.count * DIGEST_BYTES);
  return wrong === undefined ? '' : `the digests of output ${wrong} are not those of its files`;
}

/** One digest for each file: its path and what it holds. Beside each other, in order. */
export function digestsOfFiles(files: readonly BlobFile[]): Uint8Array {
  const bytes = new Uint8Array(files.length * DIGEST_BYTES);
  const view = new DataView(bytes.buffer);
  files.forEach(({ path, cid, executable }, at) => {
    const words = new Hasher().text(path).text(cid).word(executable ? 1 : 0).digest();
    words.forEach((word, position) => view.setUint32(at * DIGEST_BYTES + 4 * position, word));
  });
  return bytes;
}

export function isSound({ kind, cid, name, size, count }: FilesRef): boolean {
  const within = (value: number, max: number): boolean => Number.isSafeInteger(value) && value >= 0 && value <= max;
  const text = (value: string, max: number): boolean => value.length <= max && value.isWellFormed();
  const named = kind === 'tree' ? name === '' : text(name, NAME_LENGTH_MAX) && !/^\.{0,2}$|[/\\\0]/.test(name);
  return (kinds as readonly string[]).includes(kind) && (kind === 'tree' || count === 1) && text(cid, CID_LENGTH_MAX) && cid !== '' && named && within(size, FILES_BYTES_MAX) && within(count, FILES_COUNT_MAX);
}

export function moduleFilesPlain(files: ModuleFiles | undefined): Plain {
  return files === undefined ? null : [files.inputs.map(inputPlain), files.outputs.map(({ name, pattern }) => [name, pattern])];
}

function inputPlain(input: InputSpec): Plain {
  return 'param' in input ? ['param', input.variable, input.param] : ['output', input.variable, input.module, input.output];
}

function readInput(reader: PlainReader): InputSpec {
  const from = reader.text();
  const variable = reader.text();
  if (from === 'param') return { variable, param: reader.text() };
  if (from === 'output') return { variable, module: reader.count(), output: reader.text() };
  throw damaged(`an input from ${from}`);
}

/** @throws SkeinError LOG_DAMAGED */
export function readModuleFiles(plain: readonly Plain[] | null): ModuleFiles | undefined {
  if (plain === null) return undefined;
  const reader = new PlainReader(plain, 'files');
  const inputs = reader.list().map((item) => read(item, 'input', readInput));
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

/** By name, as the files. */
export function digestsPlain(digests: Outcome['digests']): Plain {
  return digests === undefined ? null : Object.keys(digests).sort().map((output) => [output, digests[output]!]);
}

/** @throws SkeinError LOG_DAMAGED */
export function readDigests(plain: readonly Plain[] | null): Outcome['digests'] {
  if (plain === null) return undefined;
  return Object.fromEntries(plain.map((item) => read(item, 'digests of an output', (reader): [string, Uint8Array] => [reader.text(), reader.bytes()])));
}

/** @throws SkeinError LOG_DAMAGED */
export function readOutcomeFiles(plain: readonly Plain[] | null): Outcome['files'] {
  if (plain === null) return undefined;
  return Object.fromEntries(plain.map((item) => read(item, 'files of an output', (reader): [string, FilesRef] => [reader.text(), readRef(reader)])));
}

export function filesRefPlain(ref: FilesRef): Plain {
  return [ref.kind, ref.cid, ref.name, ref.size, ref.count];
}

/** @throws SkeinError LOG_DAMAGED */
export function readFilesRefPlain(plain: readonly Plain[]): FilesRef {
  return read(plain, 'files', readRef);
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

export function logPlain(log: LogRef | null | undefined): Plain {
  return log === null || log === undefined ? null : [log.cid, log.size, log.cut, log.cutAt];
}

/** @throws SkeinError LOG_DAMAGED */
export function readLogRef(plain: readonly Plain[] | null): LogRef | null {
  return plain === null ? null : read([...plain], 'log', (reader) => ({ cid: reader.text() as Cid, size: reader.count(), cut: reader.count(), cutAt: reader.count() }));
}
