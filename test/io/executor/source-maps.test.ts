/** What a function throws names the lines of the file that it was written in, not those of its bundle. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { bundleModuleFile } from '../../../src/pipeline/bundle.ts';
import { shelfOf } from '../../../src/io/blobs/shelf.ts';
import { testBlobs } from '../../support/node-blobs.ts';
import { bench, bundled, execution, temporaryFolder } from './harness.ts';

const STEPS = `import { check } from './lib/check.ts';
interface Item { readonly size: number }

// Types and comments are gone in the bundle.
export function direct(): never {
  const item: Item = { size: 1 };
  throw new Error(\`broken \${item.size}\`);
}

export function deeper(): void {
  check();
}
`;

test('a stack names the source file, its line and column', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'lib'));
  writeFileSync(join(folder, 'steps.ts'), STEPS);
  writeFileSync(join(folder, 'lib/check.ts'), '\n\nexport function check(): void {\n  throw new TypeError("no");\n}\n');
  const { source } = await bundleModuleFile(join(folder, 'steps.ts'), 100_000);
  const { run } = bench(t);
  assert.match((await run(bundled(source, 'direct'))).error?.message ?? '', /^Error: broken 1\n {4}at (?:Module\.)?direct \(steps\.ts:7:9\)/);
  assert.match((await run(bundled(source, 'deeper'))).error?.message ?? '', /^TypeError: no\n {4}at check \(lib\/check\.ts:4:9\)\n {4}at (?:Module\.)?deeper \(steps\.ts:11:3\)/);
  const small = await bundleModuleFile(join(folder, 'steps.ts'), source.length - 1);
  assert.ok(!small.source.includes('sourceMappingURL'), 'a map is the first thing to go when there is too much');
});

test('a package that asks for its modules by require does not shift the lines', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'node_modules/old'), { recursive: true });
  writeFileSync(join(folder, 'node_modules/old/index.js'), "const path = require('path'); exports.base = (file) => path.basename(file);\n");
  writeFileSync(join(folder, 'use.ts'), "import old from 'old';\nexport function broken(): never {\n  throw new Error(old.base('/a/b'));\n}\n");
  const { source } = await bundleModuleFile(join(folder, 'use.ts'), 100_000);
  const { run } = bench(t);
  assert.match((await run(bundled(source, 'broken'))).error?.message ?? '', /^Error: b\n {4}at (?:Module\.)?broken \(use\.ts:3:9\)/);
});

test('a bundle that is a blob has its map as well', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'table.json'), JSON.stringify(Array.from({ length: 20_000 }, (_, id) => ({ id, name: `row ${id}` }))));
  writeFileSync(join(folder, 'use.ts'), "import table from './table.json' with { type: 'json' };\n\nexport function broken(): never {\n  throw new Error(`of ${table.length}`);\n}\n");
  const { source, bytes } = await bundleModuleFile(join(folder, 'use.ts'), 10_000_000);
  assert.ok(bytes > 1_000_000);
  const blobs = testBlobs(join(folder, 'blobs'));
  const { cid, size } = await blobs.node.putBytes(Buffer.from(source));
  const { run } = bench(t, { files: shelfOf(blobs.store) });
  const outcome = await run(execution({ type: 'bundle', bundle: cid, export: 'broken', sourceName: './use.ts' }, { bundle: () => ({ kind: 'file', cid, name: 'use.ts', size, count: 1 }) }));
  assert.match(outcome.error?.message ?? '', /^Error: of 20000\n {4}at (?:Module\.)?broken \(use\.ts:4:9\)/);
});
