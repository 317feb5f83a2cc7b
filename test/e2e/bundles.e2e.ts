/** Functions whose bundle is a blob: on a node that never saw who submitted, with the lines of the source in errors, and again. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BlobListJson, RunJson } from '../../src/io/http/views.ts';
import { runCli } from './support/cli.ts';
import { scenario } from './support/scenario.ts';

const ROWS = 120_000;
const MODULES = 6;

scenario('bundles', { size: 2, slots: 1 }, async (cluster, step) => {
  const [first, second] = cluster.alive;
  const file = join(cluster.root, 'pipeline.yaml');
  writeFileSync(join(cluster.root, 'table.json'), JSON.stringify(Array.from({ length: ROWS }, (_, id) => ({ id, name: `row ${id}` }))));
  writeFileSync(
    join(cluster.root, 'steps.ts'),
    `import table from './table.json' with { type: 'json' };
import { setTimeout } from 'node:timers/promises';

interface Row { readonly id: number; readonly name: string }

export async function look({ env }: { readonly env: Record<string, string> }): Promise<{ name: string; rows: number }> {
  await setTimeout(1000);
  const row: Row | undefined = table[Number(env['ROW'])];
  return { name: row?.name ?? '', rows: table.length };
}

export function broken(): never {
  throw new Error(\`of \${table.length} rows\`);
}
`,
  );
  const names = Array.from({ length: MODULES }, (_, at) => `look${at}`);
  writeFileSync(file, JSON.stringify({ name: 'bundles', modules: Object.fromEntries(names.map((name, at) => [name, { uses: './steps.ts#look', env: { ROW: at } }])) }));
  const blobsOf = async (node: typeof first): Promise<string[]> => (await node!.get<BlobListJson>('/api/v1/blobs')).blobs.filter(({ size }) => size > 3_000_000).map(({ cid }) => cid);
  const newest = async (): Promise<RunJson> => {
    const { runs } = await first!.get<{ runs: readonly RunJson[] }>('/api/v1/runs?consistency=strong');
    return first!.get<RunJson>(`/api/v1/runs/${runs[0]!.runId}`);
  };
  let bundle = '';

  await step('both nodes execute them, each has the bundle once', async () => {
    const cli = await runCli(cluster, ['run', file, '--data-dir', first!.dataDir]);
    assert.equal(cli.code, 0, cli.stdout + cli.stderr);
    const run = await newest();
    assert.deepEqual(run.moduleList.map(({ values }) => values), names.map((_, at) => ({ name: `row ${at}`, rows: ROWS })));
    assert.equal(new Set(run.moduleList.map(({ node }) => node)).size, 2, 'both worked');
    const [there, ...more] = await blobsOf(first);
    assert.deepEqual([more, await blobsOf(second)], [[], [there]]);
    bundle = there ?? '';
  });

  await step('through the other node nothing is put a second time, and a rerun needs nobody who submitted', async () => {
    const cli = await runCli(cluster, ['run', file, '--data-dir', second!.dataDir]);
    assert.equal(cli.code, 0, cli.stderr);
    const { runId } = await newest();
    const again = await runCli(cluster, ['runs', 'rerun', runId, '--data-dir', second!.dataDir]);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual([await blobsOf(first), await blobsOf(second)], [[bundle], [bundle]]);
  });

  await step('what a function throws names the line of its source', async () => {
    const bad = join(cluster.root, 'bad.yaml');
    writeFileSync(bad, JSON.stringify({ modules: { a: { uses: './steps.ts#broken' } } }));
    const cli = await runCli(cluster, ['run', bad, '--data-dir', second!.dataDir]);
    assert.notEqual(cli.code, 0);
    const { moduleList } = await newest();
    assert.match(moduleList[0]?.error?.message ?? '', new RegExp(`^Error: of ${ROWS} rows\\n {4}at (Module\\.)?broken \\(steps\\.ts:13:9\\)`));
  });
});
