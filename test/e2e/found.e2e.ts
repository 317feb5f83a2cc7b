/** Nodes that start together, and cells that meet. */
import assert from 'node:assert/strict';
import { layers } from './support/pipelines.ts';
import { scenario } from './support/scenario.ts';
import { until } from './support/until.ts';

scenario('two nodes started at the same moment end in one cell', {}, async (cluster, step) => {
  await step('with one key between them, although neither found a key', async () => {
    await Promise.all(['n0', 'n1'].map((name) => cluster.port(name)));
    await Promise.all(['n0', 'n1'].map((name) => cluster.launch(name)));
    const { cellId } = await cluster.ready();
    const runId = await cluster.submit(cluster.node('n0'), layers(cluster.ledger, 2, 2, 0.05));
    await cluster.final(runId, cluster.node('n1'));
    await cluster.check();
    for (const node of cluster.alive) assert.equal((await node.status()).cellId, cellId);
  });
});

scenario('two cells that were founded apart become one when they meet', {}, async (cluster) => {
  await Promise.all(['n0', 'n1'].map((name) => cluster.port(name)));
  const elder = await cluster.launch('n0');
  await until('n0 leads its own cell', () => elder.event('leader-elected'));
  // It stands still, so that the other one finds nobody.
  elder.kill('SIGSTOP');
  const younger = await cluster.launch('n1');
  await until('n1 leads its own cell', () => younger.event('leader-elected'));
  elder.kill('SIGCONT');
  const { cellId } = await cluster.ready();
  assert.equal(elder.event('cell-founded')?.['cell'], cellId, 'the elder cell remains');
  assert.notEqual(younger.event('cell-founded')?.['cell'], cellId);
  assert.equal(younger.lines.filter((line) => line.event === 'cell-closing').length, 1, 'it gives way once');
  const runId = await cluster.submit(younger, layers(cluster.ledger, 2, 2, 0.05));
  await cluster.final(runId, elder);
  await cluster.check();
});
