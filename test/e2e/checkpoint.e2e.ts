/** A module that is lost goes on elsewhere from its last checkpoint. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BlobListJson } from '../../src/io/http/views.ts';
import { runCli } from './support/cli.ts';
import { scenario } from './support/scenario.ts';
import { until } from './support/until.ts';

scenario('checkpoint', { size: 3, slots: 1 }, async (cluster, step) => {
  await step('its node is killed: another one goes on, not from the beginning', async () => {
    const file = join(cluster.root, 'checkpoint.yaml');
    const gate = join(cluster.root, 'gate');
    const run = `cd "$SKEIN_CHECKPOINT_DIR"; from=$(cat n 2>/dev/null || echo 0); echo "from=$from" >> "$SKEIN_OUTPUT"; n=$from
while [ ! -e ${gate} ]; do n=$((n + 1)); echo $n > new; mv new n; sleep 0.05; done`;
    writeFileSync(file, JSON.stringify({ name: 'checkpoint', modules: { count: { run, checkpoint: 'state every 1s' } } }));
    const leader = await cluster.leader();
    const cli = await runCli(cluster, ['run', file, '-d', '--data-dir', leader.dataDir]);
    assert.equal(cli.code, 0, cli.stderr);
    const runId = cli.stdout.trim();
    const begun = await cluster.run(runId, 'it runs', (view) => view.moduleList[0]?.phase === 'running');
    const worker = cluster.alive.find(({ name }) => name === begun.moduleList[0]?.node)!;
    await until('another node keeps a checkpoint', async () => {
      for (const node of cluster.others(worker)) if ((await node.get<BlobListJson>('/api/v1/blobs')).count >= 2) return true;
      return false;
    });
    await cluster.kill(worker);
    const [contact] = cluster.alive;
    await cluster.run(runId, 'it runs elsewhere', (view) => view.moduleList[0]?.phase === 'running' && view.moduleList[0].node !== worker.name);
    writeFileSync(gate, '');
    const ended = await cluster.final(runId, contact);
    assert.equal(ended.phase, 'succeeded', JSON.stringify(ended.moduleList));
    assert.ok(Number(ended.moduleList[0]?.values['from']) > 0, JSON.stringify(ended.moduleList[0]?.values));
  });
});
