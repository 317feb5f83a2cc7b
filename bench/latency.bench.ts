/** Submit to final of a run of one no-op module, and the time a step takes in a chain. */
import { BenchCluster, type BenchNode } from './cluster.ts';
import { spread, spreadText, type Spread } from './figures.ts';
import { noop, spec } from './specs.ts';

const CHAIN = 100;

export interface LatencyFigures {
  /** Milliseconds. */
  readonly leader: Spread;
  readonly follower: Spread;
  readonly http: Spread;
  /** Milliseconds a step of a chain of dependent modules. */
  readonly chainStep: Spread;
}

export async function measureLatency(rounds: number): Promise<LatencyFigures> {
  const cluster = new BenchCluster();
  try {
    await cluster.start(100);
    const [leader, follower] = [await cluster.leader(), await cluster.follower()];
    const one = spec(1, noop);
    const measure = async (node: BenchNode): Promise<Spread> => {
      await node.ask({ op: 'run', spec: one, rounds: Math.ceil(rounds / 4) });
      return spread(await node.ask<number[]>({ op: 'run', spec: one, rounds }));
    };
    const figures = { leader: await measure(leader), follower: await measure(follower), http: spread(await overHttp(leader, rounds)) };
    const chain = spec(CHAIN, noop, 1);
    const steps = await leader.ask<number[]>({ op: 'run', spec: chain, rounds: Math.max(1, Math.ceil(rounds / 20)) });
    return { ...figures, chainStep: spread(steps.map((ms) => ms / CHAIN)) };
  } finally {
    await cluster.stop();
  }
}

/** POST, then the run's event stream until it is final. */
async function overHttp(node: BenchNode, rounds: number): Promise<number[]> {
  const { httpUrl } = await node.started;
  const body = JSON.stringify({ spec: spec(1, noop) });
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    const answer = await fetch(`${httpUrl}/api/v1/runs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const { runId } = (await answer.json()) as { runId: string };
    await final(`${httpUrl}/api/v1/runs/${runId}/events`);
    times.push(performance.now() - began);
  }
  return times;
}

async function final(url: string): Promise<void> {
  const response = await fetch(url, { headers: { 'last-event-id': '0' } });
  let text = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (/"type":"run"[^\n]*"phase":"succeeded"/.test(text) || /"phase":"succeeded"[^\n]*"type":"run"/.test(text)) return;
  }
}

export function describeLatency({ leader, follower, http, chainStep }: LatencyFigures): string {
  return [
    'latency: submit to final of one no-op module, 3 nodes, fsync on',
    `  library client in the leader's process     ${spreadText(leader, 'ms')}`,
    `  library client in a follower's process     ${spreadText(follower, 'ms')}`,
    `  HTTP and event stream, at the leader       ${spreadText(http, 'ms')}`,
    `  one step in a chain of ${CHAIN} modules          ${spreadText(chainStep, 'ms')}`,
  ].join('\n');
}
