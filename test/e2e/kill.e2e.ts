/** Nodes of three that die in the middle of a run. Each case starts with three voters and ends with a full count. */
import assert from 'node:assert/strict';
import { layers } from './support/pipelines.ts';
import { scenario } from './support/scenario.ts';
import type { TestNode } from './support/test-node.ts';

scenario('kill -9 in the middle of a run', { size: 3 }, async (cluster, step) => {
  const inTheMiddle = async (choose: (leader: TestNode, others: readonly TestNode[]) => readonly TestNode[]): Promise<{ runId: string; killed: readonly TestNode[] }> => {
    const leader = await cluster.leader();
    const others = cluster.others(leader);
    const killed = choose(leader, others);
    const contact = cluster.others(...killed)[0]!;
    const runId = await cluster.submit(contact, layers(cluster.ledger, 6, 6, 0.1));
    await cluster.middle(runId, contact);
    await cluster.kill(...killed);
    return { runId, killed };
  };

  await step('of a worker: its modules go to others', async () => {
    const { runId, killed } = await inTheMiddle((_leader, others) => others.slice(0, 1));
    const run = await cluster.final(runId);
    assert.ok(run.moduleList.some((module) => module.losses > 0), 'it held modules when it was killed');
    await cluster.check();
    for (const node of killed) await cluster.launch(node.name);
    await cluster.ready();
  });

  await step('of the leader: another one leads on', async () => {
    const { runId, killed } = await inTheMiddle((leader) => [leader]);
    await cluster.final(runId);
    assert.notEqual((await cluster.leader()).name, killed[0]!.name);
    await cluster.check();
    for (const node of killed) await cluster.launch(node.name);
    await cluster.ready();
  });

  await step('of leader and worker: the third waits for one of them and loses nothing', async () => {
    const { runId, killed } = await inTheMiddle((leader, others) => [leader, others[0]!]);
    const [alone] = cluster.alive;
    assert.notEqual((await alone!.status()).node.phase, 'seeking');
    await cluster.launch(killed[1]!.name);
    const run = await cluster.final(runId);
    assert.equal(run.phase, 'succeeded');
    await cluster.launch(killed[0]!.name);
    await cluster.ready();
    await cluster.check();
  });
});
