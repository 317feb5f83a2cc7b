/** `skein runs download`: the files that a run left, and what is known of it. */
import path from 'node:path';
import { Readable } from 'node:stream';
import { SkeinError } from '../errors.ts';
import { PACKED_BYTES_MAX, unpacked } from '../io/blobs/pack.ts';
import { inParallel } from '../io/in-parallel.ts';
import type { BlobFilesJson, ModuleJson, RunJson } from '../io/http/views.ts';
import { untilHere } from './blob.ts';
import { isTransient, type Client } from './client.ts';
import type { EndpointFlags } from './endpoints.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { oneLine, size } from './format.ts';
import { line, type CliIo } from './io.ts';
import { makeFolder, savingFiles, type FileSaver } from './save-file.ts';
import { action, clientFor, withNode, type AddVerb } from './verb.ts';

/** Of one request: several are under way, each in memory. */
const PACK_FILES = 500;
const PACK_BYTES = 2 * 1024 * 1024;

interface DownloadFlags extends EndpointFlags {
  readonly out?: string;
  readonly module?: string;
}

interface Wanted {
  /** Below the folder, with `/`. */
  readonly path: string;
  readonly cid: string;
  readonly size: number;
  readonly executable: boolean;
}

export const addDownload: AddVerb = (runs, context) => {
  withNode(runs.command('download <run>').description('the files that its modules left, as MODULE/OUTPUT/…, and run.json'))
    .option('--out <dir>', 'where to put them; the short id of the run if left out')
    .option('--module <name>', 'only those of one module')
    .action(action(context, (run: string, flags: DownloadFlags) => savingFiles(context.io, (saver) => download(context.io, saver, run, flags))));
};

async function download(io: CliIo, saver: FileSaver, run: string, flags: DownloadFlags): Promise<ExitCode> {
  const client = clientFor(io, flags);
  const found = await client.get<RunJson>(`/api/v1/runs/${encodeURIComponent(run)}?consistency=strong`);
  const modules = flags.module === undefined ? found.moduleList : found.moduleList.filter(({ name, item }) => name === flags.module || item?.of === flags.module);
  if (modules.length === 0) throw new SkeinError('MODULE_NOT_FOUND', `Run ${found.shortId} has no module ${JSON.stringify(flags.module)}; it has ${found.moduleList.slice(0, 10).map(({ name }) => name).join(', ')}`);
  const folder = path.resolve(io.cwd, flags.out ?? found.shortId);
  const wanted: Wanted[] = [];
  const folders = foldersOf(found.moduleList);
  for (const module of modules) for (const file of await filesOf(client, module, folders.get(module.name)!)) wanted.push(file);
  await makeFolder(folder);
  await saver.whole(Readable.from([`${JSON.stringify(found, null, 2)}\n`]), path.join(folder, RUN_FILE));
  const { packs, alone } = packed(wanted);
  for (const below of new Set(wanted.map((file) => path.posix.dirname(file.path)))) await makeFolder(path.join(folder, ...below.split('/')));
  await inParallel(packs, (files) => saveMany({ io, client, saver, folder }, files));
  await inParallel(alone, (file) => save({ io, client, saver, folder }, file));
  if (wanted.length === 0) line(io.stdout, `No files: ${flags.module === undefined ? 'no module of this run has left any' : `${flags.module} has left none`}${found.finishedAt === null ? ' so far' : ''}; run.json is in ${folder}`);
  else line(io.stdout, `${wanted.length} ${wanted.length === 1 ? 'file' : 'files'}, ${size(wanted.reduce((sum, file) => sum + file.size, 0))}, and run.json in ${folder}`);
  return exitCodes.ok;
}

/** What is known of the run. */
const RUN_FILE = 'run.json';

/**
 * Where the files of each module go, items in the folder of their module, in their order. Names that would be the same folder (`a/b` and
 * `a_b`) get different ones, whichever modules are asked for.
 */
