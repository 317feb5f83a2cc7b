import { strict as assert } from 'node:assert';
import test from 'node:test';
import * as fc from 'fast-check';
import { planSchedule, planWaves } from '../../../src/core/plan/waves.ts';
import { module } from '../cell/cells.ts';
import { graph } from '../cell/random-log.ts';

test('a wave is 1 + the highest wave of the needs', () => {
  assert.deepEqual(planWaves([module('d', [1, 2]), module('b', [3]), module('c'), module('a'), module('e', [0])]), [[2, 3], [1], [0], [4]]);
  assert.deepEqual(planWaves([]), []);
});

test('critical path, lower bound and makespan of a small pipeline', () => {
  const modules = [module('a', [], { durationMs: 10 }), module('b', [0], { durationMs: 30 }), module('c', [0], { durationMs: 20 }), module('d', [1, 2], { durationMs: 5 })];
  const one = planSchedule(modules, { slots: 1 });
  assert.deepEqual([one.criticalPath, one.criticalPathMs, one.workMs, one.lowerBoundMs, one.makespanMs], [[0, 1, 3], 45, 65, 65, 65]);
  const two = planSchedule(modules, { slots: 2 });
  assert.deepEqual([two.lowerBoundMs, two.makespanMs, [...two.startsMs]], [45, 45, [0, 10, 10, 40]]);
});

test('a module holds its cpu slots; one that asks for more than there are holds all', () => {
  const modules = [module('a', [], { durationMs: 10, requires: { cpu: 2 } }), module('b', [], { durationMs: 10, requires: { cpu: 2 } }), module('c', [], { durationMs: 5 }), module('d', [], { durationMs: 1, requires: { cpu: 64 } })];
  assert.deepEqual([...planSchedule(modules, { slots: 3 }).startsMs], [0, 10, 0, 20]);
});

test('no schedule beats the lower bound, starts before its needs end, or holds more slots than there are', () => {
  fc.assert(
    fc.property(fc.nat({ max: 100_000 }), fc.integer({ min: 1, max: 5 }), fc.array(fc.nat({ max: 50 }), { minLength: 6, maxLength: 6 }), (seed, slots, times) => {
      const modules = graph(seed);
      const durationsMs = Float64Array.from(modules, (_, i) => times[i]!);
      const { lowerBoundMs, makespanMs, startsMs } = planSchedule(modules, { slots, durationsMs });
      assert.ok(makespanMs >= lowerBoundMs - 1e-9);
      modules.forEach((spec, i) => spec.needs.forEach((need) => assert.ok(startsMs[i]! >= startsMs[need]! + durationsMs[need]!)));
      for (const at of startsMs) {
        const held = modules.reduce((sum, spec, i) => (startsMs[i]! <= at && at < startsMs[i]! + durationsMs[i]! ? sum + Math.min(spec.requires.cpu, slots) : sum), 0);
        assert.ok(held <= slots);
      }
    }),
  );
});
