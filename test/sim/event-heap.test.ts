/** The heap of events against a sorted list. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { EventHeap, type Ordered } from '../../sim/event-heap.ts';

test('events leave by time, then in the order in which they were scheduled', () => {
  const step = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 20 }) }, { weight: 2, arbitrary: fc.constant('pop' as const) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const heap = new EventHeap<Ordered>();
      const list: Ordered[] = [];
      let sequence = 0;
      const check = (): void => {
        list.sort((a, b) => a.time - b.time || a.sequence - b.sequence);
        assert.equal(heap.peek(), list[0]);
        assert.equal(heap.pop(), list.shift());
        assert.equal(heap.size, list.length);
      };
      for (const item of steps) {
        if (item === 'pop') {
          check();
          continue;
        }
        const event = { time: item / 4, sequence: (sequence += 1) };
        heap.push(event);
        list.push(event);
      }
      while (list.length > 0) check();
      assert.equal(heap.pop(), undefined);
    }),
    { numRuns: 1000 },
  );
});