function foldersOf(modules: readonly ModuleJson[]): Map<string, string> {
  const folders = new Map<string, string>();
  const taken = new Set([RUN_FILE]);
  for (const { name, item } of modules) {
    if (item !== null) continue;
    const wanted = folderName(name);
    let folder = wanted;
    for (let again = 2; taken.has(folder); again++) folder = `${wanted}~${again}`;
    taken.add(folder);
    folders.set(name, folder);
  }
  const items = new Map(modules.map(({ name, items: count }) => [name, count ?? 0]));
  for (const { name, item } of modules) {
    if (item === null) continue;
    const digits = String(Math.max(0, (items.get(item.of) ?? 0) - 1)).length;
    folders.set(name, `${folders.get(item.of) ?? folderName(item.of)}/${String(item.index).padStart(digits, '0')}`);
  }
  return folders;
}

async function filesOf(client: Client, { files }: ModuleJson, own: string): Promise<Wanted[]> {
  const wanted: Wanted[] = [];
  for (const [output, { kind, cid, name, size: bytes }] of Object.entries(files)) {
    const root = `${own}/${folderName(output)}`;
    if (kind !== 'tree') wanted.push({ path: `${root}/${folderName(name)}`, cid, size: bytes, executable: kind === 'program' });
    else {
      await untilHereQuietly(client, cid);
      const list = await client.get<BlobFilesJson>(`/api/v1/blobs/${cid}/files`);
      for (const file of list.files) wanted.push({ ...file, path: `${root}/${file.path.split('/').map(folderName).join('/')}` });
    }
  }
  return wanted;
}

async function untilHereQuietly(client: Client, cid: string): Promise<void> {
  await untilHere(() => undefined, client, `/api/v1/blobs/${cid}`);
}

/** Names come from others: whatever they are, they stay below the folder. */
function folderName(name: string): string {
  return /^\.{0,2}$/.test(name) ? `_${name}` : name.replaceAll(/[/\\\0]/g, '_');
}

/** Small files are asked for many at a time: one request for each would take longer than the files themselves. */
function packed(wanted: readonly Wanted[]): { readonly packs: readonly (readonly Wanted[])[]; readonly alone: readonly Wanted[] } {
  const packs: Wanted[][] = [];
  const alone: Wanted[] = [];
  let bytes = Infinity;
  for (const file of wanted) {
    if (file.size > PACKED_BYTES_MAX) {
      alone.push(file);
      continue;
    }
    if (bytes + file.size > PACK_BYTES || packs.at(-1)!.length === PACK_FILES) {
      packs.push([]);
      bytes = 0;
    }
    packs.at(-1)!.push(file);
    bytes += file.size;
  }
  return { packs: packs.filter(({ length }) => length > 1), alone: [...alone, ...packs.filter(({ length }) => length === 1).flat()] };
}

/** Where files come from and go to. */
interface Place {
  readonly io: CliIo;
  readonly client: Client;
  readonly saver: FileSaver;
  readonly folder: string;
}

/** When they do not come together, on a slow line for instance, they come one by one, however long that takes. */
async function saveMany(place: Place, files: readonly Wanted[]): Promise<void> {
  try {
    await savePack(place, files);
  } catch (error) {
    if (!isTransient(error) || place.saver.signal.aborted) throw error;
    for (const file of files) await save(place, file);
  }
}

async function savePack({ client, saver, folder }: Place, files: readonly Wanted[]): Promise<void> {
  let at = 0;
  for await (const bytes of unpacked(await client.download('/api/v1/blobs:read', { body: { cids: files.map(({ cid }) => cid) }, signal: saver.signal }))) {
    const file = files[at++];
    if (bytes.byteLength !== file?.size) break;
    await saver.small(bytes, targetOf(folder, file), modeOf(file));
  }
  if (at !== files.length) throw new SkeinError('API_UNREACHABLE', `the answer with ${files.length} files broke off, or is of other files`);
}

async function save({ io, client, saver, folder }: Place, file: Wanted): Promise<void> {
  const api = `/api/v1/blobs/${file.cid}`;
  await untilHere((text) => line(io.stderr, `${oneLine(file.path)}: ${text}`), client, api);
  await saver.whole(await client.download(`${api}/content`, saver), targetOf(folder, file), modeOf(file));
}

function targetOf(folder: string, file: Wanted): string {
  return path.join(folder, ...file.path.split('/'));
}

function modeOf({ executable }: Wanted): number {
  return executable ? 0o777 : 0o666;
}
