/** Clients at any node: the same request several times, a node without a log, the terminal, and the leader killed under all of them. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AcceptedJson, RunJson, RunListJson } from '../../src/io/http/views.ts';
import { Cli, runCli } from './support/cli.ts';
import type { Cluster } from './support/cluster.ts';
import { readStream } from './support/event-stream.ts';
import { layers, specOf, waitingFor, type Work } from './support/pipelines.ts';
import { scenario } from './support/scenario.ts';
import type { Answer, TestNode } from './support/test-node.ts';
import { until } from './support/until.ts';

/** Submits the same thing under one key at each of the nodes. */
async function submitAtAll(cluster: Cluster, nodes: readonly TestNode[], key: string): Promise<Promise<Answer | undefined>[]> {
  const spec = await specOf(layers(cluster.ledger, 2, 2, 0.05));
  return nodes.map((node) => node.ask('POST', '/api/v1/runs', { spec }, { 'idempotency-key': key }).catch(() => undefined));
}

/** @returns the one run that all positive answers name. */
function oneRun(cluster: Cluster, answers: readonly (Answer | undefined)[]): AcceptedJson[] {
  const accepted = answers.filter((answer) => answer?.status === 202).map((answer) => answer!.body as AcceptedJson);
  assert.equal(new Set(accepted.map(({ runId }) => runId)).size, 1, JSON.stringify(answers));
  cluster.accepted.set(accepted[0]!.runId, 'succeeded');
  return accepted;
}

/** A pipeline file as a user has it; `bad` ends with a module that fails. */
function write(cluster: Cluster, name: string, work: Work, bad = false): string {
  const file = join(cluster.root, `${name}.yaml`);
  const modules = bad ? { ...work.modules, bad: { run: 'echo no luck; exit 3', needs: Object.keys(work.modules).slice(-1) } } : work.modules;
  writeFileSync(file, JSON.stringify({ name, env: { LEDGER: work.ledger }, modules }));
  return file;
}

async function runNamed(node: TestNode, name: string): Promise<RunJson> {
  const { runs } = await node.get<RunListJson>('/api/v1/runs?consistency=strong');
  const found = runs.find((run) => run.name === name);
  assert.ok(found !== undefined, `no run ${name}`);
  return node.get<RunJson>(`/api/v1/runs/${found.runId}`);
}

scenario('clients', { size: 3 }, async (cluster, step) => {
  const worker = await cluster.launch('n3', { args: ['--no-vote'] });
  await cluster.ready(cluster.alive, 3);

  await step('one Idempotency-Key at all nodes at once: one run', async () => {
    assert.equal((await worker.status()).node.phase, 'worker');
    const nodes = [...cluster.alive, ...cluster.alive, ...cluster.alive];
    const accepted = oneRun(cluster, await Promise.all(await submitAtAll(cluster, nodes, randomUUID())));
    assert.equal(accepted.length, nodes.length);
    // None does when the leader that wrote it was not the one that answered.
    assert.ok(accepted.filter(({ duplicate }) => !duplicate).length <= 1, 'at most one of the answers says that it was the first');
    await cluster.check();
  });

  await step('Ctrl-C at `run` detaches: exit code 130, the run goes on, and the command to watch it is told', async () => {
    const gate = join(cluster.root, 'gate');
    const cli = new Cli(cluster, ['run', write(cluster, 'detached', { ledger: cluster.ledger, modules: { hold: { run: waitingFor(gate) } } })]);
    const { runId } = await until('the module runs', async () => {
      const run = await runNamed(worker, 'detached');
      return run.modules.claimed > 0 && cli.stdout.includes('hold') ? run : undefined;
    });
    cli.kill('SIGINT');
    assert.deepEqual(await cli.exited, { code: 130, signal: null }, cli.stderr);
    const watch = /skein (runs watch \S+)/.exec(cli.stderr)?.[1];
    assert.ok(watch !== undefined, cli.stderr);
    assert.equal((await runNamed(worker, 'detached')).phase, 'running');
    const watcher = new Cli(cluster, watch.split(' '));
    writeFileSync(gate, '');
    assert.deepEqual(await watcher.exited, { code: 0, signal: null }, watcher.stderr);
    cluster.accepted.set(runId, 'succeeded');
    await cluster.check();
    // Told by the node without a log.
    const waited = await runCli(cluster, ['runs', 'wait', runId, '-o', 'json', '--data-dir', worker.dataDir]);
    assert.equal(waited.code, 0, waited.stderr);
    assert.equal((JSON.parse(waited.stdout) as RunJson).phase, 'succeeded');
  });

  await step('the node that they talk to is killed: `run` goes on at another one and ends with the right exit code', async () => {
    const clis = [true, false].map((bad) => new Cli(cluster, ['run', write(cluster, bad ? 'ends-badly' : 'ends-well', layers(cluster.ledger, 4, 5, 0.1), bad)]));
    for (const [name, phase] of [['ends-badly', 'failed'], ['ends-well', 'succeeded']] as const) {
      const { runId } = await until('modules have ended', async () => {
        const run = await runNamed(worker, name);
        return run.modules.succeeded > 0 ? run : undefined;
      });
      cluster.accepted.set(runId, phase);
    }
    // Of all local nodes the CLI asks the one of the first slot first.
    await cluster.kill(cluster.node('n0'));
    const endings = await Promise.all(clis.map((cli) => cli.exited));
    assert.deepEqual(endings.map(({ code }) => code), [1, 0], clis.map((cli) => cli.stdout + cli.stderr).join('\n'));
    for (const cli of clis) for (const name of Object.keys(layers('', 4, 5, 0).modules)) assert.ok(cli.stdout.includes(name), `${name} was shown`);
    await cluster.launch('n0');
    await cluster.check();
    await cluster.ready(cluster.alive, 3);
  });

  await step('the leader is killed: a stream from a node without a log goes on, one key is still one run', async () => {
    const leader = await cluster.leader();
    const others = cluster.others(leader);
    const runId = await cluster.submit(worker, layers(cluster.ledger, 4, 4, 0.1));
    const stream = readStream(worker, runId);
    await cluster.middle(runId, worker);
    const key = randomUUID();
    const first = await submitAtAll(cluster, [leader, ...others], key);
    await cluster.kill(leader);
    const later = await submitAtAll(cluster, others, key);
    const accepted = oneRun(cluster, await Promise.all([...first, ...later]));
    assert.ok(accepted.length >= 2 * others.length);
    await cluster.final(runId, worker);
    const told = await stream;
    assert.equal(told.final?.runId, runId);
    const succeeded = told.modules.filter(({ phase }) => phase === 'succeeded').map(({ module }) => module);
    assert.deepEqual(succeeded.toSorted(), Object.keys(layers('', 4, 4, 0).modules).toSorted(), 'the stream tells the end of every module, once');
    await cluster.check();
    const { runs } = await worker.get<RunListJson>('/api/v1/runs');
    assert.deepEqual(runs.map((run) => run.runId).toSorted(), [...cluster.accepted.keys()].toSorted(), 'no run that nobody knows of');
  });
});
