import { strict as assert } from 'node:assert';
import test from 'node:test';
import { planWaves } from '../../../src/core/plan/waves.ts';
import { module } from '../cell/cells.ts';

test('a wave is 1 + the highest wave of the needs', () => {
  assert.deepEqual(planWaves([module('d', [1, 2]), module('b', [3]), module('c'), module('a'), module('e', [0])]), [[2, 3], [1], [0], [4]]);
  assert.deepEqual(planWaves([]), []);
});
