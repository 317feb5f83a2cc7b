/** Goal: somebody tries a GitHub Actions workflow: each part that does not fit is named, with what to write here. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { problemsOf, repository } from './helpers.ts';

const folder = path.join(repository, '../shared/fixtures/ci-workflows');
const skip = existsSync(folder) ? false : 'the fixtures are not here';

const expected: Readonly<Record<string, readonly RegExp[]>> = {
  'fastify__fastify__ci.yml': [
    /^`on` is not available in this version$/,
    /^`concurrency` is not available in this version$/,
    /^unknown key `permissions`$/,
    /^unknown key `permissions` in module `quality-check`$/,
    /^`with` is not available in this version \(module `quality-check`\)$/,
    /^module `coverage-nix`: `uses` names a file that is no code$/,
    /^unknown key `runs-on` in module `test-unit`$/,
    /^`strategy` is not available in this version \(module `test-unit`\)$/,
    /^unknown key `steps` in module `test-unit`$/,
    /^`if` is not available in this version \(module `test-unit-custom`\)$/,
    /^module `test-pino-compat`: `name` differs from the key$/,
  ],
  'libp2p__js-libp2p__main.yml': [/^`on` is not available/, /^unknown key `steps` in module `build`$/, /^module `build` does nothing$/],
  'taskforcesh__bullmq__test.yml': [/^`on` is not available/, /^unknown key `steps` in module /],
};

test('the workflows of three projects', { skip }, async (t) => {
  const files = readdirSync(folder).filter((name) => /\.ya?ml$/.test(name));
  assert.deepEqual(files.toSorted(), Object.keys(expected));
  for (const file of files) {
    await t.test(file, async () => {
      const problems = await problemsOf(readFileSync(path.join(folder, file), 'utf8'), file);
      for (const problem of problems) assert.ok(problem.line > 0 && problem.column > 0, problem.message);
      const messages = problems.map(({ message }) => message);
      for (const pattern of expected[file] ?? []) assert.ok(messages.some((message) => pattern.test(message)), `${pattern} among\n${messages.join('\n')}`);
      // What is said of a key of Actions says what to do instead.
      for (const { message, hint } of problems) if (/`(runs-on|steps|permissions|services|container)`/.test(message)) assert.notEqual(hint, '', message);
    });
  }
});
