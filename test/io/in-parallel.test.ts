/** Some at a time, each once; nothing is begun after the first error. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { inParallel } from '../../src/io/in-parallel.ts';

const items = Array.from({ length: 100 }, (_, i) => i);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('each item once, no more than 16 at a time', async () => {
  const done: number[] = [];
  let now = 0;
  let most = 0;
  await inParallel(items, async (item) => {
    most = Math.max(most, (now += 1));
    await turn();
    now -= 1;
    done.push(item);
  });
  assert.deepEqual([done.toSorted((a, b) => a - b), most], [items, 16]);
});

test('after an error nothing more is begun', async () => {
  let begun = 0;
  await assert.rejects(
    inParallel(items, async (item) => {
      begun += 1;
      await turn();
      if (item === 3) throw new Error('no room');
    }),
    /no room/,
  );
  for (let i = 0; i < 20; i++) await turn();
  assert.ok(begun <= 32, String(begun));
});
