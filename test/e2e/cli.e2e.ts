/** `run` at the terminal: the node it talks to dies, Ctrl-C, exit codes. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunJson, RunListJson } from '../../src/io/http/views.ts';
import { Cli, runCli } from './support/cli.ts';
import { readLedger } from './support/ledger.ts';
import { layers, waitingFor, type Work } from './support/pipelines.ts';
import { scenario } from './support/scenario.ts';
import { until } from './support/until.ts';

scenario('run FILE', { size: 3 }, async (cluster, step) => {
  const write = (name: string, work: Work, fail = false): string => {
    const file = join(cluster.root, `${name}.yaml`);
    const modules = fail ? { ...work.modules, bad: { run: 'echo no luck; exit 3', needs: Object.keys(work.modules).slice(-1) } } : work.modules;
    writeFileSync(file, JSON.stringify({ name, env: { LEDGER: work.ledger }, modules }));
    return file;
  };
  const runNamed = async (name: string): Promise<RunJson> => {
    const node = cluster.alive[0]!;
    const { runs } = await node.get<RunListJson>('/api/v1/runs?consistency=strong');
    const found = runs.find((run) => run.name === name);
    assert.ok(found !== undefined, `no run ${name}`);
    return node.get<RunJson>(`/api/v1/runs/${found.runId}`);
  };

  for (const [name, fail, code] of [['ends-well', false, 0], ['ends-badly', true, 1]] as const) {
    await step(`the node that it follows through is killed: it goes on at another one, exit code ${code}`, async () => {
      const cli = new Cli(cluster, ['run', write(name, layers(cluster.ledger, 5, 5, 0.1), fail)]);
      await until('modules have ended', () => readLedger(cluster.ledger).filter((execution) => execution.ended).length >= 5);
      const { runId } = await until('the run', () => runNamed(name));
      cluster.accepted.set(runId, fail ? 'failed' : 'succeeded');
      // The local node of the first slot is asked first.
      const contact = cluster.node('n0');
      await cluster.kill(contact);
      assert.deepEqual(await cli.exited, { code, signal: null }, cli.stdout + cli.stderr);
      const run = await runNamed(name);
      for (const module of run.moduleList) assert.ok(cli.stdout.includes(module.name), `${module.name} was shown`);
      await cluster.check();
      await cluster.launch('n0');
      await cluster.ready();
    });
  }

  await step('Ctrl-C detaches: exit code 130, the run goes on, and the command to watch it is told', async () => {
    const go = join(cluster.root, 'go');
    const cli = new Cli(cluster, ['run', write('detached', { ledger: cluster.ledger, modules: { hold: { run: waitingFor(go) } } })]);
    const { runId } = await until('the module runs', async () => {
      const run = await runNamed('detached');
      return run.modules.claimed > 0 && cli.stdout.includes('hold') ? run : undefined;
    });
    cli.kill('SIGINT');
    assert.deepEqual(await cli.exited, { code: 130, signal: null }, cli.stderr);
    const watch = /skein (runs watch \S+)/.exec(cli.stderr)?.[1];
    assert.ok(watch !== undefined, cli.stderr);
    assert.equal((await runNamed('detached')).phase, 'running');
    const watcher = new Cli(cluster, watch.split(' '));
    writeFileSync(go, '');
    assert.deepEqual(await watcher.exited, { code: 0, signal: null }, watcher.stderr);
    cluster.accepted.set(runId, 'succeeded');
    await cluster.check();
    const waited = await runCli(cluster, ['runs', 'wait', runId, '-o', 'json']);
    assert.equal(waited.code, 0);
    assert.equal((JSON.parse(waited.stdout) as RunJson).phase, 'succeeded');
  });
});
