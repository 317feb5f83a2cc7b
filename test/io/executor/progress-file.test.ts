/** What modules say of how far they are: the file behind SKEIN_PROGRESS, and functions. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { parseProgress } from '../../../src/io/executor/progress-file.ts';
import type { Progress } from '../../../src/ports/executor.ts';
import { bench, bundled, command, registered, until } from './harness.ts';

const block = (us: number, end: string, more = ''): string => `${more}frame=120\nfps=25.0\nout_time_us=${us}\nout_time_ms=${us}\nout_time=00:00:05.0\nspeed=2.5x\nprogress=${end}\n`;

const cases: readonly (readonly [string, Progress | undefined])[] = [
  ['', undefined],
  ['0.42 packing\n', { fraction: 0.42, message: 'packing' }],
  ['0.1 one\n0.2 two\n0.3 thr', { fraction: 0.2, message: 'two' }],
  ['42%\n', { fraction: 0.42, message: '' }],
  ['42.5%   of  it\r\n\n', { fraction: 0.425, message: 'of it' }],
  ['1\n', { fraction: 1, message: '' }],
  ['7 too much\n', { fraction: 1, message: 'too much' }],
  ['.5\n', { fraction: 0.5, message: '' }],
  ['only words\n', { fraction: null, message: 'only words' }],
  [block(5_000_000, 'continue'), { fraction: null, message: '5.0 s, frame 120, 2.5x' }],
  [block(5_000_000, 'continue', 'duration=20\n'), { fraction: 0.25, message: '5.0 s, frame 120, 2.5x' }],
  [block(5_000_000, 'continue', 'duration=20\n') + block(10_000_000, 'continue') + 'frame=300\n', { fraction: 0.5, message: '10.0 s, frame 120, 2.5x' }],
  [block(5_000_000, 'continue') + block(9_000_000, 'end'), { fraction: 1, message: '9.0 s, frame 120, 2.5x' }],
  ['out_time_us=N/A\nspeed=N/A\nprogress=continue\n', { fraction: null, message: '0.0 s' }],
  ['frame=1\n', undefined],
];

for (const [text, expected] of cases) test(`progress: ${JSON.stringify(text).slice(0, 60)}`, () => assert.deepEqual(parseProgress(text), expected));

test('whatever is written, what is taken from it is bounded', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('progress=', '1e999 x', '9'.repeat(400), 'x'.repeat(5000))), (text) => {
      const said = parseProgress(`${text}\n`);
      if (said === undefined) return;
      assert.ok(said.message.length <= 120 && said.message.isWellFormed() && !said.message.includes('\n'));
      assert.ok(said.fraction === null || (said.fraction >= 0 && said.fraction <= 1));
    }),
  );
});

test('commands, functions in processes and functions of the program say how far they are', async (t) => {
  const { executor, run } = bench(t, { registered: { wait: async ({ progress, signal }) => {
    progress(0.75, 'nearly');
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  } } });
  const source = `export async function build({ progress, signal }) {
    for (let i = 0; i < 1000; i++) progress(i / 2000, 'step ' + i);
    progress(0.5, 'half');
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  }`;
  const all = [
    [command('echo "0.25 first quarter" >> "$SKEIN_PROGRESS"; sleep 60'), { fraction: 0.25, message: 'first quarter' }],
    [bundled(source, 'build'), { fraction: 0.5, message: 'half' }],
    [registered('wait'), { fraction: 0.75, message: 'nearly' }],
  ] as const;
  const ends = all.map(([execution]) => run(execution));
  for (const [{ fence }, expected] of all) {
    assert.ok(await until(() => executor.progress(fence)?.fraction === expected.fraction), JSON.stringify(executor.progress(fence)));
    assert.deepEqual(executor.progress(fence), expected);
    assert.equal(executor.progress(fence), executor.progress(fence), 'the same until it says something else');
    executor.cancel(fence, 'grace', 'MODULE_CANCELLED');
  }
  await Promise.all(ends);
  assert.equal(executor.progress(all[0][0].fence), undefined);
});

test('whatever a function says of its progress, it goes on', async (t) => {
  const { run } = bench(t);
  const source = `export async function build({ progress }) {
    progress(0.5, 'x'.repeat(3_000_000));
    progress(10n, Symbol.iterator);
    await new Promise((resolve) => setTimeout(resolve, 50));
    return { done: true };
  }`;
  const outcome = await run(bundled(source, 'build'));
  assert.deepEqual([outcome.error, outcome.values], [null, { done: true }]);
});
