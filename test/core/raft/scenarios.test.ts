/**
 * The scenario files with their recorded output. `REWRITE=1 node --test test/core/raft/scenarios.test.ts` or
 * `node test/core/raft/scenarios.test.ts --rewrite` records it again; review the difference.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { formatScript } from './support/datadriven.ts';
import { runScenario } from './support/scenario.ts';

const FOLDER = join(import.meta.dirname, 'scenarios');
const rewrite = process.argv.includes('--rewrite') || process.env['REWRITE'] === '1';

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.txt'))) {
  test(`scenario ${file}`, () => {
    const path = join(FOLDER, file);
    const text = readFileSync(path, 'utf8');
    const { script, outputs } = runScenario(text);
    if (rewrite) {
      writeFileSync(path, formatScript(script, outputs));
      return;
    }
    for (const [position, directive] of script.directives.entries()) assert.equal(outputs[position], directive.output, `${file}:${directive.line} ${directive.input}`);
  });
}
