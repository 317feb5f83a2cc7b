/**
 * What files do to everything else: a run of one module, and the loss of the leader, while a file goes from node to node as
 * fast as it can, beside the same without it, in turn in one run. And what the disk alone takes for many small files.
 */
import { closeSync, futimesSync, mkdtempSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchCluster, type BenchNode } from './cluster.ts';
import { loseLeader } from './failover.bench.ts';
import { spread, type Spread } from './figures.ts';
import { noop, spec } from './specs.ts';

export interface LoadFigures {
  /** Ms from submit to final of a run of one module, at the leader, which sends the file. */
  readonly idleRunMs: Spread;
  readonly busyRunMs: Spread;
  /** Ms from the last claim before SIGKILL of the leader to the next one; the others send each other the file. */
  readonly idleFailoverMs: Spread;
  readonly busyFailoverMs: Spread;
}

export async function measureLoad(fileBytes: number, runs: number, failovers: number): Promise<LoadFigures> {
  const figures: Record<keyof LoadFigures, number[]> = { idleRunMs: [], busyRunMs: [], idleFailoverMs: [], busyFailoverMs: [] };
  const cluster = new BenchCluster();
  try {
    await cluster.start(4);
    const one = spec(1, noop);
    const leader = await cluster.leader();
    const other = await cluster.follower();
    const measure = (rounds: number): Promise<number[]> => leader.ask<number[]>({ op: 'run', spec: one, rounds });
    await measure(runs);
    for (let turn = 0; turn < 2; turn += 1) {
      figures.idleRunMs.push(...(await measure(runs)));
      figures.busyRunMs.push(...(await during(leader, other, fileBytes, () => measure(runs))));
    }
    for (let turn = 0; turn < failovers; turn += 1) {
      figures.idleFailoverMs.push(await loseLeader(cluster, 'SIGKILL'));
      const leading = await cluster.leader();
      const [from, to] = cluster.nodes.filter((node) => node !== leading) as [BenchNode, BenchNode];
      figures.busyFailoverMs.push(await during(from, to, fileBytes, () => loseLeader(cluster, 'SIGKILL')));
    }
  } finally {
    await cluster.stop();
  }
  return { idleRunMs: spread(figures.idleRunMs), busyRunMs: spread(figures.busyRunMs), idleFailoverMs: spread(figures.idleFailoverMs), busyFailoverMs: spread(figures.busyFailoverMs) };
}

/** The file goes over again and again until `work` has ended. */
async function during<T>(from: BenchNode, to: BenchNode, fileBytes: number, work: () => Promise<T>): Promise<T> {
  const cids = await from.ask<string[]>({ op: 'blobPut', files: 1, bytes: fileBytes });
  const over = new AbortController();
  const moving = (async (): Promise<void> => {
    while (!over.signal.aborted) {
      await to.ask({ op: 'blobFetch', cids });
      await to.ask({ op: 'blobRemove', cids });
    }
  })();
  try {
    return await work();
  } finally {
    over.abort();
    await moving;
    await from.ask({ op: 'blobRemove', cids });
  }
}

/** Opened, written, stamped, closed and named, one after the other, not synced: less no program can do for files of their own. */
export function measureDisk(files: number, bytes: number): number {
  const folder = mkdtempSync(join(tmpdir(), 'skein-bench-'));
  const content = new Uint8Array(bytes).fill(7);
  try {
    const began = performance.now();
    for (let i = 0; i < files; i += 1) {
      const file = join(folder, `new-${i}`);
      const fd = openSync(file, 'wx', 0o400);
      writeSync(fd, content);
      futimesSync(fd, began, began);
      closeSync(fd);
      renameSync(file, join(folder, `file-${i}`));
    }
    return performance.now() - began;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
