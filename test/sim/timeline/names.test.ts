/** Goal: a list of cut paths reads as the sides of a partition, and stands for exactly those paths. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { describePaths, readable, type NamedPath } from '../../../sim/timeline/names.ts';

function both(left: readonly string[], right: readonly string[]): NamedPath[] {
  return left.flatMap((a) => right.flatMap((b): NamedPath[] => [[a, b], [b, a]]));
}

test('shapes of partitions', () => {
  const cases: readonly (readonly [string, readonly NamedPath[]])[] = [
    ['', []],
    ['n1 n2 | n3 n4 n5', both(['n2', 'n1'], ['n5', 'n4', 'n3'])],
    ['n1 | n2 | n10', [...both(['n1'], ['n2', 'n10']), ...both(['n2'], ['n10'])]],
    ['n1 ↛ n2', [['n1', 'n2']]],
    ['n1 n2 ↛ n3', [['n2', 'n3'], ['n1', 'n3']]],
    ['n3 ↛ n1 n2', [['n3', 'n1'], ['n3', 'n2']]],
    ['n1 | n2, n2 ↛ n3', [...both(['n1'], ['n2']), ['n2', 'n3']]],
    // A ring of five, each cut off from those that are not its neighbours.
    ['n1 | n3 n4, n2 | n4 n5, n3 | n5', [...both(['n1'], ['n3', 'n4']), ...both(['n2'], ['n4', 'n5']), ...both(['n3'], ['n5'])]],
  ];
  for (const [text, paths] of cases) assert.equal(describePaths(paths), text);
});

/** What a description stands for. */
function pathsOf(text: string): Set<string> {
  const found = new Set<string>();
  for (const part of text.split(', ').filter((piece) => piece !== '')) {
    const oneWay = part.split(' ↛ ').map((side) => side.split(' '));
    if (oneWay.length === 2) for (const a of oneWay[0] ?? []) for (const b of oneWay[1] ?? []) found.add(`${a}>${b}`);
    const sides = part.split(' | ').map((side) => side.split(' '));
    for (const [i, left] of sides.entries()) for (const right of sides.slice(i + 1)) for (const [a, b] of both(left, right)) found.add(`${a}>${b}`);
  }
  return found;
}

test('a description names each cut path and no other', () => {
  const name = fc.integer({ min: 1, max: 6 }).map((index) => `n${index}`);
  const path = fc.tuple(name, name).filter(([a, b]) => a !== b);
  fc.assert(
    fc.property(fc.array(path, { maxLength: 30 }), (paths) => {
      assert.deepEqual(pathsOf(describePaths(paths)), new Set(paths.map(([a, b]) => `${a}>${b}`)));
    }),
  );
});

test('identities become names, lists of paths become sides', () => {
  assert.equal(readable('cut (halves): node-1→node-2 node-2→node-1 node-1→node-3 node-3→node-1'), 'cut (halves): n1 | n2 n3');
  assert.equal(readable('membership: node-2/d5164427f5f4dbd3 joins, led by node-12'), 'membership: n2 joins, led by n12');
  assert.equal(readable('no node is named here'), 'no node is named here');
});
