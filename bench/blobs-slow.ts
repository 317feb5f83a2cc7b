/** One file over a line that is slower than two nodes: sources, which are compressed on the way, beside as many bytes that cannot be. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterStatus } from '../src/runtime/api.ts';
import { BenchNode } from './cluster.ts';
import { spread, type Spread } from './figures.ts';
import { SlowLine } from './slow-line.ts';

export interface SlowLineFigures {
  readonly lineBytesPerSecond: number;
  readonly fileBytes: number;
  /** Ms until it is there. */
  readonly randomMs: Spread;
  readonly sourcesMs: Spread;
}

const READY_MS = 30_000;

export async function measureSlowLine(fileBytes: number, lineBytesPerSecond: number, rounds: number): Promise<SlowLineFigures> {
  const root = mkdtempSync(join(tmpdir(), 'skein-bench-'));
  const nodes: BenchNode[] = [];
  let line: SlowLine | undefined;
  const launch = (name: string, bootstrap: readonly string[]): BenchNode => {
    const node = new BenchNode({ name, dataDir: join(root, name), bootstrap, slots: 1, keyFile: join(root, 'cluster.key') });
    nodes.push(node);
    return node;
  };
  const randomMs: number[] = [];
  const sourcesMs: number[] = [];
  try {
    const origin = launch('a', []);
    const address = (await origin.started).addresses.find((each) => each.includes('/127.0.0.1/'))!;
    const port = Number(/\/tcp\/(\d+)/.exec(address)![1]);
    line = new SlowLine(port, lineBytesPerSecond);
    const other = launch('b', [address.replace(`/tcp/${port}`, `/tcp/${await line.open()}`)]);
    await other.started;
    await connected(nodes);
    const file = async (sources: boolean): Promise<number> => {
      const cids = await origin.ask<string[]>({ op: 'blobPut', files: 1, bytes: fileBytes, sources });
      const ms = await other.ask<number>({ op: 'blobFetch', cids });
      for (const node of nodes) await node.ask({ op: 'blobRemove', cids });
      return ms;
    };
    for (let round = 0; round < rounds; round += 1) {
      randomMs.push(await file(false));
      sourcesMs.push(await file(true));
    }
  } finally {
    await Promise.all(nodes.map((node) => node.kill('SIGKILL')));
    line?.close();
    rmSync(root, { recursive: true, force: true });
  }
  return { lineBytesPerSecond, fileBytes, randomMs: spread(randomMs), sourcesMs: spread(sourcesMs) };
}

async function connected(nodes: readonly BenchNode[]): Promise<void> {
  const deadline = performance.now() + READY_MS;
  for (;;) {
    const statuses = await Promise.all(nodes.map((node) => node.ask<ClusterStatus>({ op: 'status' })));
    if (statuses.every(({ node, leaderId }) => node.phase === 'member' && leaderId === statuses[0]!.leaderId)) return;
    if (performance.now() > deadline) throw new Error(`the nodes do not find each other over the slow line: ${statuses.map(({ node }) => node.phase).join(', ')}`);
    await sleep(50);
  }
}
