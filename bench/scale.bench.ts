/**
 * Large work: one run of very many modules, and very many runs at once. What it costs the leader, what it leaves in the log,
 * and how long it holds up the event loops of the three nodes. Submitted by a follower; the cluster is new for each.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchCluster, type BenchNode } from './cluster.ts';
import type { Usage } from './node-program.ts';

const SLOTS = 1000;
/** Runs under way, where there are many. */
const AT_ONCE = 100;
/** After the answer to a Submit, until the leader has planned it. */
const PLANNED_MS = 1500;

export interface ScaleFigures {
  readonly runs: number;
  readonly modulesOfEach: number;
  readonly modulesPerSecond: number;
  /** Of the leader: cpu of all its threads, microseconds for each module. */
  readonly leaderCpuUs: number;
  readonly leaderRssMiB: number;
  readonly logBytesPerModule: number;
  /** Longest that an event loop was held: while the runs went on, and by the Submit of so many modules that nobody can execute. */
  readonly runHold: Hold;
  readonly submitHold: Hold;
}

/** Ms of cpu, the client being the follower that submits. */
interface Hold {
  readonly leader: number;
  readonly follower: number;
  readonly client: number;
}

async function measure(runs: number, modules: number): Promise<ScaleFigures> {
  const cluster = new BenchCluster();
  try {
    await cluster.start(SLOTS);
    const leader = await cluster.leader();
    const [client, follower] = cluster.nodes.filter((node) => node !== leader) as [BenchNode, BenchNode];
    await client.ask({ op: 'many', runs: 3, modules: 1000, atOnce: 1 });
    const logBefore = cluster.logBytes(leader);
    const usage = (): Promise<Usage[]> => Promise.all([leader, follower, client].map((node) => node.ask<Usage>({ op: 'usage' })));
    await usage();
    const ms = await client.ask<number>({ op: 'many', runs, modules, atOnce: AT_ONCE });
    const used = await usage();
    const [ofLeader] = used as [Usage];
    const logBytes = cluster.logBytes(leader) - logBefore;
    await client.ask({ op: 'submitIdle', modules });
    await sleep(PLANNED_MS);
    const count = runs * modules;
    return {
      runs,
      modulesOfEach: modules,
      modulesPerSecond: Math.round((count * 1000) / ms),
      leaderCpuUs: Math.round((ofLeader.cpuMs * 1000) / count),
      leaderRssMiB: Math.round(ofLeader.rssBytes / 2 ** 20),
      logBytesPerModule: Math.round(logBytes / count),
      runHold: holdOf(used),
      submitHold: holdOf(await usage()),
    };
  } finally {
    await cluster.stop();
  }
}

function holdOf([leader, follower, client]: readonly Usage[]): Hold {
  return { leader: leader!.loopMs, follower: follower!.loopMs, client: client!.loopMs };
}

export async function measureScale(full: boolean): Promise<ScaleFigures[]> {
  const sizes = full ? [[1, 100_000], [1000, 100]] as const : [[1, 10_000], [100, 100]] as const;
  const figures: ScaleFigures[] = [];
  for (const [runs, modules] of sizes) figures.push(await measure(runs, modules));
  return figures;
}

function holdText({ leader, follower, client }: Hold): string {
  return `leader ${leader.toFixed(1)}, follower ${follower.toFixed(1)}, client ${client.toFixed(1)}`;
}

export function describeScale(figures: readonly ScaleFigures[]): string {
  return figures
    .map(({ runs, modulesOfEach, modulesPerSecond, leaderCpuUs, leaderRssMiB, logBytesPerModule, runHold, submitHold }) =>
      [
        `scale: ${runs} ${runs === 1 ? 'run' : 'runs'} of ${modulesOfEach} no-op modules, 3 nodes, ${SLOTS} slots each, fsync on`,
        `  ${modulesPerSecond} modules/s; leader: ${leaderCpuUs} us of cpu a module, ${leaderRssMiB} MiB resident; ${logBytesPerModule} bytes of log a module`,
        `  longest hold of an event loop, ms of cpu: ${holdText(runHold)}`,
        `  the same for the Submit of ${modulesOfEach} modules alone: ${holdText(submitHold)}`,
      ].join('\n'),
    )
    .join('\n');
}
