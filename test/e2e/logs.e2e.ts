/** What a module prints reaches whoever follows, through any node, past the death of the node that executes it; and it outlives the nodes. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BlobListJson, RunJson, RunProgressJson } from '../../src/io/http/views.ts';
import { Cli, runCli } from './support/cli.ts';
import { scenario } from './support/scenario.ts';
import { until } from './support/until.ts';

const LINES = 20_000;

scenario('logs', { size: 4, slots: 1 }, async (cluster, step) => {
  const gate = join(cluster.root, 'gate');
  const file = join(cluster.root, 'talk.yaml');
  const talk = `echo "on $SKEIN_NODE"; echo "0.5 half way" >> "$SKEIN_PROGRESS"; i=0; while [ ! -e ${gate} ]; do i=$((i + 1)); echo "tick $i"; sleep 0.05; done; seq ${LINES}; echo the end`;
  writeFileSync(file, JSON.stringify({ name: 'talk', modules: { quiet: { run: 'true' }, talk: { run: talk } } }));
  let runId = '';
  let before: RunJson;

  await step('what a cancelled module printed is there to its last line', async () => {
    const contact = cluster.alive[0]!;
    writeFileSync(join(cluster.root, 'long.yaml'), JSON.stringify({ name: 'long', modules: { long: { run: `trap 'echo stopped; exit 1' TERM; seq ${LINES}; while :; do sleep 0.05; done` } } }));
    const submitted = await runCli(cluster, ['run', join(cluster.root, 'long.yaml'), '-d', '--data-dir', contact.dataDir]);
    const id = submitted.stdout.trim();
    const follow = new Cli(cluster, ['logs', '-f', id, 'long', '--data-dir', contact.dataDir]);
    await until('all lines', () => follow.stdout.endsWith(`\n${LINES}\n`));
    assert.equal((await runCli(cluster, ['cancel', id, '--data-dir', contact.dataDir])).code, 0);
    assert.equal((await follow.exited).code, 1);
    // The shell may say in between what became of its `sleep`.
    assert.deepEqual([follow.stdout.endsWith('\nstopped\n'), follow.stderr], [true, ''], follow.stdout.slice(-200));
    const whole = await runCli(cluster, ['logs', id, '--data-dir', contact.dataDir]);
    assert.deepEqual([whole.code, whole.stdout.replaceAll('long | ', '')], [0, follow.stdout], whole.stderr);
  });

  await step('a node that does not execute it shows every line; its node is killed, the module runs elsewhere, and the lines go on', async () => {
    const submitted = await runCli(cluster, ['run', file, '-d', '--data-dir', cluster.alive[0]!.dataDir]);
    assert.equal(submitted.code, 0, submitted.stderr);
    runId = submitted.stdout.trim();
    const talkOf = (run: RunJson): RunJson['moduleList'][number] => run.moduleList.find(({ name }) => name === 'talk')!;
    before = await cluster.run(runId, 'talks', (run) => talkOf(run).phase === 'running');
    const first = cluster.alive.find(({ name }) => name === talkOf(before).node)!;
    const watcher = cluster.others(first)[0]!;
    const follow = new Cli(cluster, ['logs', '-f', runId, 'talk', '--data-dir', watcher.dataDir]);
    await until('lines', () => /tick 5\n/.test(follow.stdout));
    await until('its progress, as any node tells it', async () => (await watcher.get<RunProgressJson>(`/api/v1/runs/${runId}/progress`)).modules.some(({ module, fraction, message }) => module === 'talk' && fraction === 0.5 && message === 'half way'));
    await until('the list shows it', async () => /PROGRESS[^]*talk .*50% half way/.test((await runCli(cluster, ['module', 'list', runId, '--data-dir', watcher.dataDir])).stdout));
    await cluster.kill(first);
    await until('it goes on elsewhere', () => follow.stdout.split('on ').length === 3 && /tick 5\n/.test(follow.stdout.split('on ')[2] ?? ''));
    assert.match(follow.stderr, new RegExp(`--- the log of attempt 1 was lost with node ${first.name}\n--- attempt 1 on `));
    writeFileSync(gate, '');
    const { code } = await follow.exited;
    assert.equal(code, 0, follow.stderr);
    const second = /on (\S+)\n/.exec(follow.stdout.split(`on ${first.name}\n`)[1] ?? '')?.[1];
    const whole = follow.stdout.slice(follow.stdout.lastIndexOf(`on ${second}`));
    const ticks = [...whole.matchAll(/tick (\d+)\n/g)].map(([, tick]) => Number(tick));
    assert.deepEqual(ticks, ticks.map((_, i) => i + 1), 'each line once, in order');
    assert.ok(whole.endsWith(`${Array.from({ length: LINES }, (_, i) => `${i + 1}\n`).join('')}the end\n`));
  });

  await step('when the run has ended and its node is dead, a node that never ran it gives the whole log', async () => {
    const run = await cluster.final(runId);
    const { log, node, tail } = run.moduleList.find(({ name }) => name === 'talk')!;
    assert.ok(log !== null && log.size > LINES && tail.endsWith('the end\n'));
    const maker = cluster.alive.find(({ name }) => name === node)!;
    await until('a second copy', async () => {
      for (const other of cluster.others(maker)) if ((await other.get<BlobListJson>('/api/v1/blobs')).blobs.some(({ cid }) => cid === log.cid)) return true;
      return false;
    });
    await cluster.kill(maker);
    for (const contact of cluster.alive) {
      const { code, stdout, stderr } = await runCli(cluster, ['logs', runId, 'talk', '--data-dir', contact.dataDir]);
      assert.equal(code, 0, stderr);
      assert.ok(stdout.startsWith(`on ${node}\ntick 1\n`) && stdout.endsWith(`${LINES}\nthe end\n`), stdout.slice(0, 200));
      assert.equal(Buffer.byteLength(stdout), log.size);
    }
    const tailed = await runCli(cluster, ['logs', runId, '--tail', '2', '--data-dir', cluster.alive[0]!.dataDir]);
    assert.equal(tailed.stdout, `talk  | ${LINES}\ntalk  | the end\n`);
  });
});
