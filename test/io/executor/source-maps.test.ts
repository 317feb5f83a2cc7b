/** What a function throws names the lines of the file that it was written in, not those of its bundle. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { bundleModuleFile } from '../../../src/pipeline/bundle.ts';
import { bench, bundled, temporaryFolder } from './harness.ts';

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
