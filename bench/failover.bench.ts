/** From the last claim before the leader is lost to the next claim committed after, as a surviving node sees it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchCluster } from './cluster.ts';
import { spread, spreadText, type Spread } from './figures.ts';
import { pause, spec } from './specs.ts';

/** 20 ms modules on a few slots: claims come every few milliseconds, so the gap is the failover and little else. */
const SLOTS = 4;
const MODULES = 4000;
const NEXT_CLAIM_MS = 30_000;

export interface FailoverFigures {
  /** Milliseconds. */
  readonly killed: Spread;
  readonly stopped: Spread;
}

export async function measureFailover(rounds: number): Promise<FailoverFigures> {
  const cluster = new BenchCluster();
  try {
    await cluster.start(SLOTS);
    const killed: number[] = [];
    const stopped: number[] = [];
    for (let round = 0; round < rounds; round += 1) killed.push(await loseLeader(cluster, 'SIGKILL'));
    for (let round = 0; round < rounds; round += 1) stopped.push(await loseLeader(cluster, 'SIGSTOP'));
    return { killed: spread(killed), stopped: spread(stopped) };
  } finally {
    await cluster.stop();
  }
}

export async function loseLeader(cluster: BenchCluster, signal: 'SIGKILL' | 'SIGSTOP'): Promise<number> {
  const leader = await cluster.leader();
  const observers = cluster.nodes.filter((node) => node !== leader);
  const observer = observers[0]!;
  await observer.ask({ op: 'watch' });
  await observer.ask({ op: 'submit', spec: spec(MODULES, pause) });
  await sleep(1000);
  await observer.ask({ op: 'claims' });
  await sleep(100);
  const before = (await observer.ask<number[]>({ op: 'claims' })).at(-1);
  const lostAt = Date.now();
  void leader.kill(signal);
  const claims = before === undefined ? [] : [before];
  while (!claims.some((at) => at > lostAt + 5)) {
    await sleep(2);
    claims.push(...(await observer.ask<number[]>({ op: 'claims' })));
    if (Date.now() - lostAt > NEXT_CLAIM_MS) throw new Error(`no claim within ${NEXT_CLAIM_MS} ms of ${signal}`);
  }
  const gap = largestGap(claims);
  await observer.ask({ op: 'cancelAll' });
  if (signal === 'SIGKILL') await cluster.restart(leader);
  else await leader.kill('SIGCONT');
  await cluster.ready();
  return gap;
}

/** Claims come in order of the log; the loss is the one long silence among them. */
function largestGap(claims: readonly number[]): number {
  let gap = 0;
  for (let position = 1; position < claims.length; position += 1) gap = Math.max(gap, claims[position]! - claims[position - 1]!);
  return gap;
}

export function describeFailover({ killed, stopped }: FailoverFigures): string {
  return [
    'failover: last claim before the leader is lost to the next claim committed after, 3 nodes, default timings',
    `  SIGKILL   ${spreadText(killed, 'ms')}`,
    `  SIGSTOP   ${spreadText(stopped, 'ms')}`,
  ].join('\n');
}
