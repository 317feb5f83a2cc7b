/**
 * Very many small files through a whole run: one module leaves them, the next one takes them on another node, and they are
 * downloaded. What counts beside the time is what the nodes are meanwhile: how long the event loop is held, since
 * heartbeats wait for it, and what memory it takes.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ClusterStatus, RunView } from '../src/runtime/api.ts';
import type { ModuleSpec, RunSpec } from '../src/core/cell/types.ts';
import { BenchCluster, type BenchNode } from './cluster.ts';
import type { Usage } from './node-program.ts';
import { spec } from './specs.ts';

const MIB = 1024 * 1024;
const SAMPLE_MS = 250;
/** In folders of so many. */
const PER_FOLDER = 1000;
const cli = fileURLToPath(new URL('../src/node.ts', import.meta.url));

/** Of one node, through one part of the run. */
export interface Strain {
  readonly loopMs: number;
  readonly cpuMs: number;
  readonly peakBytes: number;
}

export interface FilesPart {
  readonly name: string;
  readonly ms: number;
  /** Of the node that makes them, and of the one that takes them. */
  readonly strain: readonly Strain[];
}

export interface FilesFigures {
  readonly files: number;
  readonly parts: readonly FilesPart[];
  /** That began while it ran: 0 = the leader stayed. */
  readonly terms: number;
}

export async function measureFiles(files: number): Promise<FilesFigures> {
  const cluster = new BenchCluster();
  try {
    await cluster.start([1, 1], [{ at: 'maker' }, { at: 'taker' }]);
    const [maker, taker] = cluster.nodes as [BenchNode, BenchNode];
    const status = (): Promise<ClusterStatus> => maker.ask<ClusterStatus>({ op: 'status' });
    const { term } = await status();
    const parts: FilesPart[] = [];
    const part = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
      const watched = [new StrainWatch(maker), new StrainWatch(taker)];
      const began = performance.now();
      const value = await work();
      parts.push({ name, ms: performance.now() - began, strain: await Promise.all(watched.map((watch) => watch.end())) });
      return value;
    };
    const run = await part('made, fetched, taken', () => maker.ask<RunView>({ op: 'runOnce', spec: runOf(files) }));
    if (run.phase !== 'succeeded') throw new Error(`the run ${run.phase}: ${JSON.stringify(run.moduleList.map(({ name, phase, error }) => [name, phase, error]))}`);
    await part('downloaded', () => download(cluster, taker, run.runId, files));
    return { files, parts, terms: (await status()).term - term };
  } finally {
    await cluster.stop();
  }
}

function runOf(files: number): RunSpec {
  const [made, taken] = spec(2, { type: 'run', command: '' }).modules as [ModuleSpec, ModuleSpec];
  const make = `i=0; while [ $i -lt ${Math.ceil(files / PER_FOLDER)} ]; do mkdir -p d/$i; (cd d/$i; seq $((i * ${PER_FOLDER} + 1)) $((i * ${PER_FOLDER} + ${PER_FOLDER})) | head -n $((${files} - i * ${PER_FOLDER})) | split -l 1 -a 3 -d - f); i=$((i + 1)); done`;
  const take = `n=$(find "$IN" -type f | wc -l); [ "$n" -eq ${files} ] && find "$IN" -type f -exec cat {} + | sort -n | cksum > sum`;
  return {
    name: 'files',
    params: {},
    env: {},
    bundles: {},
    modules: [
      { ...made, action: { type: 'run', command: make }, requires: { ...made.requires, labels: ['at=maker'] }, files: { inputs: [], outputs: [{ name: 'all', pattern: 'd/**' }] } },
      { ...taken, needs: [0], action: { type: 'run', command: take }, requires: { ...taken.requires, labels: ['at=taker'] }, files: { inputs: [{ variable: 'IN', module: 0, output: 'all' }], outputs: [{ name: 'sum', pattern: 'sum' }] } },
    ],
  };
}

async function download(cluster: BenchCluster, node: BenchNode, runId: string, files: number): Promise<void> {
  const out = join(cluster.root, 'out');
  const child = spawn(process.execPath, [cli, 'runs', 'download', runId, '--data-dir', node.init.dataDir, '--out', out], { stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  const found = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
  // Those, the sum, and run.json.
  if (code !== 0 || found !== files + 2) throw new Error(`download ended with ${code}, and ${found} files are there`);
}

class StrainWatch {
  readonly #node: BenchNode;
  #over = false;
  readonly #strain: Promise<Strain>;

  constructor(node: BenchNode) {
    this.#node = node;
    this.#strain = this.#watch();
  }

  async #watch(): Promise<Strain> {
    await this.#node.ask<Usage>({ op: 'usage' });
    let [loopMs, cpuMs, peakBytes] = [0, 0, 0];
    for (let last = false; !last; ) {
      last = this.#over;
      const usage = await this.#node.ask<Usage>({ op: 'usage' });
      loopMs = Math.max(loopMs, usage.loopMs);
      cpuMs += usage.cpuMs;
      peakBytes = Math.max(peakBytes, usage.rssBytes);
      await sleep(SAMPLE_MS);
    }
    return { loopMs, cpuMs, peakBytes };
  }

  end(): Promise<Strain> {
    this.#over = true;
    return this.#strain;
  }
}

export function describeFiles({ files, parts, terms }: FilesFigures): string {
  return [
    `${files} files of a few bytes, two nodes on this machine, leader ${terms === 0 ? 'stayed' : `changed ${terms} times`}:`,
    ...parts.flatMap(({ name, ms, strain }) => [
      `  ${name}: ${(ms / 1000).toFixed(1)} s`,
      ...strain.map(({ loopMs, cpuMs, peakBytes }, at) => `    ${at === 0 ? 'maker' : 'taker'}  loop held at most ${Math.round(loopMs)} ms, ${(cpuMs / 1000).toFixed(1)} s of cpu, at most ${Math.round(peakBytes / MIB)} MiB resident`),
    ]),
  ].join('\n');
}
