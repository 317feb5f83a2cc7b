/** Goal: blobs take turns, what is asked of one of them comes in order, and what is taken back is gone. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import type { Cid } from '../../src/core/lib/ids.ts';
import { Turns } from '../../src/runtime/blobs/turns.ts';

interface Answer {
  readonly id: number;
  readonly cid: Cid;
  left: number;
}

function turnsOf(...answers: readonly (readonly [id: number, cid: string, pieces: number])[]): Turns<Answer> {
  const turns = new Turns<Answer>();
  for (const [id, cid, left] of answers) turns.add({ id, cid: cid as Cid, left });
  return turns;
}

/** Ids in the order in which their pieces leave. */
function served(turns: Turns<Answer>): string {
  const order: number[] = [];
  for (let answer = turns.take(); answer !== undefined; answer = turns.take()) {
    order.push(answer.id);
    if (--answer.left > 0) turns.putBack(answer);
  }
  return order.join(' ');
}

test('a small blob does not wait for a large one, and of one blob an answer ends before the next begins', () => {
  assert.equal(served(turnsOf([1, 'large', 3], [2, 'large', 2], [3, 'small', 1])), '1 3 1 1 2 2');
  assert.equal(served(turnsOf([1, 'a', 2], [2, 'b', 2])), '1 2 1 2');
});

test('what is taken back is not served, wherever it stands', () => {
  const turns = turnsOf([1, 'a', 1], [2, 'a', 1], [3, 'b', 1]);
  turns.remove(2);
  turns.remove(9);
  assert.equal(turns.count, 2);
  assert.equal(served(turns), '1 3');
  assert.equal(turns.first(), undefined);
});

test('each piece of each answer leaves once, those of one blob in the order in which they were asked for', () => {
  const asked = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 1, max: 4 })), { maxLength: 12 });
  fc.assert(
    fc.property(asked, (list) => {
      const turns = turnsOf(...list.map(([cid, pieces], id) => [id, cid, pieces] as const));
      const order = served(turns).split(' ').filter((id) => id !== '').map(Number);
      for (const cid of ['a', 'b', 'c']) {
        const wanted = list.flatMap(([of, pieces], id) => (of === cid ? Array.from({ length: pieces }, () => id) : []));
        assert.deepEqual(order.filter((id) => list[id]![0] === cid), wanted);
      }
      assert.equal(turns.count, 0);
    }),
  );
});
