/**
 * Puts a real node together: data directory, keys, transport, disk, executor, runtime, HTTP. Every refusal comes before
 * the first socket opens to others, and what was opened is closed again when a later step fails.
 */
import { mkdirSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { Capabilities } from '../core/cell/types.ts';
import type { NodeOptions } from '../options.ts';
import { evaluateEnv } from '../pipeline/expressions.ts';
import type { ModuleFunction } from '../ports/module-function.ts';
import type { Observer } from '../ports/observer.ts';
import { RuntimeNodeApi } from '../runtime/node-api.ts';
import { NodeRuntime } from '../runtime/node-runtime.ts';
import { VERSION } from '../version.ts';
import { loadAverage, probeCapabilities } from './capabilities/capabilities.ts';
import { realClock } from './clock.ts';
import { compileTextWith } from './compile-text.ts';
import { acquireDataDir, type DataDir } from './data-dir/data-dir.ts';
import { FolderDisk } from './disk/disk.ts';
import { createExecutor, type ProcessExecutor } from './executor/executor.ts';
import { FolderBlobStore } from './blobs/folder-store.ts';
import { NodeBlobs } from './blobs/node-blobs.ts';
import { shelfOf } from './blobs/shelf.ts';
import { zstdCompressor } from './blobs/zstd.ts';
import { listenHttp, type HttpListener } from './http/listen.ts';
import { loadClusterKey, type ClusterKey } from './key/cluster-key.ts';
import { loadNodeKey } from './key/node-key.ts';
import { createLibp2pTransport, type Libp2pTransport } from './libp2p/transport.ts';
import { realRandom } from './random.ts';
import type { JoinLine, NodeExit, RunningNode, StopMode } from './running-node.ts';

/** Characters of the peer id in a default name; its end, since its beginning is the same for all. */
const NAME_ID_LENGTH = 6;
const LOAD_EVERY_MS = 2000;
/** Processes for TypeScript modules. */
const POOLED_MAX = 64;

export interface StartExtras {
  readonly observer: Observer;
  /** Functions of the embedding program, by name. */
  readonly modules?: Readonly<Record<string, ModuleFunction>>;
  /** Instead of probing this machine. */
  readonly capabilities?: Capabilities;
  /** false: no HTTP at all. @default true */
  readonly http?: boolean;
}

/** @throws SkeinError OPTION_INVALID, DATA_DIR_LOCKED */
export async function startNode(options: NodeOptions, extras: StartExtras): Promise<RunningNode> {
  const opened: Array<() => unknown> = [];
  try {
    return await assemble(options, extras, opened);
  } catch (error) {
    for (const close of opened.toReversed()) await close();
    throw error;
  }
}

async function assemble(options: NodeOptions, extras: StartExtras, opened: Array<() => unknown>): Promise<RunningNode> {
  const { observer } = extras;
  const key = loadClusterKey({ key: options.key, keyFile: options.keyFile });
  for (const warning of key.warnings) observer.notify({ level: 'warn', event: 'cluster-key', message: warning });
  const dataDir = await acquireDataDir(options.dataDir === '' ? {} : { dataDir: options.dataDir });
  opened.push(() => dataDir.release());
  const { privateKey, nodeId } = await loadNodeKey(dataDir.path);
  const name = options.name !== '' ? options.name : `${hostname()}-${nodeId.slice(-NAME_ID_LENGTH)}`;
  const registered = extras.modules ?? {};
  const probed = extras.capabilities ?? (await probeCapabilities({ slots: options.slots, labels: options.labels, tools: options.tools }));
  const capabilities: Capabilities = { ...probed, functions: Object.keys(registered).sort() };
  const clock = realClock();
  const transport = await createLibp2pTransport({
    privateKey,
    psk: key.psk,
    clusterName: options.clusterName,
    bootId: randomBytes(8).toString('hex'),
    version: VERSION,
    listen: options.p2pPort,
    bootstrap: options.bootstrap,
    mdns: options.mdns,
    announce: options.announce,
    observer,
    clock,
  });
  opened.push(() => transport.stop());
  const blobStore = new FolderBlobStore(join(dataDir.path, 'blobs'));
  blobStore.onStray = (file) => observer.notify({ level: 'warn', event: 'blob-stray', message: `${file} lies among the blobs and is none, or not a whole one: it is left alone` });
  opened.push(() => blobStore.close());
  const executor = createExecutor({ workDir: join(dataDir.path, 'work'), nodeName: name, nodeId, observer, clock, registered, evaluate: evaluateEnv, files: shelfOf(blobStore), maxPooled: pooledMax(options.slots) });
  opened.push(() => new Promise<void>((resolve) => executor.stop(resolve)));
  await executor.warmUp();
  const logDir = join(dataDir.path, 'log');
  mkdirSync(logDir, { recursive: true, mode: 0o700 });
  const exit = Promise.withResolvers<NodeExit>();
  // A disk that failed must not be answered for: the runtime falls silent at once, the rest is tidied up after it.
  const fatal = (error: Error): void => {
    runtime.stop();
    exit.resolve({ code: 1, error });
  };
  const disk = new FolderDisk(logDir);
  const runtime: NodeRuntime = new NodeRuntime({
    ports: { clock, random: realRandom(), disk, transport, executor, blobs: blobStore, compressor: zstdCompressor(), observer, fatal },
    name,
    clusterName: options.clusterName,
    version: VERSION,
    capabilities,
    vote: options.vote,
    timing: options.timing,
    blobBytesPerSecond: options.blobBytesPerSecond,
    blobRetentionMs: options.blobRetentionMs,
    blobQuota: options.blobQuota,
  });
  opened.push(() => runtime.stop());
  const api = new RuntimeNodeApi(runtime);
  const blobs = new NodeBlobs(runtime.blobs, blobStore, runtime.housekeeper);
  const listen = { token: options.httpToken, allowedHosts: [name], host: options.httpHost, port: options.httpPort, socket: { server: dataDir.server } };
  const http = extras.http === false ? undefined : await listenHttp({ api, blobs, observer, compile: compileTextWith(blobs), version: VERSION, ...listen });
  if (http !== undefined) opened.push(() => http.close());
  runtime.start();
  const observe = (): void => {
    runtime.setLoad(loadAverage());
    transport.setSeeking(runtime.cell === '');
  };
  transport.setSeeking(true);
  const load = setInterval(observe, LOAD_EVERY_MS);
  load.unref();
  const parts: Parts = { runtime, transport, executor, blobStore, http, dataDir, load };
  const closed = exit.promise.then(() => closeAll(parts));
  const stop = stopper(parts, exit.resolve, closed);
  return {
    api,
    blobs,
    nodeId,
    name,
    clusterName: options.clusterName,
    addresses: transport.addresses(),
    joinLines: joinLines(transport, key, options),
    httpUrl: http?.url ?? '',
    socketPath: dataDir.socketPath,
    dataDir: dataDir.path,
    stop,
    exited: exit.promise,
  };
}

/** As many functions as there are slots may wait for something at once, but a process costs memory. */
function pooledMax(slots: number): number {
  return Math.max(availableParallelism(), Math.min(slots, POOLED_MAX));
}

interface Parts {
  readonly runtime: NodeRuntime;
  readonly transport: Libp2pTransport;
  readonly executor: ProcessExecutor;
  readonly blobStore: FolderBlobStore;
  readonly http: HttpListener | undefined;
  readonly dataDir: DataDir;
  readonly load: NodeJS.Timeout;
}

/** @param closed when the node has ended, for whatever reason: a stop asked for during or after that has nothing to add. */
function stopper(parts: Parts, exited: (exit: NodeExit) => void, closed: Promise<void>): (mode: StopMode) => Promise<void> {
  let asked: StopMode | undefined;
  return async (mode) => {
    if (asked === undefined || (asked === 'drain' && mode === 'now')) {
      asked = mode;
      parts.runtime.leave(mode === 'now', () => void closeAll(parts).then(() => exited({ code: 0 })));
    }
    await closed;
  };
}

const closing = new WeakMap<Parts, Promise<void>>();

/** HTTP goes first, so that nobody asks a node that is no more; the lock last. */
function closeAll(parts: Parts): Promise<void> {
  let under = closing.get(parts);
  if (under === undefined) {
    under = (async () => {
      clearInterval(parts.load);
      await parts.http?.close();
      parts.runtime.stop();
      await parts.transport.stopped();
      await new Promise<void>((resolve) => parts.executor.stop(resolve));
      parts.blobStore.close();
      parts.dataDir.release();
    })();
    closing.set(parts, under);
  }
  return under;
}

function joinLines(transport: Libp2pTransport, key: ClusterKey, options: NodeOptions): JoinLine[] {
  const name = options.clusterName === 'skein' ? '' : ` --cluster-name ${options.clusterName}`;
  return transport.joinAddresses().map((address) => {
    const text = `node dist/node.js --bootstrap ${address}${name}`;
    return key.source === 'created' ? { text, textWithKey: `SKEIN_KEY=${key.text} ${text}` } : { text };
  });
}

