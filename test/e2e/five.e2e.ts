/** Five nodes, five voters: the leader and a worker may go at once and nobody has to come back. */
import assert from 'node:assert/strict';
import { layers } from './support/pipelines.ts';
import { scenario } from './support/scenario.ts';

scenario('five nodes lose the leader and a worker at once in the middle of a run', { size: 5, slots: 1 }, async (cluster) => {
  const leader = await cluster.leader();
  const [worker, contact] = cluster.others(leader);
  const runId = await cluster.submit(contact!, layers(cluster.ledger, 6, 5, 0.1));
  await cluster.middle(runId, contact);
  await cluster.kill(leader, worker!);
  const run = await cluster.final(runId, contact);
  assert.ok(run.moduleList.some((module) => module.losses > 0), 'they held modules when they were killed');
  await cluster.ready(cluster.alive, 3);
  await cluster.check();
});
