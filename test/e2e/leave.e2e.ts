/** Nodes that go in good order, and nodes that are given no more work. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeJson } from '../../src/io/http/views.ts';
import { runCli } from './support/cli.ts';
import { readLedger } from './support/ledger.ts';
import { layers, waitingFor, type Work } from './support/pipelines.ts';
import { markedProcesses } from './support/processes.ts';
import { scenario } from './support/scenario.ts';
import type { TestNode } from './support/test-node.ts';
import { until } from './support/until.ts';

/** Told to go, it ends with exit code 0 and leaves nothing behind. */
async function leaves(node: TestNode): Promise<void> {
  node.kill('SIGTERM');
  await until(`${node.name} ends`, () => node.ended !== undefined);
  assert.deepEqual(node.ended, { code: 0, signal: null });
  assert.deepEqual(markedProcesses(node.mark), [], 'nothing of it is left');
}

scenario('SIGTERM to each node in turn in the middle of a run', { size: 3 }, async (cluster) => {
  const runId = await cluster.submit(cluster.node('n2'), layers(cluster.ledger, 4, 10, 0.1));
  await cluster.middle(runId, cluster.node('n2'));
  await leaves(await cluster.leader());
  await cluster.ready();
  await leaves(await cluster.leader());
  const last = cluster.alive[0]!;
  await cluster.ready();
  assert.equal((await last.status()).leader, last.name, 'the last one leads itself');
  const run = await cluster.final(runId);
  assert.equal(run.moduleList.filter((module) => module.losses > 0).length, 0, 'no module was lost: each was finished where it ran');
  await cluster.check();
  // The last one keeps the log; started again, it still knows the run and takes the others back.
  await leaves(last);
  for (const name of ['n0', 'n1', 'n2']) await cluster.launch(name);
  await cluster.ready();
  await cluster.check();
});

scenario('SIGTERM while a module runs, drain', { size: 3 }, async (cluster, step) => {
  const go = join(cluster.root, 'go');
  const hold = (name: string): Work => ({ ledger: cluster.ledger, name, modules: { hold: { run: waitingFor(go) } } });
  const executing = async (runId: string): Promise<TestNode> => {
    const execution = await until('the module runs', () => readLedger(cluster.ledger).findLast((other) => other.runId === runId));
    return cluster.node(execution.node);
  };

  await step('once: it finishes what it executes', async () => {
    const runId = await cluster.submit(cluster.node('n0'), hold('finish'));
    const node = await executing(runId);
    node.kill('SIGTERM');
    await until('it says that it goes', () => node.event('node-draining'));
    // It executes nothing new while it waits for its module.
    const [contact] = cluster.others(node);
    const next = await cluster.submit(contact!, layers(cluster.ledger, 4, 1, 0.05));
    await cluster.final(next, contact);
    assert.ok(node.alive);
    assert.ok(readLedger(cluster.ledger).every((execution) => execution.runId !== next || execution.node !== node.name));
    writeFileSync(go, '');
    await until(`${node.name} ends`, () => node.ended !== undefined);
    assert.equal(node.ended?.code, 0);
    const run = await cluster.final(runId, contact);
    assert.equal(run.moduleList[0]!.losses, 0);
    await cluster.check();
    await cluster.launch(node.name);
    await cluster.ready();
  });

  await step('twice: it hands it back, and another node executes it', async () => {
    rmSync(go);
    const runId = await cluster.submit(cluster.node('n0'), hold('hand back'));
    const node = await executing(runId);
    node.kill('SIGTERM');
    await until('it says that it goes', () => node.event('node-draining'));
    node.kill('SIGTERM');
    await until(`${node.name} ends`, () => node.ended !== undefined);
    assert.deepEqual(markedProcesses(node.mark), []);
    await until('another one executes it', () => readLedger(cluster.ledger).some((execution) => execution.runId === runId && execution.node !== node.name));
    writeFileSync(go, '');
    await cluster.final(runId);
    await cluster.check();
    await cluster.launch(node.name);
    await cluster.ready();
  });

  await step('a drained node finishes and gets nothing new until it is undrained', async () => {
    const leader = await cluster.leader();
    const [drained, contact] = cluster.others(leader);
    const cli = await runCli(cluster, ['node', 'drain', drained!.name, '--data-dir', contact!.dataDir]);
    assert.equal(cli.code, 0, cli.stderr);
    const runId = await cluster.submit(contact!, layers(cluster.ledger, 6, 2, 0.05));
    await cluster.final(runId, contact);
    const names = (): string[] => readLedger(cluster.ledger).filter((execution) => execution.runId === runId).map((execution) => execution.node);
    assert.ok(!names().includes(drained!.name));
    const { nodes } = await contact!.get<{ nodes: NodeJson[] }>('/api/v1/nodes');
    assert.equal(nodes.find((node) => node.name === drained!.name)?.state, 'draining');
    const back = await runCli(cluster, ['node', 'undrain', drained!.name, '--data-dir', leader.dataDir]);
    assert.equal(back.code, 0, back.stderr);
    await until('it is given modules again', async () => {
      const again = await cluster.submit(contact!, layers(cluster.ledger, 6, 1, 0.05));
      await cluster.final(again, contact);
      return readLedger(cluster.ledger).some((execution) => execution.runId === again && execution.node === drained!.name);
    });
    await cluster.check();
  });
});
