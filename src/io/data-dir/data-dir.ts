/**
 * One process, one data directory. The lock is a bound unix socket in the directory, since the system lets go of it
 * however the process ends; the same socket is the door for the local CLI.
 *
 * Replacing what a dead process left is where such locks go wrong (two starters both find it dead, the slower one
 * removes the lock of the faster). Here no name is ever used twice, so removing a dead one can hit no one else:
 *  1. Bind `lock-<random>` and listen. Only then look.
 *  2. Connect to every other `lock-*`. Refused: its process is gone for ever, remove it. Answered: withdraw.
 *  3. Nobody answered and the own file is still there (it may have been taken for dead between bind and listen): held.
 *     Whoever comes later has to see it in step 2.
 *  4. Point the well-known name, a symbolic link, at it: now others stop trying at once.
 * Two that see each other both withdraw and try again after random delays.
 */
import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import type { Server } from 'node:net';
import { basename, dirname, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SkeinError } from '../../errors.ts';
import { dataRoot, SLOT_FOLDERS_MAX, slotFolder, socketPathOf } from '../paths.ts';
import { LockFolder, type BoundLock } from './lock-folder.ts';

/** How long starters that block each other try again. */
export const LOCK_WAIT_MS = 5_000;
/** Longest random delay between two tries. */
const RETRY_DELAY_MS = 40;

export type Environment = Readonly<Record<string, string | undefined>>;

export interface DataDirOptions {
  /** From `--data-dir`. @default the first slot below `$XDG_DATA_HOME/skein` that is free */
  readonly dataDir?: string | undefined;
  /** @default process.env */
  readonly env?: Environment;
}

export interface DataDir {
  /** Absolute; exists, with mode 0700 if it was made here. */
  readonly path: string;
  /** Undefined for a directory that was named. */
  readonly slot: number | undefined;
  /** Where the CLI finds this node. */
  readonly socketPath: string;
  /** Bound (0600) and listening. Connections are closed at once until somebody else listens to its `connection` event. */
  readonly server: Server;
  /** Gives the directory back. Idempotent. */
  release(): void;
}

/** @throws SkeinError DATA_DIR_LOCKED, or OPTION_INVALID when the directory cannot be used at all. */
export async function acquireDataDir(options: DataDirOptions = {}): Promise<DataDir> {
  const env = options.env ?? process.env;
  if (options.dataDir !== undefined) {
    const path = resolve(options.dataDir);
    const held = await tryAcquire(path, undefined, env);
    if (held !== undefined) return held;
    throw new SkeinError('DATA_DIR_LOCKED', `Another process uses the data directory ${path}`, { path });
  }
  for (let slot = 0; slot < SLOT_FOLDERS_MAX; slot++) {
    const held = await tryAcquire(slotFolder(env, slot), slot, env);
    if (held !== undefined) return held;
  }
  throw new SkeinError('DATA_DIR_LOCKED', `All ${SLOT_FOLDERS_MAX} data directories below ${dataRoot(env)} are in use`, { path: dataRoot(env) });
}

async function tryAcquire(path: string, slot: number | undefined, env: Environment): Promise<DataDir | undefined> {
  const socketPath = socketPathOf(path, env);
  try {
    for (const folder of [path, ...(process.platform === 'win32' ? [] : [dirname(socketPath)])]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const locks = new LockFolder(path, socketPath);
    try {
      const lock = await lockFolder(locks);
      if (lock !== undefined) return held(locks, lock, { path, slot, socketPath });
    } catch (error) {
      locks.close();
      throw error;
    }
    locks.close();
    return undefined;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SkeinError('OPTION_INVALID', `The data directory ${path} cannot be used: ${reason}`, { path }, { cause });
  }
}

async function lockFolder(locks: LockFolder): Promise<BoundLock | undefined> {
  const giveUpAt = performance.now() + LOCK_WAIT_MS;
  for (;;) {
    const lock = await locks.bind();
    if (lock === undefined) return undefined;
    const others = await locks.othersAlive(lock);
    if (others.length === 0 && locks.isThere(lock)) return lock;
    locks.unbind(lock);
    if (others.includes(holderOf(locks.holderLink)) || performance.now() > giveUpAt) return undefined;
    await delay(randomInt(RETRY_DELAY_MS));
  }
}

/** Name of the lock that is held. */
function holderOf(link: string): string {
  try {
    return basename(readlinkSync(link));
  } catch {
    // Nobody holds it yet, or it is about to be replaced.
    return '';
  }
}

function held(locks: LockFolder, lock: BoundLock, place: Pick<DataDir, 'path' | 'slot' | 'socketPath'>): DataDir {
  const { server } = lock;
  const links = process.platform === 'win32' ? [] : [...new Set([locks.holderLink, place.socketPath])];
  for (const link of links) pointAt(link, locks.pathOf(lock));
  server.on('connection', (socket) => {
    if (server.listenerCount('connection') === 1) socket.destroy();
  });
  let released = false;
  const release = (): void => {
    if (released) return;
    released = true;
    // In this order: nobody else can hold the directory while the links are removed.
    for (const link of links) rmSync(link, { force: true });
    locks.unbind(lock);
    locks.close();
  };
  return { ...place, server, release };
}

/** Makes or replaces a symbolic link atomically. */
function pointAt(link: string, target: string): void {
  const temporary = `${link}.new`;
  rmSync(temporary, { force: true });
  symlinkSync(target, temporary);
  renameSync(temporary, link);
}

export interface LocalNode {
  readonly slot: number;
  readonly path: string;
  readonly socketPath: string;
}

/** Nodes of this user that run in one of the default directories, by slot. Each is asked for a connection. */
export async function listRunningNodes(env: Environment = process.env): Promise<LocalNode[]> {
  const nodes = slotsOf(dataRoot(env)).map((slot): LocalNode => {
    const path = slotFolder(env, slot);
    return { slot, path, socketPath: socketPathOf(path, env) };
  });
  const alive = await Promise.all(nodes.map(({ socketPath }) => isAnswered(socketPath)));
  return nodes.filter((_, position) => alive[position] === true);
}

async function isAnswered(socketPath: string): Promise<boolean> {
  const present = process.platform === 'win32' || existsSync(socketPath);
  return present && (await LockFolder.probe(socketPath)) === 'alive';
}

function slotsOf(root: string): number[] {
  if (!existsSync(root)) return [];
  const slots = readdirSync(root).filter((name) => /^\d+$/.test(name)).map(Number);
  return slots.filter((slot) => slot < SLOT_FOLDERS_MAX).sort((a, b) => a - b);
}
