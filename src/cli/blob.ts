/** `skein blob put|get|ls|verify|pin|unpin|gc|rm`: files by what they hold. */
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import type { BlobFile } from '../core/cell/types.ts';
import { isSkeinError, SkeinError } from '../errors.ts';
import { SourceFile } from '../io/blobs/source-file.ts';
import type { BlobDoor } from '../io/blobs/uploads.ts';
import type { NamedBlob } from '../pipeline/param-files.ts';
import type { BlobListJson, BlobPinnedJson, BlobProgressJson, BlobStoredJson, BlobSweepJson, BlobVerifiedJson } from '../io/http/views.ts';
import type { Client } from './client.ts';
import type { EndpointFlags } from './endpoints.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { age, size, timeOf } from './format.ts';
import { line, type CliIo } from './io.ts';
import { outputOption, printList, printOne, type Format } from './output.ts';
import { savingFiles } from './save-file.ts';
import type { Column } from './table.ts';
import { action, clientFor, withNode, type AddVerb } from './verb.ts';

interface BlobFlags extends EndpointFlags {
  readonly output: Format;
  readonly out?: string;
  readonly dryRun?: boolean;
}

export const addBlob: AddVerb = (program, context) => {
  const blob = program.command('blob').description('files by what they hold: whoever has the name gets the bytes, from any node');
  const verb = (command: Command, fallback: Format = 'table'): Command => withNode(command.addOption(outputOption(fallback)));
  verb(blob.command('put <file>').description('store a file on the node and print its name; - reads stdin'), 'name').action(action(context, (file: string, flags: BlobFlags) => put(context.io, file, flags)));
  withNode(blob.command('get <cid>').description('fetch a blob, from other nodes if need be').option('--out <file>', 'where to write it; without it the bytes go to stdout')).action(action(context, (cid: string, flags: BlobFlags) => get(context.io, cid, flags)));
  verb(blob.command('list').alias('ls').description('blobs on the node, least recently used first')).action(action(context, (flags: BlobFlags) => list(context.io, flags)));
  withNode(blob.command('verify [cid...]').description('compare every digest of these blobs, or of all on the node; damaged copies are removed')).action(action(context, (cids: string[], flags: BlobFlags) => verify(context.io, cids, flags)));
  withNode(blob.command('pin <cid...>').description('keep copies on the node until they are unpinned, whatever happens')).action(action(context, (cids: string[], flags: BlobFlags) => pin(context.io, cids, 'pin', flags)));
  withNode(blob.command('unpin <cid...>').description('keep them as any other')).action(action(context, (cids: string[], flags: BlobFlags) => pin(context.io, cids, 'unpin', flags)));
  verb(blob.command('gc').description('remove from the node what no run needs any more').option('--dry-run', 'only say what would go')).action(action(context, (flags: BlobFlags) => gc(context.io, flags)));
  withNode(blob.command('rm <cid...>').description('remove copies on the node')).action(action(context, (cids: string[], flags: BlobFlags) => remove(context.io, cids, flags)));
};

function pathOf(cid: string): string {
  return `/api/v1/blobs/${encodeURIComponent(cid)}`;
}

async function put(io: CliIo, file: string, flags: BlobFlags): Promise<ExitCode> {
  const client = clientFor(io, flags);
  const stored = file === '-' ? await client.upload<BlobStoredJson>('/api/v1/blobs', Readable.from(io.stdin)) : await putFile(io, client, path.resolve(io.cwd, file));
  printOne(io, flags.output, stored, stored.cid, () => `${stored.cid}  ${size(stored.size)}`);
  return exitCodes.ok;
}

async function putFile(io: CliIo, client: Client, file: string): Promise<BlobStoredJson> {
  const source = await SourceFile.open(file);
  try {
    return await client.uploadFile<BlobStoredJson>('/api/v1/blobs', (offset) => source.from(offset), (offset) => line(io.stderr, `the connection broke; goes on at ${size(offset)} of ${size(source.size)}`));
  } finally {
    await source.close();
  }
}

async function get(io: CliIo, cid: string, flags: BlobFlags): Promise<ExitCode> {
  const client = clientFor(io, flags);
  const api = pathOf(cid);
  if (flags.out === undefined && io.stdout.isTTY === true) {
    throw new SkeinError('OPTION_INVALID', 'A file is not written to a terminal', { hint: 'Name a file with --out FILE, or redirect stdout.' });
  }
  await untilHere((text) => line(io.stderr, text), client, api);
  const { out } = flags;
  if (out === undefined) {
    await pipeline(await client.download(`${api}/content`), io.stdout, { end: false });
    return exitCodes.ok;
  }
  return savingFiles(io, async (saver) => {
    await saver.whole(await client.download(`${api}/content`, saver), path.resolve(io.cwd, out));
    line(io.stderr, `written to ${out}`);
    return exitCodes.ok;
  });
}

