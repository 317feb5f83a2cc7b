/** All nodes die at once in the middle of a run and are started again on the same data directories. */
import assert from 'node:assert/strict';
import type { RunJson } from '../../src/io/http/views.ts';
import { readLedger } from './support/ledger.ts';
import { layers } from './support/pipelines.ts';
import { scenario } from './support/scenario.ts';

scenario('kill -9 of the whole cluster in the middle of a run', { size: 3 }, async (cluster, step) => {
  await step('started again together, it goes on where its disks say', async () => {
    const contact = cluster.node('n1');
    const first = await cluster.submit(contact, layers(cluster.ledger, 6, 5, 0.1));
    const before = await cluster.middle(first, contact);
    // Answered in the last moment: an accepted run survives although nothing of it was begun.
    const second = await cluster.submit(contact, layers(cluster.ledger, 3, 2, 0.05));
    const { cellId } = await contact.status();
    await cluster.kill(...cluster.alive);
    for (const name of ['n2', 'n0', 'n1']) await cluster.launch(name);
    const status = await cluster.ready();
    assert.equal(status.cellId, cellId, 'the same cell');
    const after = await cluster.final(first);
    await cluster.final(second);
    await cluster.check();
    keptResults(before, after);
  });

  await step('started again one after the other, it goes on as soon as two are there', async () => {
    const contact = cluster.node('n2');
    const runId = await cluster.submit(contact, layers(cluster.ledger, 4, 4, 0.1));
    await cluster.middle(runId, contact);
    await cluster.kill(...cluster.alive);
    await cluster.launch('n1');
    await cluster.launch('n2');
    await cluster.final(runId);
    await cluster.launch('n0');
    await cluster.ready();
    await cluster.check();
  });

  /** What was recorded before the crash was not executed again. */
  function keptResults(before: RunJson, after: RunJson): void {
    const executions = readLedger(cluster.ledger);
    for (const module of before.moduleList.filter(({ phase }) => phase === 'succeeded')) {
      assert.equal(after.moduleList.find(({ name }) => name === module.name)?.fence, module.fence, `the result of ${module.name} is still the same`);
      assert.equal(executions.filter((execution) => execution.runId === before.runId && execution.module === module.name).length, 1);
    }
  }
});
