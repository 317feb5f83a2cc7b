/** Goal: whatever is wrong with a file, the message names the place, what was found and what is allowed, word for word. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { pipelineSchema } from '../../src/pipeline/schema.ts';
import { failure, load } from './helpers.ts';

const file = path.join(import.meta.dirname, 'bad-inputs.txt');

function readCases(): { intro: string; cases: { name: string; text: string; said: string }[] } {
  const [intro = '', ...sections] = readFileSync(file, 'utf8').split(/^## /m);
  const cases = sections.map((section) => {
    const [, name = '', text = '', said = ''] = /^(.*)\n([^]*?)^----\n([^]*)/m.exec(section) ?? [];
    return { name, text, said: said.trimEnd() };
  });
  return { intro: intro.trimEnd(), cases };
}

if (process.argv.includes('--rewrite')) {
  const { intro, cases } = readCases();
  const written = [intro];
  for (const { name, text } of cases) written.push(`## ${name}\n${text}----\n${(await failure(load(text), 'PIPELINE_INVALID')).message}`);
  writeFileSync(file, `${written.join('\n\n')}\n`);
}

const { cases } = readCases();

test('there are cases', () => assert.ok(cases.length > 50));

for (const { name, text, said } of cases) {
  test(`bad input: ${name}`, async () => {
    const error = await failure(load(text), 'PIPELINE_INVALID');
    assert.equal(error.message, said);
  });
}

const validate = new Ajv({ strict: false, allErrors: true }).compile(pipelineSchema());

for (const { name, text } of cases.filter((one) => one.name.endsWith('(schema)'))) {
  test(`the editor's schema refuses: ${name}`, () => assert.equal(validate(parse(text)), false));
}

test('an empty file', async () => {
  const error = await failure(load(''), 'PIPELINE_INVALID');
  assert.equal(error.message, '1 problem in pipeline.yaml\n\npipeline.yaml a pipeline must be a map\n  found: an empty file\n  allowed: name, params, env, modules');
});