/** Asks until the node has it, and says how far it is. */
export async function untilHere(say: (text: string) => void, client: Client, api: string): Promise<void> {
  for (;;) {
    const { whole, bytesHere, size: total } = await client.post<BlobProgressJson>(`${api}:fetch`);
    if (whole) return;
    say(total === 0 ? 'looking for a node that has it' : `${size(bytesHere)} of ${size(total)} are here`);
  }
}

/** The node that this client talks to, as a place for the files of a run. */
export function doorOf(client: Client): BlobDoor {
  return {
    has: async (cid) => {
      try {
        return (await client.get<BlobProgressJson>(pathOf(cid))).whole;
      } catch (error) {
        if (isSkeinError(error, 'BLOB_NOT_FOUND')) return false;
        throw error;
      }
    },
    upload: (bytes) => client.uploadBytes<NamedBlob>('/api/v1/blobs', bytes),
    uploadFile: (file) => client.uploadFile<NamedBlob>('/api/v1/blobs', (offset) => file.from(offset)),
    uploadPack: async (pack) => (await client.uploadBytes<{ readonly blobs: readonly NamedBlob[] }>('/api/v1/blobs:pack', pack)).blobs,
    fetch: async (cid) => {
      await untilHere(() => undefined, client, pathOf(cid));
      return client.get<NamedBlob>(pathOf(cid));
    },
    files: async (cid) => (await client.get<{ readonly files: readonly BlobFile[] }>(`${pathOf(cid)}/files`)).files,
  };
}

const columns = (now: number): Column<BlobListJson['blobs'][number]>[] => [
  { head: 'BLOB', cell: (blob) => blob.cid },
  { head: 'SIZE', cell: (blob) => size(blob.size) },
  { head: 'USED', cell: (blob) => (blob.usedAt === null ? '' : age(now - timeOf(blob.usedAt))) },
  { head: 'STANDING', cell: (blob) => blob.standing ?? (blob.pinned ? 'pinned' : '') },
];

async function list(io: CliIo, flags: BlobFlags): Promise<ExitCode> {
  const whole = await clientFor(io, flags).get<BlobListJson>('/api/v1/blobs?standing=true');
  printList(io, flags.output, { whole, rows: whole.blobs, columns: columns(io.now()), name: (blob) => blob.cid, empty: 'No blobs on this node.' });
  return exitCodes.ok;
}

async function verify(io: CliIo, cids: readonly string[], flags: BlobFlags): Promise<ExitCode> {
  const client = clientFor(io, flags);
  const named = cids.length > 0;
  const all = named ? cids : (await client.get<BlobListJson>('/api/v1/blobs')).blobs.map(({ cid }) => cid);
  let damaged = 0;
  let gone = 0;
  for (const cid of all) {
    try {
      const { fits } = await client.post<BlobVerifiedJson>(`${pathOf(cid)}:verify`);
      if (fits) continue;
      damaged++;
      line(io.stderr, `${cid} was damaged and is removed from this node`);
    } catch (error) {
      // The node has removed it since it was listed.
      if (named || !isSkeinError(error, 'BLOB_NOT_FOUND')) throw error;
      gone++;
    }
  }
  line(io.stdout, `${all.length - damaged - gone} of ${all.length - gone} blobs are whole`);
  return damaged === 0 ? exitCodes.ok : exitCodes.runFailed;
}

async function pin(io: CliIo, cids: readonly string[], verb: 'pin' | 'unpin', flags: BlobFlags): Promise<ExitCode> {
  const client = clientFor(io, flags);
  for (const cid of cids) {
    await client.post<BlobPinnedJson>(`${pathOf(cid)}:${verb}`);
    line(io.stderr, `${cid} is ${verb}ned`);
  }
  return exitCodes.ok;
}

async function gc(io: CliIo, flags: BlobFlags): Promise<ExitCode> {
  const dryRun = flags.dryRun === true;
  const sweep = await clientFor(io, flags).post<BlobSweepJson>('/api/v1/blobs:gc', { body: { dryRun } });
  const parts = sweep.parts === 0 ? '' : ` and ${sweep.parts} that ${sweep.parts === 1 ? 'is' : 'are'} not whole`;
  const empty = `${dryRun ? 'Nothing would be' : 'Nothing was'} removed.`;
  const sweepColumns: Column<BlobSweepJson['blobs'][number]>[] = [
    { head: 'BLOB', cell: ({ cid }) => cid },
    { head: 'SIZE', cell: (blob) => size(blob.size) },
  ];
  printList(io, flags.output, { whole: sweep, rows: sweep.blobs, columns: sweepColumns, name: ({ cid }) => cid, empty });
  if (sweep.bytes > 0 || sweep.parts > 0) line(io.stderr, `${sweep.count} blobs${parts}, ${size(sweep.bytes)}, ${dryRun ? 'would go' : 'are gone'}`);
  return exitCodes.ok;
}

async function remove(io: CliIo, cids: readonly string[], flags: BlobFlags): Promise<ExitCode> {
  const client = clientFor(io, flags);
  for (const cid of cids) {
    await client.remove(pathOf(cid));
    line(io.stderr, `${cid} is removed from this node`);
  }
  return exitCodes.ok;
}
