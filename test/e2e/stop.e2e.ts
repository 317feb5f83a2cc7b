/** Processes that stand still (SIGSTOP), and modules that must never run twice at the same time. */
import assert from 'node:assert/strict';
import type { Cluster } from './support/cluster.ts';
import { overlaps, readLedger } from './support/ledger.ts';
import { layers, ticking, type Work } from './support/pipelines.ts';
import { scenario } from './support/scenario.ts';
import type { TestNode } from './support/test-node.ts';
import { until } from './support/until.ts';

/** One long effectful module for each slot, so that every node holds one when its leader goes. */
function effectful(cluster: Cluster, count: number): Work {
  const modules = Object.fromEntries(Array.from({ length: count }, (_, index) => [`touch${index}`, { run: ticking(2), effectful: true }]));
  return { ledger: cluster.ledger, name: 'effectful', modules };
}

/** Submits, and waits until the leader itself executes one of the modules. */
async function leaderAtWork(cluster: Cluster): Promise<{ leader: TestNode; runId: string }> {
  const leader = await cluster.leader();
  const runId = await cluster.submit(cluster.others(leader)[0]!, effectful(cluster, 6));
  await until('the leader executes an effectful module', () => readLedger(cluster.ledger).some((execution) => execution.runId === runId && execution.node === leader.name));
  return { leader, runId };
}

scenario('a leader that is lost while effectful modules run', { size: 3 }, async (cluster, step) => {
  await step('SIGSTOP, then SIGCONT: it gives way, returns as a follower, and nothing ran twice at once', async () => {
    const { leader, runId } = await leaderAtWork(cluster);
    leader.kill('SIGSTOP');
    const others = cluster.others(leader);
    const next = await until('another leader', async () => {
      const found = await cluster.leader(others);
      return found.name === leader.name ? undefined : found;
    });
    const run = await cluster.final(runId, next);
    assert.ok(run.moduleList.some((module) => module.losses > 0), 'what the stopped node held was given to others');
    leader.kill('SIGCONT');
    await cluster.ready();
    assert.notEqual((await cluster.leader()).name, '');
    await cluster.check();
    assert.deepEqual(overlaps(readLedger(cluster.ledger)), []);
  });

  await step('SIGSTOP for a moment only: what it did meanwhile counts once', async () => {
    const leader = await cluster.leader();
    const contact = cluster.others(leader)[0]!;
    const runId = await cluster.submit(contact, layers(cluster.ledger, 6, 5, 0.1));
    for (let times = 0; times < 3; times += 1) {
      const leading = await cluster.leader();
      const { term } = await leading.status();
      leading.kill('SIGSTOP');
      const others = cluster.others(leading);
      await until('an election', async () => (await Promise.all(others.map((node) => node.status()))).some((status) => status.term > term));
      leading.kill('SIGCONT');
    }
    await cluster.final(runId, contact);
    await cluster.ready();
    await cluster.check();
  });

  await step('SIGKILL: nothing ran twice at once', async () => {
    const { leader, runId } = await leaderAtWork(cluster);
    await cluster.kill(leader);
    await cluster.final(runId);
    await cluster.check();
    assert.deepEqual(overlaps(readLedger(cluster.ledger)), []);
  });
});
