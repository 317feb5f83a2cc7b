/**
 * A program that embeds a node, as a bench drives it: one process a node, a no-op function registered, commands over IPC.
 * What is measured inside it is what a library client in a node's process sees.
 */
import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { Session } from 'node:inspector/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createNode } from '../src/io/create-node.ts';
import { encodePack, PACKED_BYTES_MAX } from '../src/io/blobs/pack.ts';
import { timingProfiles } from '../src/options/timing.ts';
import type { RunSpec } from '../src/core/cell/types.ts';
import { LoopWatch } from './loop-watch.ts';
import { noop, spec } from './specs.ts';

export interface ProgramInit {
  readonly name: string;
  readonly dataDir: string;
  readonly bootstrap: readonly string[];
  readonly slots: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly keyFile: string;
}

export type ProgramCommand =
  | { readonly id: number; readonly op: 'status' }
  /** Submits and waits, `rounds` times one after the other; answers with the ms of each. */
  | { readonly id: number; readonly op: 'run'; readonly spec: RunSpec; readonly rounds: number }
  /** Submits and waits; answers with what became of it. */
  | { readonly id: number; readonly op: 'runOnce'; readonly spec: RunSpec }
  /** `runs` runs of `modules` modules of the kind `action`, at most `atOnce` under way; made here, so that nothing of it comes over IPC. Answers with the ms of all. */
  | { readonly id: number; readonly op: 'many'; readonly runs: number; readonly modules: number; readonly atOnce: number }
  /** Begins a cpu profile of this process; ends it and writes it to a file. */
  | { readonly id: number; readonly op: 'profile' }
  | { readonly id: number; readonly op: 'profileEnd'; readonly file: string }
  /** Submits one run that no node can execute. */
  | { readonly id: number; readonly op: 'submitIdle'; readonly modules: number }
  /** What this process has used since it was asked last. */
  | { readonly id: number; readonly op: 'usage' }
  /** Submits only. */
  | { readonly id: number; readonly op: 'submit'; readonly spec: RunSpec }
  /** Starts to collect the stamps (wall ms) at which modules are claimed, as this node sees them. */
  | { readonly id: number; readonly op: 'watch' }
  | { readonly id: number; readonly op: 'claims' }
  | { readonly id: number; readonly op: 'cancelAll' }
  /** Stores so many files of random bytes, or one of sources, which can be compressed; answers with their names. */
  | { readonly id: number; readonly op: 'blobPut'; readonly files: number; readonly bytes: number; readonly sources?: boolean }
  /** Fetches blobs, all at once; answers with ms. */
  | { readonly id: number; readonly op: 'blobFetch'; readonly cids: readonly string[] }
  /** Those of them that are on the node. */
  | { readonly id: number; readonly op: 'blobRemove'; readonly cids: readonly string[] }
  /** Bytes of blobs sent to other nodes so far. */
  | { readonly id: number; readonly op: 'blobSent' };

export interface Usage {
  readonly cpuMs: number;
  /** Longest that the event loop was held, ms of cpu: what the machine did for others does not count. Up to 1 ms too much. */
  readonly loopMs: number;
  readonly rssBytes: number;
}

const init = JSON.parse(process.argv[2]!) as ProgramInit;
const node = await createNode({
  name: init.name,
  dataDir: init.dataDir,
  bootstrap: init.bootstrap,
  keyFile: init.keyFile,
  slots: init.slots,
  labels: init.labels ?? {},
  clusterName: 'bench',
  mdns: false,
  p2pPort: { port: 0, fixed: false },
  httpPort: { port: 0, fixed: false },
  timing: timingProfiles.default,
  modules: {
    noop: () => undefined,
    pause: () => new Promise((resolve) => setTimeout(resolve, 20)),
    // A timer takes whole milliseconds: half of them go up, half down.
    sleep: ({ env }) => {
      const ms = Math.round(Number(env['MS']));
      return ms === 0 ? undefined : new Promise((resolve) => setTimeout(resolve, ms));
    },
  },
});
const claims: number[] = [];
const watch = new LoopWatch();
const profiler = new Session();
const SAMPLE_US = 200;
const PIECE_BYTES = 1024 * 1024;
const PUTS_AT_ONCE = 32;
const PACK_FILES = 1000;
let cpuBefore = process.cpuUsage();

function usage(): Usage {
  const { user, system } = process.cpuUsage(cpuBefore);
  cpuBefore = process.cpuUsage();
  return { cpuMs: (user + system) / 1000, loopMs: watch.longestMs(), rssBytes: process.memoryUsage.rss() };
}

