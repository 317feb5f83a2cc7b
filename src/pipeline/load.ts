/** Reads a pipeline from wherever it is: a file, a folder, text, or a program that defined it. */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { SkeinError } from '../errors.ts';
import { isDefinedPipeline, type DefinedPipeline } from './builder.ts';
import { checkPipeline, type Source } from './check.ts';
import { readText, readValue, type InputEntry, type InputNode } from './input.ts';
import { PIPELINE_FILE_BYTES_MAX } from './limits.ts';
import { importPipelineScript } from './load-script.ts';
import type { Params, Pipeline } from './model.ts';
import { NOWHERE, Problems } from './problems.ts';
import { resolveParams } from './params.ts';

export interface PipelineText {
  /** YAML or JSON. */
  readonly text: string;
  /** As messages name it. @default '<text>' */
  readonly file?: string;
  /**
   * Folder that `uses: ./…` starts from; null when there is none, as for text that came over the network: then such
   * modules are refused. @default the folder of `file`, else the working directory
   */
  readonly directory?: string | null;
}

/** Files that stand for their folder, first one found. */
const FOLDER_FILES = ['pipeline.yaml', 'pipeline.yml', 'pipeline.json', 'pipeline.ts', 'pipeline.js', '.skein/pipeline.yaml'];
const scriptPattern = /\.[cm]?[jt]s$/;

/**
 * @param source path of a .yaml, .yml, .json, .ts or .js file or of a folder with a `pipeline.*`; text; or what
 * `definePipeline` returned. TypeScript files are executed: load only those you trust as you trust the program itself.
 * @throws SkeinError PIPELINE_INVALID; the message shows every problem with its line, `data.problems` lists them.
 */
export async function loadPipeline(source: string | PipelineText | DefinedPipeline): Promise<Pipeline> {
  if (isDefinedPipeline(source)) return fromDefinition(source, { file: 'pipeline', directory: process.cwd() });
  if (typeof source === 'string') return loadFile(source);
  const { text, file = '<text>', directory = file === '<text>' ? process.cwd() : path.dirname(path.resolve(file)) } = source;
  return fromText(text, { file, directory });
}

/** The modules of a pipeline whose builder makes them from the parameters; any other pipeline as it is. */
export async function expandPipeline(pipeline: Pipeline, params: Params): Promise<Pipeline> {
  return pipeline.generate === undefined ? pipeline : pipeline.generate(resolveParams(pipeline, params));
}

interface Place {
  readonly file: string;
  readonly directory: string | null;
}

async function loadFile(name: string): Promise<Pipeline> {
  const file = await findFile(name);
  const place = { file, directory: path.dirname(path.resolve(file)) };
  if (scriptPattern.test(file)) return fromDefinition(await importPipelineScript(file), place);
  const bytes = await readFile(file).catch((error: unknown) => refuse(file, readFault(error)));
  if (bytes.length > PIPELINE_FILE_BYTES_MAX) refuse(file, `the file is ${bytes.length} bytes; a pipeline has at most ${PIPELINE_FILE_BYTES_MAX}`);
  return fromText(decode(bytes, file), place);
}

async function findFile(name: string): Promise<string> {
  const isFolder = (candidate: string): Promise<boolean | undefined> =>
    stat(candidate).then(
      (found) => found.isDirectory(),
      () => undefined,
    );
  if ((await isFolder(name)) !== true) return name;
  for (const candidate of FOLDER_FILES.map((file) => path.join(name, file))) {
    if ((await isFolder(candidate)) === false) return candidate;
  }
  return refuse(name, `the folder has none of ${FOLDER_FILES.join(', ')}`);
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refuse(file, 'the file is not UTF-8 text');
  }
}

function readFault(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'no such file';
  return code === 'EACCES' ? 'the file may not be read (permission denied)' : `the file cannot be read: ${message}`;
}

function refuse(file: string, message: string): never {
  const problems = new Problems(file, '');
  problems.add(NOWHERE, message);
  problems.throwIfAny();
  throw new Error(message);
}

function fromText(text: string, { file, directory }: Place): Pipeline {
  if (text.length > PIPELINE_FILE_BYTES_MAX) refuse(file, `the text is over ${PIPELINE_FILE_BYTES_MAX} characters`);
  const problems = new Problems(file, text);
  return guarded(file, () => {
    const root = readText(text, problems, file.endsWith('.json') ? 'JSON' : 'YAML');
    if (root === undefined) problems.throwIfAny();
    return checkPipeline(root, { file, directory, text, defaultName: nameOf(file) }, problems);
  });
}

function fromDefinition({ definition }: DefinedPipeline, { file, directory }: Place): Pipeline {
  const source: Source = { file, directory, text: '', defaultName: nameOf(file) };
  return guarded(file, () => {
    const root = readValue(definition);
    const modules = (definition as { modules?: unknown } | null)?.modules;
    if (typeof modules !== 'function') return checkPipeline(root, source, new Problems(file, ''));
    const make = modules as (params: Params) => unknown;
    const generate = async (params: Params): Promise<Pipeline> => {
      const made = await callModules(make, params, file);
      return checkPipeline(replaceModules(root, readValue(made)), source, new Problems(file, ''));
    };
    return checkPipeline(replaceModules(root, undefined), { ...source, generate }, new Problems(file, ''));
  });
}

async function callModules(make: (params: Params) => unknown, params: Params, file: string): Promise<unknown> {
  try {
    return await make(params);
  } catch (error) {
    if (error instanceof SkeinError) throw error;
    return refuse(file, `the \`modules\` function threw: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function replaceModules(root: InputNode, modules: InputNode | undefined): InputNode {
  if (root.kind !== 'map') return root;
  const entry: InputEntry[] = modules === undefined ? [] : [{ key: 'modules', keySpan: NOWHERE, value: modules }];
  return { ...root, entries: [...root.entries.filter(({ key }) => key !== 'modules'), ...entry] };
}

/** Whatever a hostile file makes a parser do, callers see a problem of that file. */
function guarded<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return refuse(file, `nested too deeply or too large to be read (${error.message})`);
    throw error;
  }
}

/** `ci/build.pipeline.yaml` → `build.pipeline`; `four-modules/pipeline.ts` → `four-modules`. */
function nameOf(file: string): string {
  const base = path.basename(file).replace(/\.[^.]+$/, '');
  const name = base === 'pipeline' ? path.basename(path.dirname(path.resolve(file))) : base;
  return name === '' || name.startsWith('<') ? 'pipeline' : name.slice(0, 128);
}
