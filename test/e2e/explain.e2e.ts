/** "Why is it not running?" asked at every node of a real cluster, in each of the ways in which a module can be kept; and that it runs once that is mended. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModuleExplanationJson, QueueJson } from '../../src/io/http/queue-views.ts';
import type { RunJson } from '../../src/io/http/views.ts';
import { runCli } from './support/cli.ts';
import type { Cluster } from './support/cluster.ts';
import { NOTE, readLedger } from './support/ledger.ts';
import { waitingFor, working } from './support/pipelines.ts';
import { scenario } from './support/scenario.ts';
import { until } from './support/until.ts';

/** What all living nodes say of a module: they come to agree. On a busy machine one may hear no leader for a moment, or a node does not answer. */
async function explained(cluster: Cluster, runId: string, module: string, summary: RegExp): Promise<ModuleExplanationJson> {
  const path = `/api/v1/runs/${runId}/modules/${module}/explain`;
  const answers = await Promise.all(
    cluster.alive.map((node) =>
      until(`${node.name} says ${String(summary)} of ${module}`, async () => {
        const answer = await node.get<ModuleExplanationJson>(path);
        return summary.test(answer.summary) ? answer : undefined;
      }),
    ),
  );
  return answers[0]!;
}

async function said(cluster: Cluster, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(cluster, args);
  assert.equal(code, 0, stderr);
  return stdout;
}

