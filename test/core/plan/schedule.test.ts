import { strict as assert } from 'node:assert';
import test from 'node:test';
import * as fc from 'fast-check';
import { planSchedule } from '../../../src/core/plan/schedule.ts';
import { module } from '../cell/cells.ts';
import { graph } from '../cell/random-log.ts';

test('critical path, lower bound and makespan of a small pipeline', () => {
  const modules = [module('a', [], { durationMs: 10 }), module('b', [0], { durationMs: 30 }), module('c', [0], { durationMs: 20 }), module('d', [1, 2], { durationMs: 5 })];
  const one = planSchedule(modules, { workers: 1, slots: 1 });
  assert.deepEqual([one.criticalPath, one.criticalPathMs, one.workMs, one.lowerBoundMs, one.makespanMs], [[0, 1, 3], 45, 65, 65, 65]);
  const two = planSchedule(modules, { workers: 2, slots: 1 });
  assert.deepEqual([two.lowerBoundMs, two.makespanMs, [...two.startsMs]], [45, 45, [0, 10, 10, 40]]);
  assert.equal(new Set([two.workerOf[1], two.workerOf[2]]).size, 2);
});

test('the bound sees what must wait for the narrow start and the narrow end of a graph', () => {
  // a, then four side by side, then z: while a and z run, three of four slots idle.
  const wide = [module('a', [], { durationMs: 10 }), ...Array.from({ length: 8 }, (_, i) => module(`b${i}`, [0], { durationMs: 10 }))];
  assert.deepEqual([planSchedule(wide, { workers: 4, slots: 1 }).lowerBoundMs, planSchedule(wide, { workers: 4, slots: 1 }).makespanMs], [30, 30]);
  const mirrored = [...Array.from({ length: 8 }, (_, i) => module(`b${i}`, [], { durationMs: 10 })), module('z', [0, 1, 2, 3, 4, 5, 6, 7], { durationMs: 10 })];
  assert.equal(planSchedule(mirrored, { workers: 2, slots: 2 }).lowerBoundMs, 30);
});

test('a module holds its cpu slots on one worker; one that asks for more than a worker has never starts', () => {
  const modules = [module('a', [], { durationMs: 10, requires: { cpu: 2 } }), module('b', [], { durationMs: 10, requires: { cpu: 2 } }), module('c', [], { durationMs: 5 }), module('d', [], { durationMs: 1, requires: { cpu: 64 } }), module('e', [3], { durationMs: 1 })];
  const one = planSchedule(modules, { workers: 1, slots: 3 });
  assert.deepEqual([[...one.startsMs], one.makespanMs, one.unplaced], [[0, 10, 0, Number.NaN, Number.NaN], 20, [3]]);
  assert.deepEqual([...one.workerOf], [0, 0, 0, -1, -1]);
  // As many slots, but split: two of them never stand on one worker.
  assert.deepEqual(planSchedule(modules, { workers: 3, slots: 1 }).unplaced, [0, 1, 3]);
});

test('workers may differ', () => {
  const modules = [module('a', [], { durationMs: 10, requires: { cpu: 3 } }), module('b', [], { durationMs: 10 }), module('c', [], { durationMs: 10 })];
  const plan = planSchedule(modules, [{ slots: 1 }, { slots: 3 }]);
  assert.deepEqual([[...plan.workerOf].slice(0, 1), plan.makespanMs, plan.lowerBoundMs], [[1], 20, 12.5]);
});

test('memory of a worker is held like its slots', () => {
  const modules = [module('a', [], { durationMs: 10, requires: { memory: 600 } }), module('b', [], { durationMs: 10, requires: { memory: 600 } }), module('c', [], { durationMs: 10, requires: { memory: 2000 } })];
  const plan = planSchedule(modules, { workers: 1, slots: 4, memory: 1000 });
  assert.deepEqual([[...plan.startsMs], plan.makespanMs, plan.unplaced], [[0, 10, Number.NaN], 20, [2]]);
  assert.equal(planSchedule(modules, { workers: 1, slots: 4 }).makespanMs, 10);
});

test('unknown durations are taken for the average of the known ones, and zero ones are zero', () => {
  const modules = [module('a', [], { durationMs: 10 }), module('b', [0]), module('c', [1], { durationMs: 30 })];
  assert.equal(planSchedule(modules, { workers: 1, slots: 1 }).makespanMs, 60);
  assert.equal(planSchedule(modules, { workers: 1, slots: 1 }, Float64Array.of(0, 0, 0)).makespanMs, 0);
});

test('a mutex, a width and a barrier take their time', () => {
  const nas = { policy: { priority: 0, limits: [{ key: 'nas', max: 1 }], hedgeFactor: 0 } };
  const workers = { workers: 3, slots: 1 };
  const free = [module('a', [], { durationMs: 10 }), module('b', [], { durationMs: 20 }), module('c', [0], { durationMs: 10 })];
  assert.equal(planSchedule(free, workers).makespanMs, 20);
  assert.equal(planSchedule(free, workers, undefined, { policy: { priority: 5, parallelMax: 0, barrier: 'wave' } }).makespanMs, 30);
  assert.equal(planSchedule(free, workers, undefined, { policy: { priority: 5, parallelMax: 1, barrier: 'none' } }).makespanMs, 40);
  assert.equal(planSchedule([module('a', [], { durationMs: 10, ...nas }), module('b', [], { durationMs: 20, ...nas }), module('c', [], { durationMs: 5 })], workers).makespanMs, 30);
});

