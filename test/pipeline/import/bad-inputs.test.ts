/** Goal: a workflow that cannot be imported says what is wrong, where, and what is allowed there; whatever it holds. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { isSkeinError } from '../../../src/errors.ts';
import { importWorkflow } from '../../../src/pipeline/import/import.ts';
import { pathText, placeOf } from '../../../src/pipeline/import/json-place.ts';
import { syntaxFault } from '../../../src/pipeline/import/json-syntax.ts';
import type { Problem } from '../../../src/pipeline/problems.ts';
import { brief, failure } from '../helpers.ts';
import { document, imported } from './support.ts';

async function faults(text: string): Promise<string[]> {
  const error = await failure(() => importWorkflow(text, { file: 'w.json' }), 'PIPELINE_INVALID');
  return (error.data['problems'] as Problem[]).map(brief);
}

const cases: readonly (readonly [string, string, readonly (string | RegExp)[]])[] = [
  ['nothing', '', ['1:1 not valid JSON | found the end of the text | allowed a value']],
  ['half a document', '{"workflow": {\n "x": [1,, 2] }}', ['2:10 not valid JSON | found `,` | allowed a value']],
  ['a list', '[]', ['1:1 the document must be a map | found a list of 0']],
  ['something else', '{"name": "x"}', ['1:1 `workflow` must be a map | found nothing']],
  ['a later version', document([{ id: 'a' }], { schemaVersion: '2.1' }), ['1:33 WfFormat `2.1` cannot be read | allowed 1.0 to 1.6']],
  ['no tasks', document([]), [/^1:\d+ the workflow has no tasks \| allowed at least one task$/]],
  ['a task without a name', '{"workflow": {"tasks": [\n{"runtime": 1}]}}', ['2:1 `workflow.tasks[0]` has no name | allowed `id`, or `name`, with a string']],
  ['negative run time', '{"workflow": {"tasks": [\n{"name": "a", "runtime": -1}]}}', ['2:26 `workflow.tasks[0].runtime` must be a number of seconds | found the number `-1` | allowed a number from 0 to 2592000000']],
  ['run time as text', '{"workflow": {"tasks": [\n{"name": "a", "runtime": "4 s"}]}}', ['2:26 `workflow.tasks[0].runtime` must be a number of seconds | found the string `"4 s"` | allowed a number from 0 to 2592000000']],
  ['too many cores', '{"workflow": {"tasks": [\n{"name": "a", "cores": 1e9}]}}', ['2:24 `workflow.tasks[0].cores` must be a number of cores | found the number `1000000000` | allowed a number from 0 to 4096']],
  ['parents that are no names', '{"workflow": {"tasks": [\n{"name": "a", "parents": [3]}]}}', ['2:27 `workflow.tasks[0].parents[0]` must be a string | found the number `3`']],
  ['a parent that is not there', '{"workflow": {"tasks": [{"name": "fetch"},\n{"name": "b", "parents": ["fetsh"]}]}}', ['2:27 task `b`: the parent `fetsh` does not exist | allowed the id of a task | did you mean `fetch`?']],
  ['one name twice', '{"workflow": {"tasks": [{"name": "a"},\n{"name": "a"}]}}', ['2:1 two tasks are named `a`: `workflow.tasks[0]` and `workflow.tasks[1]` | allowed a name of its own for each task']],
  ['a circle', '{"workflow": {"tasks": [{"name": "a", "parents": ["c"]},{"name": "b", "parents": ["a"]},{"name": "c", "parents": ["b"]},{"name": "d", "parents": ["c"]}]}}', [/^1:50 tasks wait for each other in a circle: a → c → b → a \| allowed a graph without cycles$/]],
  ['itself', '{"workflow": {"tasks": [{"name": "a", "parents": ["a"]}]}}', [/circle: a → a/]],
  ['measured, but not in the graph', '{"workflow": {"specification": {"tasks": [{"id": "align_1"}]}, "execution": {"tasks": [\n{"id": "alignn_1"}]}}}', ['2:8 the measured task `alignn_1` is not among `workflow.specification.tasks` | did you mean `align_1`?']],
  ['measured twice', '{"workflow": {"specification": {"tasks": [{"id": "a"}]}, "execution": {"tasks": [{"id": "a"},\n{"id": "a"}]}}}', ['2:1 `workflow.execution.tasks[1]`: task `a` is measured twice | allowed one entry a task']],
];

for (const [what, text, expected] of cases) {
  test(what, async () => {
    const found = await faults(text);
    assert.equal(found.length, expected.length, found.join('\n'));
    for (const [i, pattern] of expected.entries()) {
      if (typeof pattern === 'string') assert.equal(found[i], pattern);
      else assert.match(found[i] ?? '', pattern);
    }
  });
}

test('scales that are none, and a task that is too long for a module', async () => {
  const text = document([{ id: 'a', runtimeInSeconds: 2_000_000 }]);
  for (const scale of [0, -1, Number.NaN, 1e9]) await failure(() => importWorkflow(text, { file: 'w', scale }), 'OPTION_INVALID');
  const error = await failure(() => importWorkflow(text, { file: 'w', scale: 2 }), 'PIPELINE_INVALID');
  assert.match(error.message, /^w: task `a` takes 46 d 7 h; a module takes at most 24 d$/);
});

test('more problems than are listed are counted', async () => {
  const error = await failure(() => importWorkflow(document(Array.from({ length: 300 }, (_, i) => ({ id: `t${i}`, runtimeInSeconds: -1 }))), { file: 'w' }), 'PIPELINE_INVALID');
  assert.match(error.message, /^300 problems in w[^]*… and 200 more$/);
});

const base = JSON.parse(document([{ id: 'a', coreCount: 2 }, { id: 'b', parents: ['a'], memoryInBytes: 5 }, { id: 'c', parents: ['a', 'b'] }])) as unknown;

/** Every path in a value. */
function pathsOf(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries: [string | number, unknown][] = Array.isArray(value) ? [...(value as unknown[]).entries()] : Object.entries(value);
  return [path, ...entries.flatMap(([key, item]) => pathsOf(item, [...path, key]))];
}

