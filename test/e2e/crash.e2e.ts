/**
 * Nodes that are killed, or stand still, in the middle of a run. One cluster goes through it all; after each step every
 * accepted run has ended and the full count is right (support/evidence.ts).
 */
import assert from 'node:assert/strict';
import { withClients } from './support/clients.ts';
import type { Cluster } from './support/cluster.ts';
import { HeldRun, lossesOf } from './support/held-run.ts';
import { overlaps, readLedger } from './support/ledger.ts';
import { layers, ticking, type Work } from './support/pipelines.ts';
import { scenario } from './support/scenario.ts';
import type { TestNode } from './support/test-node.ts';
import { until } from './support/until.ts';

type Choose = (leader: TestNode, others: readonly TestNode[]) => readonly TestNode[];

/** Kills whom `choose` names in the middle of a run that was submitted through a node that stays. All held modules. */
async function killInTheMiddle(cluster: Cluster, choose: Choose): Promise<{ run: HeldRun; killed: readonly TestNode[]; contact: TestNode }> {
  const leader = await cluster.leader();
  const killed = choose(leader, cluster.others(leader));
  const [contact] = cluster.others(...killed);
  const run = await HeldRun.begin(cluster, contact!);
  await cluster.kill(...killed);
  run.open();
  return { run, killed, contact: contact! };
}

scenario('five nodes', { size: 5 }, async (cluster, step) => {
  await step('the leader and a worker are killed at once: the others go on without them', async () => {
    const { run, contact } = await killInTheMiddle(cluster, (leader, others) => [leader, others[0]!]);
    assert.ok(lossesOf(await run.end(contact)) > 0, 'what they held was executed by others');
    await cluster.check();
    await cluster.ready(cluster.alive, 3);
  });

  await step('a worker is killed: its modules go to others', async () => {
    const { run, killed, contact } = await killInTheMiddle(cluster, (_leader, others) => [others[0]!]);
    assert.ok(lossesOf(await run.end(contact)) > 0);
    await cluster.launch(killed[0]!.name);
    await cluster.check();
    await cluster.ready();
  });

  await step('leader and worker of three are killed: the third waits for one of them and loses nothing', async () => {
    const { run, killed, contact } = await killInTheMiddle(cluster, (leader, others) => [leader, others[0]!]);
    await cluster.launch(killed[1]!.name);
    assert.ok(lossesOf(await run.end(contact)) > 0);
    await cluster.launch(killed[0]!.name);
    await cluster.ready();
    await cluster.check();
  });

  await step('all are killed and started again from their disks: it goes on as soon as two of three are there', async () => {
    const [a, b, c] = cluster.alive;
    const first = await cluster.submit(a!, layers(cluster.ledger, 6, 5, 0.1));
    const before = await cluster.middle(first, a);
    const { cellId } = await a!.status();
    // Answered in the last moment: an accepted run survives although nothing of it was begun.
    const second = await cluster.submit(a!, layers(cluster.ledger, 3, 2, 0.05));
    await cluster.kill(...cluster.alive);
    for (const node of [c!, a!]) await cluster.launch(node.name);
    const after = await cluster.final(first);
    await cluster.final(second);
    await cluster.launch(b!.name);
    assert.equal((await cluster.ready()).cellId, cellId, 'the same cell');
    await cluster.check();
    const executions = readLedger(cluster.ledger).filter((execution) => execution.runId === first);
    for (const module of before.moduleList.filter(({ phase }) => phase === 'succeeded')) {
      assert.equal(after.moduleList.find(({ name }) => name === module.name)?.fence, module.fence, `the result of ${module.name} is still the same`);
      assert.equal(executions.filter((execution) => execution.module === module.name).length, 1, 'it was not executed again');
    }
  });

  await step('clients ask on while a leader is killed and the next one stopped for seconds: what they were told is linearizable', async () => {
    const { operations, runs } = await withClients(cluster, async () => {
      const killed = await cluster.leader();
      await cluster.kill(killed);
      await cluster.leader();
      await cluster.launch(killed.name);
      await cluster.ready();
      const stopped = await cluster.leader();
      stopped.kill('SIGSTOP');
      const others = cluster.others(stopped);
      await until('another leader', async () => (await cluster.leader(others)).name !== stopped.name);
      stopped.kill('SIGCONT');
      await cluster.ready();
    });
    assert.ok(operations > 50 && runs > 5, `${operations} operations on ${runs} runs`);
    await cluster.check();
  });
});

/** Long effectful modules, so many that every node holds one when its leader goes. */
function effectful({ ledger }: Cluster): Work {
  const modules = Object.fromEntries(Array.from({ length: 6 }, (_, index) => [`touch${index}`, { run: ticking(1.5), effectful: true }]));
  return { ledger, name: 'effectful', modules };
}

/** Submits, and waits until the leader itself executes one of the modules. */
async function leaderAtWork(cluster: Cluster): Promise<{ leader: TestNode; runId: string }> {
  const leader = await cluster.leader();
  const runId = await cluster.submit(cluster.others(leader)[0]!, effectful(cluster));
  await until('the leader executes an effectful module', () => readLedger(cluster.ledger).some((execution) => execution.runId === runId && execution.node === leader.name));
  return { leader, runId };
}

scenario('a leader that executes effectful modules', { size: 3 }, async (cluster, step) => {
  await step('is stopped and goes on later: it gives way, returns as a follower, and nothing ran twice at once', async () => {
    const { leader, runId } = await leaderAtWork(cluster);
    leader.kill('SIGSTOP');
    const others = cluster.others(leader);
    const next = await until('another leader', async () => {
      const found = await cluster.leader(others);
      return found.name === leader.name ? undefined : found;
    });
    const run = await cluster.final(runId, next);
    assert.ok(lossesOf(run) > 0, 'what the stopped node held was given to others');
    leader.kill('SIGCONT');
    await cluster.ready();
    await cluster.check();
    assert.deepEqual(overlaps(readLedger(cluster.ledger)), []);
  });

  await step('is stopped for a moment, three times: what it did meanwhile counts once', async () => {
    const contact = cluster.alive[0]!;
    const runId = await cluster.submit(contact, layers(cluster.ledger, 6, 5, 0.1));
    for (let times = 0; times < 3; times += 1) {
      const leader = await cluster.leader();
      const { term } = await leader.status();
      leader.kill('SIGSTOP');
      const others = cluster.others(leader);
      await until('an election', async () => (await Promise.all(others.map((node) => node.status()))).some((status) => status.term > term));
      leader.kill('SIGCONT');
    }
    await cluster.final(runId, contact);
    await cluster.ready();
    await cluster.check();
  });

  await step('is killed: another one leads on, and nothing ran twice at once', async () => {
    const { leader, runId } = await leaderAtWork(cluster);
    await cluster.kill(leader);
    assert.ok(lossesOf(await cluster.final(runId)) > 0);
    assert.notEqual((await cluster.leader()).name, leader.name);
    await cluster.check();
    assert.deepEqual(overlaps(readLedger(cluster.ledger)), []);
  });
});
