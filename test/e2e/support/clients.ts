/** Clients that ask on while something happens to their nodes; what they were told goes through the simulator's checker. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { checkHistory, type HistoryVerdict } from '../../../sim/history/check-history.ts';
import { BusyClients } from '../../../sim/history/busy-clients.ts';
import type { HttpNode } from '../../../sim/history/http-client.ts';
import { Recorder } from '../../../sim/history/recorder.ts';
import type { Cluster } from './cluster.ts';
import { layers, specOf } from './pipelines.ts';
import type { TestNode } from './test-node.ts';

function nodeOf(node: TestNode): HttpNode {
  return { session: node.mark, ask: (...request) => node.ask(...request) };
}

/** Afterwards all their runs have ended, are known as accepted, and the history is linearizable (S23). */
export async function withClients(cluster: Cluster, during: () => Promise<void>): Promise<HistoryVerdict> {
  const recorder = new Recorder({ now: () => performance.now() });
  const spec = await specOf({ ...layers(cluster.ledger, 2, 2, 0.02), name: 'asked-for' });
  const clients = new BusyClients({ recorder, nodes: () => cluster.alive.map(nodeOf), body: { spec }, key: randomUUID });
  clients.start();
  try {
    await during();
  } finally {
    await clients.stop();
  }
  for (const runId of clients.runs) cluster.accepted.set(runId, (await cluster.final(runId)).phase);
  assert.ok(clients.runs.size > 0, 'a history in which nobody was told anything proves nothing');
  await clients.lookAtAll(nodeOf(cluster.alive[0]!));
  const verdict = checkHistory(recorder.events);
  assert.equal(verdict.verdict, 'ok', verdict.problems.join('\n'));
  return verdict;
}