async function removeBlobs(cids: readonly string[]): Promise<void> {
  const wanted = new Set(cids);
  for (const { cid } of node.blobs.list()) if (wanted.has(cid)) await node.blobs.remove(cid);
}

async function many({ runs, modules, atOnce }: Extract<ProgramCommand, { op: 'many' }>): Promise<number> {
  const run = spec(modules, noop);
  let left = runs;
  const began = performance.now();
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const { runId } = await node.api.submit(run);
      const view = await node.api.wait(runId);
      if (view.phase !== 'succeeded') throw new Error(`run ${runId} ${view.phase}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, runs) }, lane));
  return performance.now() - began;
}

async function* randomPieces(bytes: number): AsyncGenerator<Uint8Array> {
  for (let left = bytes; left > 0; left -= PIECE_BYTES) yield randomBytes(Math.min(left, PIECE_BYTES));
}

/** What this program is written in, again and again. */
async function* sourcePieces(bytes: number): AsyncGenerator<Uint8Array> {
  const folder = new URL('../src/', import.meta.url);
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts')).toSorted();
  for (let i = 0, left = bytes; left > 0; i += 1) {
    const piece = (await readFile(new URL(files[i % files.length]!, folder))).subarray(0, left);
    left -= piece.byteLength;
    yield piece;
  }
}

/** As the CLI sends small files. */
async function putSmall({ files, bytes }: Extract<ProgramCommand, { op: 'blobPut' }>): Promise<string[]> {
  const cids: string[] = [];
  for (let left = files; left > 0; left -= PACK_FILES) {
    const pack = encodePack(Array.from({ length: Math.min(left, PACK_FILES) }, () => randomBytes(bytes)));
    for (const { cid } of await node.blobs.putPack(Readable.from([pack]))) cids.push(cid);
  }
  return cids;
}

async function perform(command: ProgramCommand): Promise<unknown> {
  switch (command.op) {
    case 'status':
      return node.api.status();
    case 'usage':
      return usage();
    case 'profile':
      profiler.connect();
      await profiler.post('Profiler.enable');
      await profiler.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
      return profiler.post('Profiler.start');
    case 'profileEnd': {
      const { profile } = await profiler.post('Profiler.stop');
      profiler.disconnect();
      return writeFile(command.file, JSON.stringify(profile));
    }
    case 'many':
      return many(command);
    case 'submitIdle': {
      const run = spec(command.modules, { type: 'registered', function: 'nobody has this' });
      await sleep(10);
      watch.longestMs();
      return node.api.submit(run);
    }
    case 'submit':
      return node.api.submit(command.spec);
    case 'watch':
      node.api.watch('', undefined, (event) => {
        if (event.type === 'module' && event.phase === 'running') claims.push(event.at);
      });
      return undefined;
    case 'claims':
      return claims.splice(0);
    case 'blobPut': {
      if (command.sources === true) return [(await node.blobs.put(sourcePieces(command.bytes))).cid];
      if (command.files > 1 && command.bytes <= PACKED_BYTES_MAX) return putSmall(command);
      const lanes = Array.from({ length: Math.min(PUTS_AT_ONCE, command.files) }, async (_, lane) => {
        const cids: string[] = [];
        for (let i = lane; i < command.files; i += PUTS_AT_ONCE) cids.push((await node.blobs.put(randomPieces(command.bytes))).cid);
        return cids;
      });
      return (await Promise.all(lanes)).flat();
    }
    case 'blobFetch': {
      const began = performance.now();
      await Promise.all(command.cids.map((cid) => node.blobs.fetch(cid)));
      return performance.now() - began;
    }
    case 'blobRemove':
      return removeBlobs(command.cids);
    case 'blobSent':
      return node.blobs.sentBytes;
    case 'runOnce': {
      const { runId } = await node.api.submit(command.spec);
      return node.api.wait(runId);
    }
    case 'cancelAll':
      for (const run of await node.api.runs()) if (run.finishedAt === 0) await node.api.cancel(run.runId).catch(() => undefined);
      return undefined;
    case 'run': {
      const times: number[] = [];
      for (let round = 0; round < command.rounds; round += 1) {
        const began = performance.now();
        const { runId } = await node.api.submit(command.spec);
        const view = await node.api.wait(runId);
        times.push(performance.now() - began);
        if (view.phase !== 'succeeded') throw new Error(`run ${runId} ${view.phase}`);
      }
      return times;
    }
  }
}

process.on('message', (command: ProgramCommand) => {
  void perform(command).then(
    (value) => process.send?.({ id: command.id, value }),
    (error: unknown) => process.send?.({ id: command.id, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ id: 0, value: { addresses: node.addresses, httpUrl: node.httpUrl, nodeId: node.nodeId } });
