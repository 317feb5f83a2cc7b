/** Files from module to module on machines that share nothing: right bytes whoever makes them, and whoever dies. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunJson } from '../../src/io/http/views.ts';
import { runCli } from './support/cli.ts';
import type { Cluster } from './support/cluster.ts';
import { scenario } from './support/scenario.ts';
import type { TestNode } from './support/test-node.ts';

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
});
