/** Clients' requests at any node: the same one several times, through nodes without a log, across the loss of a leader. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { AcceptedJson, RunListJson, RunJson } from '../../src/io/http/views.ts';
import { layers, specOf } from './support/pipelines.ts';
import { scenario } from './support/scenario.ts';
import type { Answer, TestNode } from './support/test-node.ts';
import { until } from './support/until.ts';

scenario('the same Idempotency-Key', { size: 3 }, async (cluster, step) => {
  const spec = await specOf(layers(cluster.ledger, 3, 3, 0.05));
  const send = (node: TestNode, key: string): Promise<Answer> => node.ask('POST', '/api/v1/runs', { spec }, { 'idempotency-key': key });

  await step('at all nodes at once: one run', async () => {
    const key = randomUUID();
    const answers = await Promise.all([...cluster.alive, ...cluster.alive, ...cluster.alive].map((node) => send(node, key)));
    const accepted = answers.map(({ status, body }) => {
      assert.equal(status, 202, JSON.stringify(body));
      return body as AcceptedJson;
    });
    assert.equal(new Set(accepted.map(({ runId }) => runId)).size, 1);
    assert.equal(accepted.filter(({ duplicate }) => !duplicate).length, 1, 'one of the answers says that it was the first');
    cluster.accepted.set(accepted[0]!.runId, 'succeeded');
    await cluster.check();
  });

  await step('again and again while the leader is killed: one run', async () => {
    const key = randomUUID();
    const leader = await cluster.leader();
    const others = cluster.others(leader);
    const first = [leader, ...others].map((node) => send(node, key).catch(() => undefined));
    await cluster.kill(leader);
    const later = others.map((node) => until('an answer', async () => {
      const answer = await send(node, key);
      return answer.status === 202 ? answer : undefined;
    }));
    const answers = (await Promise.all([...first, ...later])).filter((answer) => answer?.status === 202);
    assert.ok(answers.length >= others.length);
    const runIds = new Set(answers.map((answer) => (answer!.body as AcceptedJson).runId));
    assert.equal(runIds.size, 1);
    for (const runId of runIds) cluster.accepted.set(runId, 'succeeded');
    await cluster.check();
    const { runs } = await others[0]!.get<RunListJson>('/api/v1/runs?consistency=strong');
    assert.equal(runs.length, cluster.accepted.size, 'no run that nobody knows of');
  });
});

scenario('a node without a log (--no-vote) answers for any run', { size: 3 }, async (cluster) => {
  const worker = await cluster.launch('n3', { args: ['--no-vote', '--label', 'extra'] });
  await cluster.ready(cluster.alive, 3);
  assert.equal((await worker.status()).node.phase, 'worker');
  const runId = await cluster.submit(worker, layers(cluster.ledger, 4, 4, 0.1));
  const events = stream(worker, runId);
  await cluster.middle(runId, worker);
  // Its source of everything, the leader, goes.
  const leader = await cluster.leader();
  await cluster.kill(leader);
  await cluster.final(runId, worker);
  const { runs } = await worker.get<RunListJson>('/api/v1/runs');
  assert.deepEqual(runs.map((run) => run.runId), [runId]);
  const told = await events;
  assert.equal(told.final?.runId, runId);
  const succeeded = told.modules.filter(({ phase }) => phase === 'succeeded').map(({ module }) => module);
  assert.equal(new Set(succeeded).size, 16, 'every module ended in the stream');
  assert.equal(succeeded.length, 16, 'and each once');
  await cluster.check();
});

interface Told {
  readonly modules: { readonly module: string; readonly phase: string }[];
  final: RunJson | undefined;
}

/** Reads the event stream of a run to its end. */
async function stream(node: TestNode, runId: string): Promise<Told> {
  const { body } = await node.ask('GET', `/api/v1/runs/${runId}/events`);
  const told: Told = { modules: [], final: undefined };
  for (const block of String(body).split('\n\n')) {
    const event = /^event: (.*)$/m.exec(block)?.[1];
    const data = /^data: (.*)$/m.exec(block)?.[1];
    if (data === undefined) continue;
    if (event === 'final') told.final = JSON.parse(data) as RunJson;
    else if (event === 'module') told.modules.push(JSON.parse(data) as Told['modules'][number]);
  }
  return told;
}
