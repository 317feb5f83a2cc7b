import { strict as assert } from 'node:assert';
import test from 'node:test';
import * as fc from 'fast-check';
import { IndexedHeap, type Positioned } from '../../../src/core/lib/indexed-heap.ts';

interface Item extends Positioned {
  readonly id: number;
  key: number;
}

const before = (a: Item, b: Item): boolean => (a.key === b.key ? a.id < b.id : a.key < b.key);

test('a heap whose items move: the first is always the least, whatever is put in, changed and taken out', () => {
  const step = fc.record({ kind: fc.constantFrom('push', 'push', 'change', 'remove', 'pop', 'changeAll'), which: fc.nat(999), key: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const heap = new IndexedHeap<Item>(before);
      const model: Item[] = [];
      for (const [id, { kind, which, key }] of steps.entries()) {
        const chosen = model[which % Math.max(1, model.length)];
        if (kind === 'push') {
          const item: Item = { id, key, position: -1 };
          model.push(item);
          heap.push(item);
        } else if (kind === 'changeAll') {
          for (const [i, item] of model.entries()) item.key = (key * (i + 3)) % 11;
          heap.allChanged();
        } else if (chosen !== undefined) {
          const item = kind === 'pop' ? heap.peek()! : chosen;
          if (kind === 'change') {
            item.key = key;
            heap.changed(item);
          } else {
            heap.remove(item);
            model.splice(model.indexOf(item), 1);
            assert.equal(item.position, -1);
          }
        }
        assert.equal(heap.peek(), model.toSorted((a, b) => (before(a, b) ? -1 : 1))[0]);
        assert.deepEqual([heap.size, new Set(heap.all())], [model.length, new Set(model)]);
        for (const [position, item] of heap.all().entries()) assert.equal(item.position, position);
      }
    }),
    { numRuns: 300 },
  );
});

test('an item is in one heap at a time, and only what is in a heap changes there', () => {
  const [one, other] = [new IndexedHeap<Item>(before), new IndexedHeap<Item>(before)];
  const item: Item = { id: 1, key: 1, position: -1 };
  one.push(item);
  assert.throws(() => other.push(item), /one heap at a time/);
  one.remove(item);
  assert.throws(() => one.changed(item), /only what is in a heap/);
  other.push(item);
  assert.equal(other.peek(), item);
});
