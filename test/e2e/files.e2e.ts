/** Files from module to module on machines that share nothing: right bytes whoever makes them, and whoever dies. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BlobFilesJson, BlobListJson, RunJson } from '../../src/io/http/views.ts';
import { runCli } from './support/cli.ts';
import type { Cluster } from './support/cluster.ts';
import { scenario } from './support/scenario.ts';
import type { TestNode } from './support/test-node.ts';
import { until } from './support/until.ts';

const PARTS = 6;

/** Each part is worked on by whoever has a slot; the end joins them in order. */
function pipeline(cluster: Cluster): string {
  const file = join(cluster.root, 'files.yaml');
  const parts = Array.from({ length: PARTS }, (_, i) => i);
  const modules: Record<string, unknown> = {
    split: { run: parts.map((i) => `head -c 700000 /dev/zero | tr '\\0' '${i}' > p${i}; echo end ${i} >> p${i}`).join('\n'), outputs: { parts: 'p*' } },
  };
  for (const i of parts) {
    modules[`work${i}`] = { needs: ['split'], inputs: { PARTS: '${{ needs.split.outputs.parts }}' }, run: `sleep 0.5; mkdir made; tr 0-9 a-j < "$PARTS/p${i}" > made/w${i}; echo "$SKEIN_NODE" > node`, outputs: { made: `made/w${i}`, node: 'node' } };
  }
  modules['join'] = {
    needs: parts.map((i) => `work${i}`),
    inputs: Object.fromEntries(parts.map((i) => [`W${i}`, `\${{ needs.work${i}.outputs.made }}`])),
    run: `cat ${parts.map((i) => `"$W${i}"`).join(' ')} > whole`,
    outputs: { whole: 'whole' },
  };
  writeFileSync(file, JSON.stringify({ name: 'files', modules }));
  return file;
}

function expected(): string {
  const text = Array.from({ length: PARTS }, (_, i) => `${'abcdefghij'[i]!.repeat(700_000)}end ${'abcdefghij'[i]}\n`).join('');
  return createHash('sha256').update(text).digest('hex');
}

async function download(cluster: Cluster, node: TestNode, run: string, out: string): Promise<string> {
  const cli = await runCli(cluster, ['runs', 'download', run, '--data-dir', node.dataDir, '--out', join(cluster.root, out)]);
  assert.equal(cli.code, 0, cli.stderr);
  return join(cluster.root, out);
}

