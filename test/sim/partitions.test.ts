/** Each shape of a partition cuts what its name says. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { nodeId, type NodeId } from '../../src/core/lib/ids.ts';
import { drawPaths, PARTITION_SHAPES, type PartitionShape } from '../../sim/partitions.ts';
import { Prng } from '../../sim/prng.ts';

function ids(count: number): NodeId[] {
  return Array.from({ length: count }, (_, i) => nodeId(`n${i}`));
}

/** Who hears whom: `sees(a, b)` is false when nothing of b reaches a or nothing of a reaches b. */
function view(shape: PartitionShape, nodes: readonly NodeId[], seed: string, leader?: NodeId): { degree: (id: NodeId) => number; cut: (from: NodeId, to: NodeId) => boolean; size: number } {
  const paths = drawPaths(shape, nodes, leader, new Prng(seed));
  const keys = new Set(paths.map(([from, to]) => `${from} ${to}`));
  const cut = (from: NodeId, to: NodeId): boolean => keys.has(`${from} ${to}`);
  const degree = (id: NodeId): number => nodes.filter((other) => other !== id && !cut(id, other) && !cut(other, id)).length;
  return { degree, cut, size: keys.size };
}

const cases = fc.record({ count: fc.integer({ min: 4, max: 9 }), seed: fc.string() });

function holds(shape: PartitionShape, check: (nodes: readonly NodeId[], degrees: readonly number[], seed: string) => void): void {
  fc.assert(
    fc.property(cases, ({ count, seed }) => {
      const nodes = ids(count);
      const { degree } = view(shape, nodes, seed);
      check(nodes, nodes.map(degree).sort((a, b) => a - b), seed);
    }),
    { numRuns: 50 },
  );
}

test('isolate: one node sees nobody, all others see all but it', () => {
  holds('isolate', (nodes, degrees) => assert.deepEqual(degrees, [0, ...Array.from({ length: nodes.length - 1 }, () => nodes.length - 2)]));
});

test('isolateLeader: that one is the leader', () => {
  const nodes = ids(5);
  const { degree } = view('isolateLeader', nodes, 'any', nodes[3]);
  assert.deepEqual(nodes.map(degree), [3, 3, 3, 0, 3]);
});

test('partial: two nodes do not see each other, all others see both', () => {
  holds('partial', (nodes, degrees) => assert.deepEqual(degrees, [...[0, 0].map(() => nodes.length - 2), ...Array.from({ length: nodes.length - 2 }, () => nodes.length - 1)]));
});

test('bridge: one node sees all, the others are two groups apart', () => {
  holds('bridge', (nodes, degrees, seed) => {
    assert.equal(degrees.at(-1), nodes.length - 1);
    const { degree, cut } = view('bridge', nodes, seed);
    const others = nodes.filter((id) => degree(id) < nodes.length - 1);
    // Not seeing somebody is an equivalence of two classes among them.
    const [one] = others as [NodeId];
    const far = others.filter((id) => cut(one, id));
    const near = others.filter((id) => !cut(one, id));
    assert.ok(far.length > 0 && far.every((a) => near.every((b) => cut(a, b) && cut(b, a))));
    assert.ok(near.every((a) => near.every((b) => !cut(a, b))) && far.every((a) => far.every((b) => !cut(a, b))));
  });
});

test('star: everybody sees one node only', () => {
  holds('star', (nodes, degrees) => assert.deepEqual(degrees, [...Array.from({ length: nodes.length - 1 }, () => 1), nodes.length - 1]));
});

test('ring: everybody sees two', () => {
  holds('ring', (nodes, degrees) => assert.deepEqual(new Set(degrees), new Set([2])));
});

test('one-way shapes cut one direction only', () => {
  const nodes = ids(5);
  for (const shape of ['oneWay', 'deaf', 'mute'] as const) {
    const { cut, size } = view(shape, nodes, shape);
    assert.equal(size, shape === 'oneWay' ? 1 : 4);
    for (const a of nodes) for (const b of nodes) assert.ok(!(cut(a, b) && cut(b, a)));
  }
});

test('every shape cuts something between two nodes already, and nothing where there is one', () => {
  for (const shape of PARTITION_SHAPES) {
    assert.ok(drawPaths(shape, ids(2), undefined, new Prng(shape)).length > 0, shape);
    assert.equal(drawPaths(shape, ids(1), undefined, new Prng(shape)).length, 0, shape);
  }
});
