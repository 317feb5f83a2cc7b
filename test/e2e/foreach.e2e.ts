/** A list that is known at run time only: split, each part on any node, join in order, with a node killed in the middle. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BlobListJson, ModuleJson, RunJson } from '../../src/io/http/views.ts';
import { runCli } from './support/cli.ts';
import { scenario } from './support/scenario.ts';
import { until } from './support/until.ts';

const PARTS = 12;
/** As many as there are slots; the others wait for the gate. */
const FIRST = 6;
const part = '${{ needs.split.outputs.parts }}';

const made = 'tr a-z A-Z < "${{ item.path }}" > made.txt; echo "${{ item.name }} ${{ item.index }} $SKEIN_ITEM_INDEX $SKEIN_MODULE" > who; ls "$SKEIN_INPUT_DIR" "$(dirname "${{ item.path }}")" | wc -l > seen; echo "number=${{ item.index }}" >> "$SKEIN_OUTPUT"; echo "$SKEIN_NODE" > node';

const pipeline = (gate: string): unknown => ({
  split: {
    run: `mkdir out; for i in $(seq -w 1 ${PARTS}); do echo "part $i" > "out/it's $i.txt"; done; echo 'sizes=["small", {"name": "big one", "edge": 90}]' >> "$SKEIN_OUTPUT"`,
    outputs: { parts: 'out/*.txt' },
  },
  work: {
    needs: ['split'],
    foreach: part,
    run: `[ "\${{ item.index }}" -lt ${FIRST} ] || while [ ! -e ${gate} ]; do sleep 0.1; done; ${made}`,
    outputs: { made: 'made.txt', who: 'who', seen: 'seen', node: 'node' },
  },
  render: { needs: ['split'], foreach: '${{ needs.split.outputs.sizes }}', run: 'echo "[${{ item }}] ${{ item.name }} ${{ item.edge }}" > r', outputs: { r: 'r' } },
  join: {
    needs: ['work', 'render'],
    inputs: { MADE: '${{ needs.work.outputs.made }}', R: '${{ needs.render.outputs.r }}' },
    run: 'cat "$MADE"/*/made.txt > all; cat "$R"/*/r >> all; echo "${{ join(needs.work.outputs.number) }}" >> all',
    outputs: { all: 'all' },
  },
});

const whole = [
  ...Array.from({ length: PARTS }, (_, at) => `PART ${String(at + 1).padStart(2, '0')}`),
  '[small]  ',
  '[{"edge":90,"name":"big one"}] big one 90',
  Array.from({ length: PARTS }, (_, at) => at).join(','),
  '',
].join('\n');

scenario('foreach', { size: 3, slots: 2 }, async (cluster, step) => {
  await step('a node dies in the middle of a list: every item is done once more or not, and the end has all of them in order', async () => {
    const file = join(cluster.root, 'parts.json');
    const gate = join(cluster.root, 'gate');
    writeFileSync(file, JSON.stringify({ name: 'parts', modules: pipeline(gate) }));
    const leader = await cluster.leader();
    const cli = await runCli(cluster, ['run', file, '-d', '--data-dir', leader.dataDir]);
    assert.equal(cli.code, 0, cli.stderr);
    const runId = cli.stdout.trim();
    const done = ({ item, phase }: ModuleJson): boolean => item?.of === 'work' && phase === 'succeeded';
    const half = await cluster.run(runId, 'half of the list is done, and the rest is begun', ({ moduleList }) => moduleList.filter(done).length === FIRST && moduleList.filter(({ item, phase }) => item?.of === 'work' && phase === 'running').length === FIRST);
    const [split] = half.moduleList;
    const victim = cluster.others(leader).find(({ name }) => name !== split!.node)!;
    const left = half.moduleList.filter((module) => done(module) && module.node === victim.name).flatMap(({ files }) => Object.values(files).map(({ cid }) => cid));
    assert.ok(half.moduleList.some(({ node, phase }) => node === victim.name && phase === 'running'), 'it executes items');
    await until('what it made has a second copy', async () => {
      const lists = await Promise.all(cluster.others(victim).map((node) => node.get<BlobListJson>('/api/v1/blobs')));
      const there = new Set(lists.flatMap(({ blobs }) => blobs.map(({ cid }) => cid)));
      return left.every((cid) => there.has(cid));
    });
    await cluster.kill(victim);
    writeFileSync(gate, '');
    const [contact] = cluster.alive;
    const ended = await cluster.final(runId, contact);
    assert.equal(ended.phase, 'succeeded', JSON.stringify(ended.moduleList.map(({ name, phase, error }) => [name, phase, error])));
    assert.deepEqual([ended.modules.total, ended.modules.succeeded], [PARTS + 2 + 2, PARTS + 2 + 2], 'items are counted, their modules are not');
    const out = join(cluster.root, 'out');
    const download = await runCli(cluster, ['runs', 'download', runId, '--data-dir', contact!.dataDir, '--out', out]);
    assert.equal(download.code, 0, download.stderr);
    assert.equal(readFileSync(join(out, 'join/all/all'), 'utf8'), whole);
    assert.deepEqual(readdirSync(join(out, 'work')).toSorted(), Array.from({ length: PARTS }, (_, at) => String(at).padStart(2, '0')));
    assert.equal(readFileSync(join(out, 'work/03/who/who'), 'utf8'), "it's 04.txt 3 3 work[3]\n");
    assert.equal(readFileSync(join(out, 'work/03/seen/seen'), 'utf8').trim(), '5', 'two headings, a blank line, the input and its one file');
    const nodes = new Set(Array.from({ length: PARTS }, (_, at) => readFileSync(join(out, 'work', String(at).padStart(2, '0'), 'node/node'), 'utf8')));
    assert.ok(nodes.size > 1, 'more than one node worked');
  });

  await step('who follows sees the items come; one that fails cancels the others, and explain knows them', async () => {
    const file = join(cluster.root, 'fails.json');
    const each = { foreach: ['0', '1', '2', '3'], 'max-parallel': 2, run: 'sleep "0.${{ item }}"; test "${{ item }}" != 1 || exit 3; sleep 20' };
    writeFileSync(file, JSON.stringify({ name: 'fails', modules: { each, after: { needs: ['each'], run: 'true' } } }));
    const [contact] = cluster.alive;
    const cli = await runCli(cluster, ['run', file, '--data-dir', contact!.dataDir]);
    assert.equal(cli.code, 1, cli.stdout + cli.stderr);
    assert.match(cli.stdout, /each started: it has 4 items/);
    assert.match(cli.stdout, /each\[1\] failed .*exit code 3|each\[1\] failed/);
    assert.match(cli.stdout, /each\[3\] cancelled: each\[1\] failed \(fail-fast\)/);
    assert.match(cli.stdout, /Reason: each\[1\] failed: MODULE_EXIT/);
    const { runs } = await contact!.get<{ runs: readonly RunJson[] }>('/api/v1/runs?consistency=strong');
    const explained = await runCli(cluster, ['module', 'explain', runs[0]!.runId, 'each[1]', '--data-dir', contact!.dataDir]);
    assert.equal(explained.code, 0, explained.stderr);
    assert.match(explained.stdout, /each\[1\]/);
  });
});