scenario('files', { size: 3, slots: 2 }, async (cluster, step) => {
  await step('what modules hand on is right, wherever they ran', async () => {
    const [first, second] = cluster.alive;
    const cli = await runCli(cluster, ['run', pipeline(cluster), '--data-dir', first!.dataDir]);
    assert.equal(cli.code, 0, cli.stdout + cli.stderr);
    const { runs } = await first!.get<{ runs: readonly RunJson[] }>('/api/v1/runs?consistency=strong');
    const folder = await download(cluster, second!, runs[0]!.runId, 'first');
    assert.equal(createHash('sha256').update(readFileSync(join(folder, 'join/whole/whole'))).digest('hex'), expected());
    const nodes = new Set(Array.from({ length: PARTS }, (_, i) => readFileSync(join(folder, `work${i}/node/node`), 'utf8')));
    assert.ok(nodes.size > 1, 'more than one node worked');
    const told = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as RunJson;
    assert.equal(told.phase, 'succeeded');
  });

  await step('the node that made the files dies before they are used: the second copy serves', async () => {
    const file = join(cluster.root, 'copy.yaml');
    const gate = join(cluster.root, 'gate');
    const make = { run: 'head -c 6000000 /dev/zero | tr "\\0" x > big; mkdir d; echo one > d/1; echo two > d/2', outputs: { big: 'big', list: 'd/*' } };
    const hold = { needs: ['make'], run: `while [ ! -e ${gate} ]; do sleep 0.1; done` };
    const use = { needs: ['make', 'hold'], inputs: { BIG: '${{ needs.make.outputs.big }}', LIST: '${{ needs.make.outputs.list }}' }, run: 'wc -c < "$BIG" > size; cat "$LIST"/d/* >> size', outputs: { size: 'size' } };
    writeFileSync(file, JSON.stringify({ name: 'copy', modules: { make, hold, use } }));
    const leader = await cluster.leader();
    const cli = await runCli(cluster, ['run', file, '-d', '--data-dir', leader.dataDir]);
    assert.equal(cli.code, 0, cli.stderr);
    const runId = cli.stdout.trim();
    const made = await cluster.run(runId, 'make has succeeded', (run) => run.moduleList[0]?.phase === 'succeeded');
    const maker = cluster.alive.find(({ name }) => name === made.moduleList[0]?.node)!;
    const blobsAt = async (node: TestNode): Promise<string[]> => (await node.get<BlobListJson>('/api/v1/blobs')).blobs.map(({ cid }) => cid);
    const wanted = Object.values(made.moduleList[0]!.files).map(({ cid }) => cid);
    await until('another node has all of it', async () => {
      for (const node of cluster.others(maker)) {
        const there = await blobsAt(node);
        if (wanted.every((cid) => there.includes(cid)) && there.length >= wanted.length + 2) return true;
      }
      return false;
    });
    await cluster.kill(maker);
    writeFileSync(gate, '');
    const [contact] = cluster.alive;
    await cluster.launch(maker.name);
    const ended = await cluster.final(runId, contact);
    assert.equal(ended.phase, 'succeeded', JSON.stringify(ended.moduleList.map(({ name, phase, error }) => [name, phase, error])));
    const folder = await download(cluster, contact!, runId, 'copy');
    assert.equal(readFileSync(join(folder, 'use/size/size'), 'utf8'), '6000000\none\ntwo\n');
  });

  await step('files of whoever submits go along, and outlive the node on which they were put', async () => {
    await cluster.ready();
    const [first] = cluster.alive;
    const gate = join(cluster.root, 'gate-2');
    mkdirSync(join(cluster.root, 'tools/sub'), { recursive: true });
    writeFileSync(join(cluster.root, 'tools/shout'), '#!/bin/sh\ntr a-z A-Z\n');
    chmodSync(join(cluster.root, 'tools/shout'), 0o755);
    writeFileSync(join(cluster.root, 'tools/sub/words'), 'of the submitter\n');
    writeFileSync(join(cluster.root, 'a film.txt'), 'x'.repeat(5_000_000));
    writeFileSync(
      join(cluster.root, 'params.yaml'),
      `params: { src: { type: file }, tools: { type: files } }
modules:
  hold: { run: 'while [ ! -e ${gate} ]; do sleep 0.1; done' }
  use:
    needs: [hold]
    inputs: { SRC: "\${{ params.src }}", TOOLS: "\${{ params.tools }}" }
    run: '{ wc -c < "$SRC"; basename "$SRC"; "$TOOLS/shout" < "$TOOLS/sub/words"; echo "\${{ params.src.size }}"; } > told'
    outputs: { told: told }
`,
    );
    const cli = await runCli(cluster, ['run', join(cluster.root, 'params.yaml'), '-d', '--data-dir', first!.dataDir, '-p', `src=${join(cluster.root, 'a film.txt')}`, '-p', `tools=${join(cluster.root, 'tools')}`]);
    assert.equal(cli.code, 0, cli.stderr);
    const runId = cli.stdout.trim();
    const others = cluster.others(first!);
    const { params } = await first!.get<RunJson>(`/api/v1/runs/${runId}?consistency=strong`);
    const [src, tools] = [params['src'], params['tools']] as { cid: string }[];
    const { files } = await first!.get<BlobFilesJson>(`/api/v1/blobs/${tools!.cid}/files`);
    const wanted = [src!.cid, tools!.cid, ...files.map(({ cid }) => cid)];
    await until('all of it is on another node', async () => {
      for (const node of others) {
        const there = new Set((await node.get<BlobListJson>('/api/v1/blobs')).blobs.map(({ cid }) => cid));
        if (wanted.every((cid) => there.has(cid))) return true;
      }
      return false;
    });
    await cluster.kill(first!);
    writeFileSync(gate, '');
    const ended = await cluster.final(runId, others[0]);
    assert.equal(ended.phase, 'succeeded', JSON.stringify(ended.moduleList.map(({ name, phase, error }) => [name, phase, error])));
    const folder = await download(cluster, others[0]!, runId, 'params');
    assert.equal(readFileSync(join(folder, 'use/told/told'), 'utf8'), '5000000\na film.txt\nOF THE SUBMITTER\n5000000\n');
  });

  await step('two thousand small files go on as one output, and are downloaded', async () => {
    const [first] = cluster.alive;
    const file = join(cluster.root, 'many.yaml');
    const make = { run: 'for d in 1 2; do mkdir -p all/$d; (cd all/$d && seq $((d * 1000)) $((d * 1000 + 999)) | split -l 1 -a 3 -d - f); done', outputs: { all: 'all/**' } };
    const use = { needs: ['make'], inputs: { ALL: '${{ needs.make.outputs.all }}' }, run: 'find "$ALL" -type f -exec cat {} + | sort -n | cksum > sum', outputs: { sum: 'sum' } };
    writeFileSync(file, JSON.stringify({ name: 'many', modules: { make, use } }));
    const cli = await runCli(cluster, ['run', file, '-d', '--data-dir', first!.dataDir]);
    assert.equal(cli.code, 0, cli.stderr);
    const runId = cli.stdout.trim();
    assert.equal((await cluster.final(runId, first)).phase, 'succeeded');
    const folder = await download(cluster, first!, runId, 'many');
    const found = readdirSync(join(folder, 'make'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    assert.equal(found.length, 2000);
    assert.equal(readFileSync(join(folder, 'make/all/all/2/f999'), 'utf8'), '2999\n');
    const sum = execFileSync('sh', ['-c', 'seq 1000 2999 | cksum'], { encoding: 'utf8' });
    assert.equal(readFileSync(join(folder, 'use/sum/sum'), 'utf8'), sum);
  });
});
