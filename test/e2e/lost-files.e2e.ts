/** Files whose holders die: what is lost and needed is made again, what a run gives outlives its maker. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCli } from './support/cli.ts';
import type { Cluster } from './support/cluster.ts';
import { scenario } from './support/scenario.ts';
import type { TestNode } from './support/test-node.ts';
import { until } from './support/until.ts';

/** The files are looked for, their nodes waited for. */
const MADE_AGAIN_MS = 90_000;

async function begin(cluster: Cluster, node: TestNode, name: string, modules: Record<string, unknown>): Promise<string> {
  const file = join(cluster.root, `${name}.yaml`);
  writeFileSync(file, JSON.stringify({ name, modules }));
  const cli = await runCli(cluster, ['run', file, '-d', '--data-dir', node.dataDir]);
  assert.equal(cli.code, 0, cli.stderr);
  return cli.stdout.trim();
}

async function download(cluster: Cluster, node: TestNode, run: string): Promise<string> {
  const out = join(cluster.root, `out-${run}`);
  const cli = await runCli(cluster, ['runs', 'download', run, '--data-dir', node.dataDir, '--out', out]);
  assert.equal(cli.code, 0, cli.stderr);
  return out;
}

scenario('lost files', { size: 3, slots: 2 }, async (cluster, step) => {
  await step('the only nodes that have a file are killed and lose it: its module runs again, and the end is right', async () => {
    const gate = join(cluster.root, 'gate');
    const split = { run: 'mkdir parts; for i in 1 2 3; do head -c 300000 /dev/zero | tr "\\0" $i > parts/$i; done', outputs: { parts: 'parts/*' } };
    const hold = { needs: ['split'], run: `while [ ! -e ${gate} ]; do sleep 0.1; done` };
    const join_ = { needs: ['split', 'hold'], inputs: { PARTS: '${{ needs.split.outputs.parts }}' }, run: 'cat "$PARTS"/parts/* | tr 123 abc > whole', outputs: { whole: 'whole' } };
    const leader = await cluster.leader();
    const runId = await begin(cluster, leader, 'lost', { split, hold, join: join_ });
    const made = await cluster.run(runId, 'two nodes have what split left', (run) => run.moduleList[0]?.holders.length === 2, leader);
    const holders = made.moduleList[0]!.holders.map(({ node }) => cluster.node(node));
    await cluster.kill(...holders);
    for (const { dataDir } of holders) rmSync(join(dataDir, 'blobs'), { recursive: true });
    for (const { name } of holders) await cluster.launch(name);
    await cluster.ready();
    writeFileSync(gate, '');
    const [contact] = cluster.alive;
    const ended = await until('the end', async () => {
      const run = await cluster.run(runId, 'is there', () => true, contact);
      return run.finishedAt !== null && run;
    }, MADE_AGAIN_MS);
    assert.equal(ended.phase, 'succeeded', JSON.stringify(ended.moduleList.map(({ name, phase, error }) => [name, phase, error])));
    assert.deepEqual(ended.moduleList.map(({ generation }) => generation), [2, 1, 1], 'it was made again, and nothing else');
    const folder = await download(cluster, contact!, runId);
    assert.equal(readFileSync(join(folder, 'join/whole/whole'), 'utf8'), ['a', 'b', 'c'].map((part) => part.repeat(300_000)).join(''));
  });

  await step('the maker of what a run gives dies as soon as it is recorded: it can be downloaded', async () => {
    await cluster.ready();
    const runId = await begin(cluster, await cluster.leader(), 'given', { give: { run: 'head -c 3000000 /dev/zero | tr "\\0" y > given', outputs: { given: 'given' } } });
    const ended = await cluster.final(runId);
    assert.equal(ended.phase, 'succeeded');
    const maker = cluster.node(ended.moduleList[0]!.node);
    await cluster.kill(maker);
    rmSync(join(maker.dataDir, 'blobs'), { recursive: true });
    const [contact] = cluster.others(maker);
    const folder = await download(cluster, contact!, runId);
    assert.ok(readFileSync(join(folder, 'give/given/given'), 'utf8') === 'y'.repeat(3_000_000));
    await cluster.launch(maker.name);
  });

  await step('a node that leaves hands over what only it has', async () => {
    await cluster.ready();
    const runId = await begin(cluster, await cluster.leader(), 'handed', { give: { run: 'echo handed over > given', outputs: { given: 'given' } } });
    const ended = await cluster.final(runId);
    const [one, two] = ended.moduleList[0]!.holders.map(({ node }) => cluster.node(node));
    await cluster.kill(one!);
    rmSync(join(one!.dataDir, 'blobs'), { recursive: true });
    const third = cluster.others(one!, two!)[0]!;
    await until('that the cell knows', async () => (await cluster.run(runId, 'is there', () => true, third)).moduleList[0]!.holders.some(({ node, alive }) => node === one!.name && !alive));
    two!.kill('SIGTERM');
    await two!.exited;
    await cluster.launch(one!.name);
    const folder = await download(cluster, third, runId);
    assert.equal(readFileSync(join(folder, 'give/given/given'), 'utf8'), 'handed over\n');
  });
});
