/**
 * Where the time goes: a cpu profile of the leader and of a follower during runs of one module, a chain, and one large run.
 * By package or folder, and by function; idle time is left out.
 */
import type { Profiler } from 'node:inspector';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BenchCluster, type BenchNode } from './cluster.ts';
import { noop, spec } from './specs.ts';

const TOP = 10;
const SLOTS = 1000;

interface Share {
  readonly where: string;
  /** Of the samples in which the process was not idle. */
  readonly percent: number;
}

export interface ProfileFigures {
  readonly work: string;
  readonly node: 'leader' | 'follower';
  /** Of the time of the profile in which something ran. */
  readonly busyPercent: number;
  readonly places: readonly Share[];
  readonly functions: readonly Share[];
}

interface Work {
  readonly name: string;
  run(client: BenchNode, full: boolean): Promise<unknown>;
}

const works: readonly Work[] = [
  { name: 'runs of one module', run: (client, full) => client.ask({ op: 'run', spec: spec(1, noop), rounds: full ? 1000 : 100 }) },
  { name: 'a chain of 100', run: (client, full) => client.ask({ op: 'run', spec: spec(100, noop, 1), rounds: full ? 20 : 2 }) },
  { name: 'one run of 10,000', run: (client, full) => client.ask({ op: 'run', spec: spec(10_000, noop), rounds: full ? 5 : 1 }) },
];

export async function measureProfile(full: boolean): Promise<ProfileFigures[]> {
  const cluster = new BenchCluster();
  const figures: ProfileFigures[] = [];
  try {
    await cluster.start(SLOTS);
    const leader = await cluster.leader();
    const follower = await cluster.follower();
    const folder = join(cluster.root, 'profiles');
    mkdirSync(folder);
    for (const work of works) {
      await work.run(leader, full);
      await Promise.all([leader, follower].map((node) => node.ask({ op: 'profile' })));
      await work.run(leader, full);
      for (const [name, node] of [['leader', leader], ['follower', follower]] as const) {
        const file = join(folder, `${name}-${figures.length}.cpuprofile`);
        await node.ask({ op: 'profileEnd', file });
        figures.push({ work: work.name, node: name, ...sharesOf(JSON.parse(readFileSync(file, 'utf8')) as Profiler.Profile) });
      }
    }
    return figures;
  } finally {
    await cluster.stop();
  }
}

function sharesOf({ nodes }: Profiler.Profile): Pick<ProfileFigures, 'busyPercent' | 'places' | 'functions'> {
  const places = new Map<string, number>();
  const functions = new Map<string, number>();
  let [busy, idle] = [0, 0];
  for (const { hitCount = 0, callFrame } of nodes) {
    const { functionName, url } = callFrame;
    if (functionName === '(idle)') idle += hitCount;
    if (functionName === '(idle)' || functionName === '(program)') continue;
    busy += hitCount;
    add(places, placeOf(url, functionName), hitCount);
    const file = url === '' ? '' : ` ${placeOf(url, '')}/${url.split('/').at(-1)!}`;
    add(functions, `${functionName || '(anonymous)'}${file}`, hitCount);
  }
  return { busyPercent: Math.round((100 * busy) / (busy + idle)), places: largest(places, busy), functions: largest(functions, busy) };
}

function add(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}

function largest(counts: ReadonlyMap<string, number>, all: number): Share[] {
  const sorted = [...counts].sort(([, a], [, b]) => b - a).slice(0, TOP);
  return sorted.map(([where, count]) => ({ where, percent: Math.round((1000 * count) / all) / 10 }));
}

/** Functions of the engine and of the system have no file. */
function placeOf(url: string, functionName: string): string {
  const library = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (library !== undefined) return library;
  const own = /\/((?:src|bench)\/(?:[a-z0-9-]+\/)*)[a-z-]+\.ts$/.exec(url)?.[1];
  return own?.replace(/\/$/, '') ?? (url === '' ? functionName : url);
}

export function describeProfile(figures: readonly ProfileFigures[]): string {
  const list = (shares: readonly Share[]): string => shares.map(({ where, percent }) => `${percent} ${where}`).join(', ');
  return figures
    .map(({ work, node, busyPercent, places, functions }) => [`profile: ${work}, ${node} (busy ${busyPercent} % of the time), percent of it`, `  by place:    ${list(places)}`, `  by function: ${list(functions)}`].join('\n'))
    .join('\n');
}