scenario('explain', { size: 3 }, async (cluster, step) => {
  const at = (name: string): string => join(cluster.root, name);
  const submit = (name: string, modules: Parameters<Cluster['submit']>[1]['modules']): Promise<string> => cluster.submit(cluster.alive[0]!, { ledger: cluster.ledger, name, modules });
  const gpu = { requires: { labels: ['gpu'] } };

  await step('a label that no node has, until a node comes that has it', async () => {
    const runId = await submit('labels', { render: { run: working(0.05), ...gpu }, publish: { run: working(0.05), needs: ['render'] } });
    const { summary, nodes } = await explained(cluster, runId, 'render', /^needs label gpu: no node has it \(nearest: n0 lacks label gpu\)$/);
    assert.deepEqual(nodes.map(({ node, verdict, text }) => [node, verdict, text]), ['n0', 'n1', 'n2'].map((name) => [name, 'unfit', 'lacks label gpu']));
    await explained(cluster, runId, 'publish', /^waits for render \(ready\)$/);
    // A node that hears no leader at this very moment says so first; that passes.
    await until('the command line says the same', async () => (await said(cluster, 'module', 'explain', runId, 'render')) === `render (ready): ${summary}\n  n0: lacks label gpu\n  n1: lacks label gpu\n  n2: lacks label gpu\n`);
    await until('the view of the run says so', async () => /^why render is not running: needs label gpu: no node has it/m.test(await said(cluster, 'runs', 'view', runId)));
    await cluster.launch('n3', { args: ['--no-vote', '--label', 'gpu'] });
    await cluster.final(runId);
  });

  await step('the only node that fits is drained', async () => {
    await said(cluster, 'node', 'drain', 'n3');
    const runId = await submit('drained', { render: { run: working(0.05), ...gpu } });
    const { nodes } = await explained(cluster, runId, 'render', /^the only node for it, n3, is drained$/);
    assert.deepEqual(nodes.map(({ node, verdict }) => [node, verdict]), [['n0', 'unfit'], ['n1', 'unfit'], ['n2', 'unfit'], ['n3', 'drained']]);
    await said(cluster, 'node', 'undrain', 'n3');
    await cluster.final(runId);
  });

  await step('a mutex that another run holds', async () => {
    const holder = await submit('holder', { hold: { run: waitingFor(at('mutex')), mutex: 'nas' } });
    const { shortId } = await cluster.run(holder, 'holds it', (run) => run.modules.claimed === 1);
    const runId = await submit('waiter', { copy: { run: working(0.05), mutex: ['tape', 'nas'] } });
    const { nodes } = await explained(cluster, runId, 'copy', new RegExp(`^mutex nas is held by run ${shortId}/hold on n\\d for \\d+ s$`));
    assert.equal(nodes.length, 4);
    const { limits, modules } = JSON.parse(await said(cluster, 'queue', '-o', 'json')) as QueueJson;
    assert.deepEqual([limits.map(({ key, held, max }) => [key, held, max]), modules], [[['nas', 1, 1]], { waiting: 0, ready: 1, claimed: 1 }]);
    writeFileSync(at('mutex'), '');
    await cluster.final(runId);
    const [hold, copy] = ['hold', 'copy'].map((name) => readLedger(cluster.ledger).filter(({ module }) => module === name));
    // On a busy machine the holder may have been lost and executed again.
    for (const { lastNs } of hold!) assert.ok(copy![0]!.beganNs >= lastNs, 'they never overlap');
  });

  await step('all nodes are full, and the run is at its max-parallel', async () => {
    const slots = cluster.alive.length * cluster.slots;
    const holder = await submit('full', Object.fromEntries(Array.from({ length: slots }, (_, i) => [`hold${i}`, { run: waitingFor(at('full')) }])));
    await cluster.run(holder, 'fills all nodes', (run) => run.modules.claimed === slots);
    const runId = await submit('late', { late: { run: working(0.05) } });
    const { nodes } = await explained(cluster, runId, 'late', /^all 4 nodes are full$/);
    assert.deepEqual(new Set(nodes.map(({ verdict, text }) => `${verdict} ${text}`)), new Set(['full full (2 of 2 cpu in use; needs 1)']));
    writeFileSync(at('full'), '');
    await cluster.final(runId);
    const file = at('narrow.json');
    writeFileSync(file, JSON.stringify({ name: 'narrow', env: { LEDGER: cluster.ledger }, modules: { a: { run: waitingFor(at('narrow')) }, b: { run: waitingFor(at('narrow')) } } }));
    const narrow = (await said(cluster, 'run', '-d', '--max-parallel', '1', '-o', 'name', file)).trim();
    cluster.accepted.set(narrow, 'succeeded');
    const run = await cluster.run(narrow, 'executes one', (one) => one.modules.claimed === 1);
    const waits = run.moduleList.find(({ phase }) => phase === 'ready')!.name;
    await explained(cluster, narrow, waits, /^the run is at its max-parallel of 1$/);
    writeFileSync(at('narrow'), '');
    await cluster.final(narrow);
  });

  await step('the queue is paused, through a node without a log, and stays so without its leader', async () => {
    const worker = cluster.node('n3');
    assert.match(await said(cluster, 'queue', 'pause', '--reason', 'maintenance', '--data-dir', worker.dataDir), /^the queue is paused: /);
    const runId = await submit('paused', { one: { run: working(0.05) } });
    await explained(cluster, runId, 'one', /^the queue has been paused for \d+ s \(maintenance\)$/);
    await cluster.kill(await cluster.leader());
    await cluster.leader();
    await explained(cluster, runId, 'one', /^the queue has been paused for \d+ s \(maintenance\)$/);
    assert.match(await said(cluster, 'status', '--data-dir', cluster.others(worker)[0]!.dataDir), /^Queue: +paused for .*\(maintenance\)$/m);
    assert.equal((await worker.get<RunJson>(`/api/v1/runs/${runId}`)).modules.ready, 1);
    assert.equal(await said(cluster, 'queue', 'resume'), 'the queue goes on\n');
    await cluster.final(runId);
  });

  await step('a straggler gets a second copy, which wins', async () => {
    // The first execution takes the lock and hangs.
    const run = `${NOTE}; note begin; if mkdir '${at('lock')}'; then sleep 600; fi; until [ -e '${at('straggler')}' ]; do sleep 0.02; done; note end`;
    const runId = await submit('straggler', { slow: { run, duration: '200ms', hedge: true } });
    const { copy } = (await cluster.run(runId, 'has two copies', (one) => one.moduleList[0]!.copy !== null)).moduleList[0]!;
    const { nodes } = await explained(cluster, runId, 'slow', new RegExp(`^runs on n\\d for \\d+ s and, as a second copy, on ${copy!.node} for \\d+ s$`));
    assert.deepEqual(nodes.map(({ verdict }) => verdict), ['executes', 'executes']);
    writeFileSync(at('straggler'), '');
    const { moduleList } = await cluster.final(runId);
    assert.deepEqual([moduleList[0]!.node, moduleList[0]!.fence, moduleList[0]!.attempt], [copy!.node, copy!.fence, 1]);
  });

  await step('a run is paused and resumed through two nodes', async () => {
    const runId = await submit('halting', { one: { run: waitingFor(at('halting')) }, two: { run: working(0.05), needs: ['one'] } });
    await cluster.run(runId, 'runs', (run) => run.modules.claimed === 1);
    const [first, second] = cluster.alive;
    await said(cluster, 'runs', 'pause', runId, '--reason', 'look first', '--data-dir', first!.dataDir);
    writeFileSync(at('halting'), '');
    await cluster.run(runId, 'keeps what it began', (run) => run.modules.succeeded === 1 && run.phase === 'paused');
    await explained(cluster, runId, 'two', /^the run has been paused for \d+ s \(look first\)$/);
    assert.match(await said(cluster, 'runs', 'resume', runId, '--data-dir', second!.dataDir), /goes on\n$/);
    await cluster.check();
  });
});
