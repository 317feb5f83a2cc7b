/** Goal: what `pipeline plan` and `pipeline graph` print, word for word; units and suggestions as people write them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { compileRun } from '../../src/pipeline/compile.ts';
import { formatGraph } from '../../src/pipeline/graph.ts';
import { formatPlan, planData } from '../../src/pipeline/plan-text.ts';
import { editDistance, suggest } from '../../src/pipeline/suggest.ts';
import { formatDuration, parseDuration, parseSize } from '../../src/pipeline/units.ts';
import { load } from './helpers.ts';

const spec = await compileRun(
  await load('name: web "shop"\nmodules:\n  lint: { run: a }\n  "@app/test": { run: b, duration: 90s }\n  build: { run: c, needs: lint }\n  ship: { run: d, needs: ["@app/test", build], effectful: true }\n'),
);

test('plan', () => {
  assert.equal(
    formatPlan(spec, { workers: { workers: 2, slots: 1 } }),
    [
      'web "shop": 4 modules in 3 waves',
      '',
      'Wave 1: lint and @app/test run in parallel',
      'Wave 2: build after lint',
      'Wave 3: ship after @app/test and build',
      '',
      'Critical path: lint → build → ship (3 modules, 4 min 30 s as declared)',
      'On 2 workers with 1 cpu slot each: 4 min 30 s planned, 1.00 × the lower bound of 4 min 30 s, taking the 3 modules without a duration for the average of the others',
      'A module starts when its own needs are done; waves are not barriers.',
    ].join('\n'),
  );
});

test('plan of many modules is cut, unless all are asked for', async () => {
  const names = Array.from({ length: 20 }, (_, index) => `m${index}`);
  const wide = await compileRun(await load(`modules:\n${names.map((name, index) => `  ${name}: { run: a, needs: [${index < 10 ? '' : `m${index - 1}`}] }\n`).join('')}`));
  const text = formatPlan(wide);
  assert.match(text, /^Wave 1: m0, m1, m2, m3, m4, m5, m6, m7 and 2 more run in parallel$/m);
  assert.match(text, /^Critical path: m9 → m10 → .* → … \(3 more\) → m19 \(11 modules\)$/m);
  assert.match(formatPlan(wide, { all: true }), /^Wave 1: m0, m1, m2, m3, m4, m5, m6, m7, m8 and m9 run in parallel$/m);
});

test('plan of modules that fit on no worker', () => {
  const greedy = { ...spec, modules: spec.modules.map((module, i) => (i === 2 ? { ...module, requires: { ...module.requires, cpu: 8 } } : module)) };
  assert.match(formatPlan(greedy, { workers: { workers: 1, slots: 4 } }), /^On 1 worker with 4 cpu slots: never done\. No worker has the cpu slots or the memory for build: not started, and so 1 module behind it$/m);
  const { schedule } = planData(greedy, { workers: 1, slots: 4 }) as { schedule: { makespanMs: unknown; unplaced: unknown; starts: unknown[] } };
  assert.deepEqual([schedule.makespanMs, schedule.unplaced, schedule.starts[2], schedule.starts[1]], [null, ['build'], { module: 'build', worker: null, startMs: null, durationMs: 90_000 }, { module: '@app/test', worker: 0, startMs: 0, durationMs: 90_000 }]);
});

test('plan of a run with a barrier, a width and keys', async () => {
  const plan = formatPlan(await compileRun(await load('barrier: wave\nmax-parallel: 2\nmodules:\n  a: { run: a, mutex: nas }\n  b: { run: b, limit: { key: nas, max: 3 } }\n  c: { run: c, mutex: nas, needs: a }\n')));
  assert.deepEqual(plan.split('\n').slice(-4), ['Mutex nas: a and c', 'Limit of 3, nas: b', 'At most 2 modules at a time', 'Waves are barriers: a module starts when all modules of the waves before its own are done.']);
});

test('plan as data', () => {
  const plan = planData(spec, { workers: 1, slots: 1, memory: 1024 });
  assert.deepEqual(
    { ...plan, schedule: undefined },
    { name: 'web "shop"', modules: 4, needs: 3, waves: [['lint', '@app/test'], ['build'], ['ship']], criticalPath: ['lint', 'build', 'ship'], criticalPathMs: 270_000, workMs: 360_000, schedule: undefined },
  );
  const { schedule } = plan as { schedule: Record<string, unknown> };
  assert.deepEqual(
    { ...schedule, starts: (schedule['starts'] as { module: string; startMs: number }[]).map(({ module, startMs }) => [module, startMs]) },
    { workers: 1, slots: 1, memory: 1024, lowerBoundMs: 360_000, makespanMs: 360_000, unplaced: [], starts: [['lint', 0], ['@app/test', 90_000], ['build', 180_000], ['ship', 270_000]] },
  );
  assert.equal(planData(spec)['schedule'], null);
});

test('graph as Mermaid', () => {
  assert.equal(
    formatGraph(spec, 'mermaid'),
    'flowchart TD\n  m0["lint"]\n  m1["#64;app/test"]\n  m2["build"]\n  m3{{"ship"}}\n  m0 --> m2\n  m1 --> m3\n  m2 --> m3',
  );
});

test('graph as Graphviz', () => {
  assert.equal(
    formatGraph(spec, 'dot'),
    'digraph "web \\"shop\\"" {\n  rankdir=TB;\n  node [shape=box];\n  "lint";\n  "@app/test";\n  "build";\n  "ship" [shape=hexagon];\n  "lint" -> "build";\n  "@app/test" -> "ship";\n  "build" -> "ship";\n}',
  );
});

test('graph as text', () => {
  assert.equal(formatGraph(spec, 'text'), 'web "shop"\n  lint\n  @app/test\n    build  ← lint\n      ship  ← @app/test, build');
});

test('graph as JSON', () => {
  const { name, modules } = JSON.parse(formatGraph(spec, 'json')) as { name: string; modules: object[] };
  assert.equal(name, 'web "shop"');
  assert.deepEqual(modules[3], { name: 'ship', wave: 3, action: 'run', needs: ['@app/test', 'build'], durationMs: 0, effectful: true });
});

test('durations and sizes', () => {
  const durations = { '500ms': 500, '10s': 10_000, '5m': 300_000, '2h': 7_200_000, '7d': 604_800_000, '1.5s': 1500, '10 s': 10_000, '0s': 0 };
  for (const [text, value] of Object.entries(durations)) assert.equal(parseDuration(text), value, text);
  for (const text of ['', '5', 's', '5x', '-5s', '5S', '1e3s', '5m30s', '9'.repeat(16) + 's', '5constructor']) assert.equal(parseDuration(text), undefined, text);
  const sizes = { '4MiB': 4_194_304, '2GiB': 2_147_483_648, '1KB': 1000, '1.5KiB': 1536, '7B': 7 };
  for (const [text, value] of Object.entries(sizes)) assert.equal(parseSize(text), value, text);
  for (const text of ['', '4', '4mib', 'MiB', '4 Mi B', '999999999TiB']) assert.equal(parseSize(text), undefined, text);
  assert.deepEqual([0, 250, 1500, 60_000, 5_400_000, 90_061_000].map(formatDuration), ['0 ms', '250 ms', '1.5 s', '1 min', '1 h 30 min', '1 d 1 h']);
});

test('suggestions', () => {
  const names = ['needs', 'name', 'timeout', 'dependsOn', 'run'];
  for (const [found, expected] of Object.entries({ neds: 'needs', nmae: 'name', timeot: 'timeout', depends_on: 'dependsOn', RUN: 'run', rn: undefined, xyz: undefined, '': undefined })) {
    assert.equal(suggest(found, names), expected, found);
  }
});

test('edit distance agrees with its definition', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 });
  const slow = (a: string, b: string): number => {
    if (a === '' || b === '') return a.length + b.length;
    const cost = Math.min(slow(a.slice(1), b) + 1, slow(a, b.slice(1)) + 1, slow(a.slice(1), b.slice(1)) + (a[0] === b[0] ? 0 : 1));
    return a[0] === b[1] && a[1] === b[0] && a.length > 1 && b.length > 1 ? Math.min(cost, slow(a.slice(2), b.slice(2)) + 1) : cost;
  };
  fc.assert(fc.property(word, word, (a, b) => assert.equal(editDistance(a, b, 99), slow(a, b))), { numRuns: 60 });
});
