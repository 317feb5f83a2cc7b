/** Goal: a recording that is full forgets its oldest part, and still knows how everything stood where it begins. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Changes } from '../../../sim/html/changes.ts';
import { Traffic } from '../../../sim/html/traffic.ts';

type Change = readonly [time: number, thing: number, value: number];

/** The last value of each thing. */
function standAt(changes: readonly Change[], time: number): Map<number, number> {
  return new Map(changes.filter(([at]) => at <= time).map(([, thing, value]) => [thing, value]));
}

test('from where it is complete on, it stands for the same as the whole', () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 }), fc.integer()), { maxLength: 60 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 4, max: 20 }), (drawn, max) => {
      const kept = new Changes<Change>(max, ([, thing]) => thing);
      const whole: Change[] = [];
      let time = 0;
      for (const [delay, thing, value] of drawn) {
        whole.push([(time += delay), thing, value]);
        kept.push([time, thing, value]);
      }
      const from = kept.completeFrom;
      const list = kept.since(from);
      assert.ok(list.length <= max + 4, 'bounded');
      // Maps are compared whatever their order.
      for (let at = from; at <= time; at += 1) assert.deepEqual(standAt(list, at), standAt(whole, at));
      if (drawn.length <= max) assert.equal(list.length, drawn.length);
    }),
  );
});

test('traffic keeps its sums however long it counts', () => {
  const traffic = new Traffic(3);
  for (let time = 0; time < 1_000_000; time += 500) traffic.count(time, 0, 1);
  traffic.count(999_999, 2, 1);
  const { spanMs, total, pairs } = traffic.data();
  assert.equal(total.reduce((sum, count) => sum + count), 2001);
  assert.ok(total.length <= 1000 && spanMs * 1000 >= 1_000_000);
  assert.equal(pairs.length, 9);
  // Two or three messages a span of 1.6 s: step 2; nothing between others; one at the very end.
  assert.match(pairs[1] ?? '', /^[23]+$/);
  assert.match(pairs[3] ?? '', /^0+$/);
  assert.match(pairs[7] ?? '', /^0+1$/);
});
