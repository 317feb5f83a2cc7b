/**
 * Files among nodes: one for four nodes at once; many small files beside one that is as large as all of them; and what
 * files do to runs and to failover. Over a slow line: sources, which are compressed on their way, beside random bytes.
 */
import { measureDisk, measureLoad, type LoadFigures } from './blobs-load.ts';
import { measureSlowLine, type SlowLineFigures } from './blobs-slow.ts';
import { BenchCluster, type BenchNode } from './cluster.ts';
import { spread, spreadText, type Spread } from './figures.ts';

const MIB = 1024 * 1024;
const SMALL_BYTES = 4096;
/** 100 Mbit/s. */
const SLOW_BYTES_PER_SECOND = 12_500_000;

export interface BlobFigures {
  readonly fileBytes: number;
  /** Ms until all four have it, and what its origin sent, in files. */
  readonly oneToFourMs: Spread;
  readonly originSent: Spread;
  readonly smallFiles: number;
  readonly smallMs: Spread;
  /** One file with as many bytes. */
  readonly asOneMs: Spread;
  /** The disk alone, for as many small files. */
  readonly diskMs: Spread;
  readonly load: LoadFigures;
  readonly slow: SlowLineFigures;
}

export async function measureBlobs(full: boolean): Promise<BlobFigures> {
  const fileBytes = (full ? 1024 : 32) * MIB;
  const smallFiles = full ? 10_000 : 500;
  const rounds = full ? 3 : 2;
  const [fourMs, originSent, smallMs, asOneMs, diskMs]: number[][] = [[], [], [], [], []];
  const cluster = new BenchCluster();
  try {
    await cluster.start([1, 1, 1, 1, 1]);
    const [origin, ...others] = cluster.nodes as [BenchNode, ...BenchNode[]];
    for (let round = 0; round < rounds; round += 1) {
      const shared = await put(origin, 1, fileBytes);
      const before = await origin.ask<number>({ op: 'blobSent' });
      fourMs!.push(Math.max(...(await Promise.all(others.map((node) => fetch(node, shared))))));
      originSent!.push(((await origin.ask<number>({ op: 'blobSent' })) - before) / fileBytes);

      const many = await put(origin, smallFiles, SMALL_BYTES);
      smallMs!.push(await fetch(others[1]!, many));
      const whole = await put(origin, 1, smallFiles * SMALL_BYTES);
      asOneMs!.push(await fetch(others[1]!, whole));
      diskMs!.push(measureDisk(smallFiles, SMALL_BYTES));
      // A gigabyte for each of five nodes.
      const all = [...shared, ...whole];
      for (const node of cluster.nodes) await node.ask({ op: 'blobRemove', cids: all });
    }
  } finally {
    await cluster.stop();
  }
  return {
    fileBytes,
    oneToFourMs: spread(fourMs!),
    originSent: spread(originSent!),
    smallFiles,
    smallMs: spread(smallMs!),
    asOneMs: spread(asOneMs!),
    diskMs: spread(diskMs!),
    load: await measureLoad((full ? 512 : 64) * MIB, full ? 200 : 40, full ? 10 : 2),
    slow: await measureSlowLine((full ? 64 : 8) * MIB, SLOW_BYTES_PER_SECOND, full ? 5 : 1),
  };
}

function put(node: BenchNode, files: number, bytes: number): Promise<string[]> {
  return node.ask<string[]>({ op: 'blobPut', files, bytes });
}

function fetch(node: BenchNode, cids: readonly string[]): Promise<number> {
  return node.ask<number>({ op: 'blobFetch', cids });
}

export function describeBlobs(figures: BlobFigures): string {
  const { fileBytes, oneToFourMs, originSent, smallFiles, smallMs, asOneMs, diskMs, load, slow } = figures;
  const size = `${fileBytes / MIB} MiB`;
  return [
    `files, five nodes on this machine:`,
    `  ${size} to four nodes        ${spreadText(oneToFourMs, 'ms')}`,
    `  sent by its origin           ${spreadText(originSent, 'files')}`,
    `  ${smallFiles} files of 4 KiB          ${spreadText(smallMs, 'ms')}`,
    `  one file with as many bytes  ${spreadText(asOneMs, 'ms')}: the small ones take ${(smallMs.p50 / asOneMs.p50).toFixed(1)} times as long`,
    `  the disk alone for the small ${spreadText(diskMs, 'ms')}`,
    `beside files, three nodes:`,
    `  run of one module, idle      ${spreadText(load.idleRunMs, 'ms')}`,
    `  while a file is sent         ${spreadText(load.busyRunMs, 'ms')}: ${(load.busyRunMs.p50 / load.idleRunMs.p50).toFixed(1)} times`,
    `  SIGKILL of the leader, idle  ${spreadText(load.idleFailoverMs, 'ms')}`,
    `  while a file is sent         ${spreadText(load.busyFailoverMs, 'ms')}: ${(load.busyFailoverMs.p50 / load.idleFailoverMs.p50).toFixed(1)} times`,
    `over a line of ${slow.lineBytesPerSecond / 1e6} MB/s, two nodes:`,
    `  ${slow.fileBytes / MIB} MiB of random bytes      ${spreadText(slow.randomMs, 'ms')}`,
    `  as much of sources           ${spreadText(slow.sourcesMs, 'ms')}: ${(slow.randomMs.p50 / slow.sourcesMs.p50).toFixed(1)} times as fast`,
  ].join('\n');
}
