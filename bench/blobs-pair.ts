/** One large file between two nodes, in turn with what two processes move over one bare stream with the same encryption. */
import { BenchCluster, type BenchNode } from './cluster.ts';
import { spread, spreadText, type Spread } from './figures.ts';
import type { Usage } from './node-program.ts';
import { measureBulk } from './transport.bench.ts';

export interface PairFigures {
  readonly fileBytes: number;
  /** Megabytes a second. */
  readonly oneToOne: Spread;
  readonly bareStream: Spread;
  /** Of each round, in percent. */
  readonly share: Spread;
  /** Of all threads of the process, for one file. */
  readonly senderCpuMs: Spread;
  readonly receiverCpuMs: Spread;
}

export async function measurePair(fileBytes: number, rounds: number, bareSeconds: number): Promise<PairFigures> {
  const [one, bare, share, senderCpu, receiverCpu]: [number[], number[], number[], number[], number[]] = [[], [], [], [], []];
  const cluster = new BenchCluster();
  try {
    await cluster.start([1, 1]);
    const [sender, receiver] = cluster.nodes as [BenchNode, BenchNode];
    for (let round = 0; round < rounds; round += 1) {
      const cids = await sender.ask<string[]>({ op: 'blobPut', files: 1, bytes: fileBytes });
      await used(cluster);
      const speed = fileBytes / 1e6 / ((await receiver.ask<number>({ op: 'blobFetch', cids })) / 1000);
      const [senderMs, receiverMs] = await used(cluster);
      const bound = await measureBulk(bareSeconds);
      one.push(speed);
      bare.push(bound);
      share.push((100 * speed) / bound);
      senderCpu.push(senderMs!);
      receiverCpu.push(receiverMs!);
      for (const node of cluster.nodes) await node.ask({ op: 'blobRemove', cids });
    }
  } finally {
    await cluster.stop();
  }
  return { fileBytes, oneToOne: spread(one), bareStream: spread(bare), share: spread(share), senderCpuMs: spread(senderCpu), receiverCpuMs: spread(receiverCpu) };
}

/** Cpu time of each since it was asked last, ms. */
async function used({ nodes }: BenchCluster): Promise<number[]> {
  return (await Promise.all(nodes.map((node) => node.ask<Usage>({ op: 'usage' })))).map(({ cpuMs }) => cpuMs);
}

export function describePair({ fileBytes, oneToOne, bareStream, share, senderCpuMs, receiverCpuMs }: PairFigures): string {
  return [
    `one file of ${fileBytes / 2 ** 20} MiB between two nodes on this machine:`,
    `  the file            ${spreadText(oneToOne, 'MB/s')}`,
    `  one bare stream     ${spreadText(bareStream, 'MB/s')}`,
    `  the file of that    ${spreadText(share, '%')}`,
    `  cpu of the sender   ${spreadText(senderCpuMs, 'ms')}`,
    `  of the receiver     ${spreadText(receiverCpuMs, 'ms')}`,
  ].join('\n');
}
