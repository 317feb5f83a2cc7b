/** Nodes that are given no more work, and nodes that go in good order, until nobody is left. */
import assert from 'node:assert/strict';
import type { NodeListJson } from '../../src/io/http/views.ts';
import { runCli } from './support/cli.ts';
import { HeldRun, lossesOf } from './support/held-run.ts';
import { readLedger } from './support/ledger.ts';
import { layers } from './support/pipelines.ts';
import { markedProcesses } from './support/processes.ts';
import { scenario } from './support/scenario.ts';
import type { TestNode } from './support/test-node.ts';
import { until } from './support/until.ts';

async function ended(node: TestNode): Promise<void> {
  await until(`${node.name} ends`, () => node.ended !== undefined);
  assert.deepEqual(node.ended, { code: 0, signal: null });
  assert.deepEqual(markedProcesses(node.mark), [], 'nothing of it is left');
}

scenario('going in good order', { size: 3 }, async (cluster, step) => {
  const workersOf = (runId: string): string[] => readLedger(cluster.ledger).filter((execution) => execution.runId === runId).map((execution) => execution.node);

  await step('a drained node finishes and gets nothing new until it is undrained', async () => {
    const leader = await cluster.leader();
    const [drained, contact] = cluster.others(leader);
    const held = await HeldRun.begin(cluster, leader);
    const cli = await runCli(cluster, ['node', 'drain', drained!.name, '--data-dir', contact!.dataDir]);
    assert.equal(cli.code, 0, cli.stderr);
    await held.end(contact!);
    const runId = await cluster.submit(contact!, layers(cluster.ledger, 6, 2, 0.05));
    await cluster.final(runId, contact);
    assert.ok(!workersOf(runId).includes(drained!.name));
    const { nodes } = await contact!.get<NodeListJson>('/api/v1/nodes');
    assert.equal(nodes.find((node) => node.name === drained!.name)?.state, 'draining');
    const back = await runCli(cluster, ['node', 'undrain', drained!.name, '--data-dir', leader.dataDir]);
    assert.equal(back.code, 0, back.stderr);
    await until('it is given modules again', async () => {
      const again = await cluster.submit(contact!, layers(cluster.ledger, 6, 1, 0.05));
      await cluster.final(again, contact);
      return workersOf(again).includes(drained!.name);
    });
    await cluster.check();
  });

  await step('SIGTERM to a worker: it finishes what it executes, takes nothing new, goes, and may come back', async () => {
    const leader = await cluster.leader();
    const [node] = cluster.others(leader);
    const held = await HeldRun.begin(cluster, leader);
    node!.kill('SIGTERM');
    await until('it says that it goes', () => node!.event('node-draining'));
    const before = held.executions(node).length;
    await until('the others know', async () => (await leader.get<NodeListJson>('/api/v1/nodes')).nodes.some((other) => other.name === node!.name && other.state !== 'alive'));
    assert.ok(node!.alive, 'it waits for its modules');
    const run = await held.end(leader);
    await ended(node!);
    assert.equal(lossesOf(run), 0);
    assert.equal(held.executions(node).length, before);
    await cluster.launch(node!.name);
    await cluster.ready();
    await cluster.check();
  });

  await step('SIGTERM twice to the leader: it hands back what it executes, and another one leads and executes it', async () => {
    const leader = await cluster.leader();
    const held = await HeldRun.begin(cluster, leader);
    leader.kill('SIGTERM');
    await until('it says that it goes', () => leader.event('node-draining'));
    leader.kill('SIGTERM');
    await ended(leader);
    const run = await held.end(cluster.alive[0]!);
    assert.equal(lossesOf(run), 0, 'handed back is not lost');
    await cluster.ready();
    await cluster.check();
  });

  await step('SIGTERM to the leader of two, then to the last one, in the middle of a run', async () => {
    const runId = await cluster.submit(cluster.alive[0]!, layers(cluster.ledger, 4, 8, 0.1));
    await cluster.middle(runId);
    const leader = await cluster.leader();
    leader.kill('SIGTERM');
    await ended(leader);
    const [last] = cluster.alive;
    await cluster.ready();
    assert.equal((await last!.status()).leader, last!.name, 'the last one leads itself');
    assert.equal(lossesOf(await cluster.final(runId)), 0);
    await cluster.check();
    const open = await cluster.submit(last!, layers(cluster.ledger, 4, 4, 0.1));
    await cluster.middle(open);
    last!.kill('SIGTERM');
    await ended(last!);
    // It kept the log: started again, it knows the run and ends it.
    await cluster.launch(last!.name);
    assert.equal(lossesOf(await cluster.final(open)), 0);
    await cluster.check();
  });
});