function replaced(value: unknown, path: readonly (string | number)[], by: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return by;
  if (Array.isArray(value)) return (value as unknown[]).map((item, i) => (i === step ? replaced(item, rest, by) : item));
  return Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, key === step ? replaced(item, rest, by) : (item as unknown)]));
}

test('any value in any place is either imported into a pipeline that loads, or refused with its place', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...pathsOf(base)), fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom('a', 'b', 'c', ['c'], -1, 1e300, 0)), async (path, by) => {
      try {
        assert.ok((await imported(JSON.stringify(replaced(base, path, by)))).spec.modules.length > 0);
      } catch (error) {
        if (!isSkeinError(error)) throw error;
        assert.equal(error.code, 'PIPELINE_INVALID');
        for (const { line, column } of error.data['problems'] as Problem[]) assert.ok(line > 0 && column > 0, error.message);
      }
    }),
    { numRuns: 300 },
  );
});

test('the place of a value is where the text has it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(), fc.constantFrom(0, 2), (value, pick, indent) => {
      const text = `\n${JSON.stringify(value, null, indent)} `;
      const paths = pathsOf(JSON.parse(text));
      const path = paths[pick % paths.length] ?? [];
      let expected: unknown = JSON.parse(text);
      for (const step of path) expected = (expected as Record<string | number, unknown>)[step];
      const { start, end } = placeOf(text, path);
      assert.deepEqual(JSON.parse(text.slice(start, end)), expected, pathText(path));
    }),
  );
});

test('a text is JSON where nothing is found wrong with it, and only there', () => {
  const broken = fc.tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '}', ']', '"', '1', '\\', '\n', '-', 'e', '{')).map(([text, at, by]) => {
    const start = at % (text.length + 1);
    return text.slice(0, start) + by + text.slice(start + 1);
  });
  fc.assert(
    fc.property(fc.oneof(fc.json(), broken), (text) => {
      const fault = syntaxFault(text);
      let valid = true;
      try {
        JSON.parse(text);
      } catch {
        valid = false;
      }
      assert.equal(fault === undefined, valid);
      assert.ok(fault === undefined || (fault.at >= 0 && fault.at <= text.length));
    }),
    { numRuns: 2000 },
  );
});
