/** Results that stand for executions: across runs, nodes and the death of a leader; reruns of what failed. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunJson } from '../../src/io/http/views.ts';
import { runCli } from './support/cli.ts';
import type { Cluster } from './support/cluster.ts';
import { scenario } from './support/scenario.ts';
import type { TestNode } from './support/test-node.ts';

/** `pack` notes outside of the cluster that it was executed. */
function pipeline(cluster: Cluster, name: string, seed: string): string {
  const file = join(cluster.root, `${name}.yaml`);
  const make = { run: `echo ${seed} > seed`, outputs: { seed: 'seed' } };
  const pack = { needs: ['make'], inputs: { SEED: '${{ needs.make.outputs.seed }}' }, run: `echo x >> ${join(cluster.root, 'executed')}; rev "$SEED" > packed`, outputs: { packed: 'packed' }, cache: true };
  const use = { needs: ['pack'], inputs: { PACKED: '${{ needs.pack.outputs.packed }}' }, run: 'cat "$PACKED" > used', outputs: { used: 'used' } };
  writeFileSync(file, JSON.stringify({ name: 'cache', modules: { make, pack, use } }));
  return file;
}

function executed(cluster: Cluster): number {
  return readFileSync(join(cluster.root, 'executed'), 'utf8').split('\n').length - 1;
}

async function run(cluster: Cluster, node: TestNode, argv: readonly string[]): Promise<RunJson> {
  const cli = await runCli(cluster, [...argv, '-d', '--data-dir', node.dataDir]);
  assert.equal(cli.code, 0, cli.stdout + cli.stderr);
  return cluster.final(cli.stdout.trim(), node);
}

function phases({ moduleList }: RunJson): Record<string, string> {
  return Object.fromEntries(moduleList.map(({ name, phase }) => [name, phase]));
}

scenario('cache', { size: 3, slots: 2 }, async (cluster, step) => {
  await step('the second run of the same work executes nothing of it; other inputs do', async () => {
    const [first, second, third] = cluster.alive;
    assert.deepEqual(phases(await run(cluster, first!, ['run', pipeline(cluster, 'one', 'abc')])), { make: 'succeeded', pack: 'succeeded', use: 'succeeded' });
    const again = await run(cluster, second!, ['run', pipeline(cluster, 'two', 'abc')]);
    assert.deepEqual(phases(again), { make: 'succeeded', pack: 'cached', use: 'succeeded' });
    assert.equal(executed(cluster), 1);
    await run(cluster, third!, ['run', pipeline(cluster, 'three', 'xyz')]);
    assert.equal(executed(cluster), 2);
    const out = join(cluster.root, 'out');
    assert.equal((await runCli(cluster, ['runs', 'download', again.runId, '--data-dir', third!.dataDir, '--out', out])).code, 0);
    assert.equal(readFileSync(join(out, 'use/used/used'), 'utf8'), 'cba\n');
  });

  await step('a new leader knows the results too', async () => {
    await cluster.kill(await cluster.leader());
    const again = await run(cluster, cluster.alive[0]!, ['run', pipeline(cluster, 'four', 'abc')]);
    assert.deepEqual(phases(again), { make: 'succeeded', pack: 'cached', use: 'succeeded' });
    assert.equal(executed(cluster), 2);
  });

  await step('a rerun of what failed takes over the rest', async () => {
    const file = join(cluster.root, 'broken.yaml');
    const cure = join(cluster.root, 'cure');
    const good = { run: `echo x >> ${join(cluster.root, 'good')}; echo v=1 >> "$SKEIN_OUTPUT"; echo file > f`, outputs: { f: 'f' } };
    const bad = { needs: ['good'], inputs: { F: '${{ needs.good.outputs.f }}' }, env: { V: '${{ needs.good.outputs.v }}' }, run: `test -e ${cure} && cat "$F" && echo "v $V"` };
    writeFileSync(file, JSON.stringify({ name: 'broken', modules: { good, bad } }));
    const [node, other] = cluster.alive;
    const before = await run(cluster, node!, ['run', file]);
    assert.equal(before.phase, 'failed');
    writeFileSync(cure, '');
    const after = await run(cluster, other!, ['runs', 'rerun', before.shortId, '--failed']);
    assert.deepEqual([after.phase, phases(after), after.rerunOf], ['succeeded', { good: 'cached', bad: 'succeeded' }, before.runId]);
    assert.equal(after.moduleList[1]?.tail, 'file\nv 1\n');
    const whole = await run(cluster, node!, ['runs', 'rerun', after.shortId]);
    assert.deepEqual(phases(whole), { good: 'succeeded', bad: 'succeeded' });
    assert.equal(readFileSync(join(cluster.root, 'good'), 'utf8'), 'x\nx\n');
  });
});