test('no pipeline, no time', () => {
  const { waves, criticalPath, lowerBoundMs, makespanMs, unplaced } = planSchedule([], { workers: 1, slots: 1 });
  assert.deepEqual({ waves, criticalPath, lowerBoundMs, makespanMs, unplaced }, { waves: [], criticalPath: [], lowerBoundMs: 0, makespanMs: 0, unplaced: [] });
});

test('the same pipeline is planned the same way each time', () => {
  for (let seed = 0; seed < 20; seed++) {
    const modules = graph(seed);
    assert.deepEqual(planSchedule(modules, { workers: 3, slots: 2 }), planSchedule(modules, { workers: 3, slots: 2 }));
  }
});

test('no schedule beats the lower bound, starts before its needs end, holds more slots than a worker has, or idles without need', () => {
  fc.assert(
    fc.property(fc.nat({ max: 100_000 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), fc.array(fc.nat({ max: 50 }), { minLength: 6, maxLength: 6 }), (seed, workers, slots, times) => {
      const modules = graph(seed).map((spec) => ({ ...spec, requires: { ...spec.requires, memory: 0 } }));
      const durationsMs = Float64Array.from(modules, (_, i) => times[i % times.length]!);
      const { lowerBoundMs, makespanMs, startsMs, workerOf, unplaced } = planSchedule(modules, { workers, slots }, durationsMs);
      for (const module of unplaced) assert.ok(modules[module]!.requires.cpu > slots);
      if (unplaced.length > 0) return;
      assert.ok(makespanMs >= lowerBoundMs - 1e-9);
      modules.forEach((spec, i) => spec.needs.forEach((need) => assert.ok(startsMs[i]! >= startsMs[need]! + durationsMs[need]!)));
      const heldAt = (at: number, worker: number): number => modules.reduce((sum, spec, i) => (workerOf[i] === worker && startsMs[i]! <= at && at < startsMs[i]! + durationsMs[i]! ? sum + spec.requires.cpu : sum), 0);
      for (const [i, spec] of modules.entries()) {
        const at = startsMs[i]!;
        for (let worker = 0; worker < workers; worker++) assert.ok(heldAt(at, worker) <= slots + 1e-9);
        const readyAt = Math.max(0, ...spec.needs.map((need) => startsMs[need]! + durationsMs[need]!));
        // Nothing waits while a worker has room for it from its readiness on.
        if (at > readyAt) for (let worker = 0; worker < workers; worker++) assert.ok(heldAt(readyAt, worker) + spec.requires.cpu > slots);
      }
    }),
  );
});

test('files: what is large stays where it is made, and what has to come takes the time of the network, one after the other', () => {
  const MB = 1e6;
  const worker = { slots: 1, bytesPerSecond: 100 * MB };
  const chains = [module('a', [], { durationMs: 1_000 }), module('b', [], { durationMs: 1_000 }), module('a2', [0], { durationMs: 1_000 }), module('b2', [1], { durationMs: 1_001 })];
  const files = [{ from: 0, bytes: 500 * MB, takers: [2] }, { from: 1, bytes: 500 * MB, takers: [3] }];
  const kept = planSchedule(chains, [worker, worker], undefined, { files });
  assert.deepEqual([[...kept.workerOf], [...kept.movedBytes], kept.makespanMs], [[1, 0, 1, 0], [0, 0, 0, 0], 2_001]);
  const both = planSchedule([module('x', [], { durationMs: 1 }), module('y', [], { durationMs: 2 })], [{ ...worker, slots: 2 }], undefined, { files: [{ from: -1, bytes: 100 * MB, takers: [0] }, { from: -1, bytes: 200 * MB, takers: [1] }, { from: -1, bytes: 300 * MB, takers: [0, 1] }] });
  assert.deepEqual([[...both.movedBytes], [...both.moveMs], both.makespanMs], [[100 * MB, 500 * MB], [6_000, 5_000], 6_001]);
});

test('files: a rehearsal waits for a holder, and goes on when the wait is over', () => {
  const MB = 1e6;
  const modules = [module('make', [], { durationMs: 100 }), ...Array.from({ length: 4 }, (_, n) => module(`take${n}`, [0], { durationMs: 1_000 + n }))];
  const plan = planSchedule(modules, [{ slots: 1, bytesPerSecond: 100 * MB }, { slots: 1, bytesPerSecond: 100 * MB }], undefined, { files: [{ from: 0, bytes: 250 * MB, takers: [1, 2, 3, 4] }] });
  // Three after each other on one worker, the fourth brings the file: 2.5 s are less than three times 1 s.
  assert.deepEqual([...plan.workerOf].filter((worker) => worker === plan.workerOf[0]).length, 4);
  assert.deepEqual([plan.movedBytes.reduce((sum, bytes) => sum + bytes, 0), plan.unplaced], [250 * MB, []]);
  assert.ok(plan.makespanMs < 3_700, `${plan.makespanMs}`);
});
