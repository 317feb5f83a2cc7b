/** The event stream of one run, read to its end. */
import type { RunEventJson, RunJson } from '../../../src/io/http/views.ts';
import type { TestNode } from './test-node.ts';

export interface Told {
  readonly modules: RunEventJson[];
  final: RunJson | undefined;
}

export async function readStream(node: TestNode, runId: string): Promise<Told> {
  const { body } = await node.ask('GET', `/api/v1/runs/${runId}/events`);
  const told: Told = { modules: [], final: undefined };
  for (const block of String(body).split('\n\n')) {
    const event = /^event: (.*)$/m.exec(block)?.[1];
    const data = /^data: (.*)$/m.exec(block)?.[1];
    if (data === undefined) continue;
    if (event === 'final') told.final = JSON.parse(data) as RunJson;
    else if (event === 'module') told.modules.push(JSON.parse(data) as RunEventJson);
  }
  return told;
}
