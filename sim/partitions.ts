/** The shapes of partitions: which directions between which hosts are cut. */
import type { NodeId } from '../src/core/lib/ids.ts';
import type { Prng } from './prng.ts';

/**
 * - `halves`: two groups that do not see each other.
 * - `isolate`, `isolateLeader`: one node against all others.
 * - `partial`: two nodes do not see each other, all others see both.
 * - `bridge`: two groups that do not see each other, and one node that sees both.
 * - `star`: everybody sees one node only, the same for all.
 * - `ring`: everybody sees two neighbours only.
 * - `oneWay`: of two nodes one does not hear the other.
 * - `deaf`: one node hears nobody, and is heard. `mute`: the reverse.
 */
export type PartitionShape = 'halves' | 'isolate' | 'isolateLeader' | 'partial' | 'bridge' | 'star' | 'ring' | 'oneWay' | 'deaf' | 'mute';

export const PARTITION_SHAPES: readonly PartitionShape[] = ['halves', 'isolate', 'isolateLeader', 'partial', 'bridge', 'star', 'ring', 'oneWay', 'deaf', 'mute'];

/** Fewer nodes than this and the shape cuts nothing, or everything. */
const NODES_MIN: Partial<Record<PartitionShape, number>> = { bridge: 3, star: 3, ring: 4 };

export type Path = readonly [from: NodeId, to: NodeId];

/**
 * Which directions a partition of this shape cuts. Too few nodes for the shape: it becomes `partial`.
 * @param leader who leads, if anybody does; only `isolateLeader` asks.
 */
export function drawPaths(shape: PartitionShape, nodes: readonly NodeId[], leader: NodeId | undefined, random: Prng): Path[] {
  const ids = random.shuffle(nodes);
  const [first, second] = ids as [NodeId, NodeId];
  const others = ids.slice(1);
  if (ids.length < (NODES_MIN[shape] ?? 2)) return ids.length < 2 ? [] : bothWays([first], [second]);
  switch (shape) {
    case 'halves': {
      const left = ids.slice(0, random.int(1, ids.length - 1));
      return bothWays(left, ids.slice(left.length));
    }
    case 'isolate':
      return bothWays([first], others);
    case 'isolateLeader': {
      const alone = leader ?? first;
      return bothWays([alone], ids.filter((id) => id !== alone));
    }
    case 'partial':
      return bothWays([first], [second]);
    case 'bridge': {
      const left = others.slice(0, random.int(1, others.length - 1));
      return bothWays(left, others.slice(left.length));
    }
    case 'star':
      return unless(ids, (a, b) => a === 0 || b === 0);
    case 'ring':
      return unless(ids, (a, b) => (a + 1) % ids.length === b || (b + 1) % ids.length === a);
    case 'oneWay':
      return [[first, second]];
    case 'deaf':
      return others.map((other) => [other, first]);
    case 'mute':
      return others.map((other) => [first, other]);
  }
}

export function bothWays(left: readonly NodeId[], right: readonly NodeId[]): Path[] {
  return left.flatMap((a) => right.flatMap((b): Path[] => [[a, b], [b, a]]));
}

/** Cuts every direction between two different nodes but those that stay, by position. */
function unless(ids: readonly NodeId[], stays: (a: number, b: number) => boolean): Path[] {
  return ids.flatMap((from, a) => ids.flatMap((to, b): Path[] => (a === b || stays(a, b) ? [] : [[from, to]])));
}
