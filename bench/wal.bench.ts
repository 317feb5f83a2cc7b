/**
 * The write-ahead log on the real disk: records a second in batches of 200, and how long one append takes until it is
 * synced. Prints figures, asserts nothing. `node bench/wal.bench.ts [records] [folder]`, with --json as one line.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Entry } from '../src/core/raft/types.ts';
import { FolderDisk } from '../src/io/disk/disk.ts';
import type { Clock } from '../src/ports/clock.ts';
import { LogStore } from '../src/runtime/storage/log-store.ts';
import { recoverLog } from '../src/runtime/storage/recover.ts';

const BATCH = 200;
const RECORD_BYTES = 100;
/** Batches handed over before the first is synced, as a busy leader does. */
const AHEAD = 8;

const clock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimer: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  defer: (callback) => queueMicrotask(callback),
  settle: (callback: () => void) => void setImmediate(callback),
};

function entries(first: number, count: number): Entry[] {
  return Array.from({ length: count }, (_, i) => ({ index: first + i, term: 1, kind: 'command', data: new Uint8Array(RECORD_BYTES).fill(i) }));
}

function open(folder: string): { disk: FolderDisk; log: LogStore } {
  const disk = new FolderDisk(folder);
  const fatal = (error: Error): never => {
    throw error;
  };
  return { disk, log: new LogStore({ disk, clock, recovered: recoverLog(disk), fatal }) };
}

async function batches(folder: string, records: number): Promise<{ perSecond: number; mibPerSecond: number }> {
  const { disk, log } = open(folder);
  const count = Math.ceil(records / BATCH);
  const begun = performance.now();
  await new Promise<void>((resolve) => {
    let handed = 0;
    let synced = 0;
    const next = (): void => {
      if (handed === count) return;
      const first = handed * BATCH + 1;
      handed += 1;
      log.persist({ entries: entries(first, BATCH) }, () => {
        synced += 1;
        if (synced === count) resolve();
        else next();
      });
    };
    for (let i = 0; i < AHEAD; i++) next();
  });
  const seconds = (performance.now() - begun) / 1000;
  disk.close();
  return { perSecond: (count * BATCH) / seconds, mibPerSecond: (count * BATCH * RECORD_BYTES) / seconds / 2 ** 20 };
}

async function singles(folder: string, appends: number): Promise<{ p50Ms: number; p99Ms: number }> {
  const { disk, log } = open(folder);
  const times: number[] = [];
  for (let index = 1; index <= appends; index++) {
    const begun = performance.now();
    await new Promise<void>((resolve) => log.persist({ entries: entries(index, 1) }, resolve));
    times.push(performance.now() - begun);
  }
  disk.close();
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}

function recovery(folder: string): { perSecond: number } {
  const begun = performance.now();
  const { entries: found } = recoverLog(new FolderDisk(folder));
  return { perSecond: found.length / ((performance.now() - begun) / 1000) };
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } });
const records = Number(positionals[0] ?? 200_000);
const root = fs.mkdtempSync(path.join(positionals[1] ?? os.tmpdir(), 'skein-wal-'));
try {
  const batched = await batches(path.join(root, 'batches'), records);
  const read = recovery(path.join(root, 'batches'));
  const single = await singles(path.join(root, 'singles'), Math.max(50, Math.floor(records / 100)));
  const rows = [
    ['batches of 200', `${Math.round(batched.perSecond)} records/s, ${batched.mibPerSecond.toFixed(1)} MiB/s`],
    ['one append', `p50 ${single.p50Ms.toFixed(3)} ms, p99 ${single.p99Ms.toFixed(3)} ms`],
    ['recovery', `${Math.round(read.perSecond)} records/s`],
  ] as const;
  if (values.json === true) console.log(JSON.stringify({ bench: 'wal', records, batched, single, read }));
  else for (const [name, figures] of rows) console.log(`wal  ${name.padEnd(16)} ${figures}`);
} finally {
  fs.rmSync(root, { recursive: true });
}
