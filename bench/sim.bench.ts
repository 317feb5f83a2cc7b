/**
 * How fast the simulator is (virtual seconds per second of one core under the default mix of faults, all checkers on), where
 * its time goes, and what a quiet cluster sends as it grows.
 */
import type { Profiler } from 'node:inspector';
import { Session } from 'node:inspector/promises';
import { simulate } from '../sim/run.ts';
import { quietTraffic, type Traffic } from '../sim/scenarios/traffic.ts';
import { spread, spreadText, type Spread } from './figures.ts';

const NODES = 5;
const TOP = 10;
/** Of one seed, in the goal: an hour of one core covers so many seeds. */
const FAULT_SECONDS = 60;

export interface SimFigures {
  readonly seeds: number;
  /** Of each seed: virtual s, formation and recovery included, per s of this process's cpu. */
  readonly virtualPerCpuSecond: Spread;
  readonly eventsPerCpuSecond: number;
  /** Seeds with 60 virtual seconds of faults that an hour of this core covers. */
  readonly seedsPerHour: number;
  /** Share of samples by folder or package, largest first. */
  readonly profile: readonly { readonly where: string; readonly percent: number }[];
  readonly traffic: readonly Traffic[];
}

export async function measureSim(seeds: number, sizes: readonly number[]): Promise<SimFigures> {
  const speeds: number[] = [];
  let [cpuSeconds, events] = [0, 0];
  simulate({ seed: 'warm-up', nodes: NODES, minutes: 0.5 });
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  for (let seed = 1; seed <= seeds; seed += 1) {
    const before = process.cpuUsage();
    const { figures, violation } = simulate({ seed: String(seed), nodes: NODES, minutes: FAULT_SECONDS / 60 });
    if (violation !== undefined) throw new Error(`seed ${seed}: ${violation.invariant}: ${violation.message}`);
    const { user, system } = process.cpuUsage(before);
    const seconds = (user + system) / 1e6;
    speeds.push(figures.virtualMs / 1000 / seconds);
    cpuSeconds += seconds;
    events += figures.events;
  }
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  return {
    seeds,
    virtualPerCpuSecond: spread(speeds),
    eventsPerCpuSecond: Math.round(events / cpuSeconds),
    seedsPerHour: Math.round((seeds / cpuSeconds) * 3600),
    profile: shares(profile),
    traffic: sizes.map((nodes) => quietTraffic({ seed: 'traffic', nodes })),
  };
}

function shares({ nodes }: Profiler.Profile): SimFigures['profile'] {
  const hits = new Map<string, number>();
  let all = 0;
  for (const { hitCount = 0, callFrame } of nodes) {
    const where = whereIs(callFrame.url, callFrame.functionName);
    hits.set(where, (hits.get(where) ?? 0) + hitCount);
    all += hitCount;
  }
  const sorted = [...hits].sort(([, a], [, b]) => b - a).slice(0, TOP);
  return sorted.map(([where, count]) => ({ where, percent: Math.round((1000 * count) / all) / 10 }));
}

function whereIs(url: string, functionName: string): string {
  const library = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (library !== undefined) return library;
  const own = /\/((?:src|sim)\/(?:[a-z-]+\/)?(?:[a-z-]+\/)?)[a-z-]+\.ts$/.exec(url)?.[1];
  return own ?? (url === '' ? functionName : url);
}

export function describeSim({ seeds, virtualPerCpuSecond, eventsPerCpuSecond, seedsPerHour, profile, traffic }: SimFigures): string {
  return [
    `simulator, ${NODES} nodes, ${FAULT_SECONDS} s of faults, ${seeds} seeds on one core`,
    `  virtual s per cpu s   ${spreadText(virtualPerCpuSecond, 's')}`,
    `  events per cpu s      ${eventsPerCpuSecond}`,
    `  seeds per hour        ${seedsPerHour}`,
    `  where the time goes   ${profile.map(({ where, percent }) => `${where} ${percent} %`).join(', ')}`,
    'a quiet cluster sends, per second:',
    ...traffic.map(({ nodes, messages, bytes, leaderMessages, leaderBytes, channels }) =>
      `  ${String(nodes).padStart(3)} nodes: ${messages} messages and ${bytes} bytes a node; the leader ${leaderMessages} and ${leaderBytes}; in all raft ${channels.raft}, work ${channels.work}, gossip ${channels.gossip}`),
  ].join('\n');
}
