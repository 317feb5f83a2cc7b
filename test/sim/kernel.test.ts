import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { Kernel, Process } from '../../sim/kernel.ts';
import { EXACT_CLOCK, MachineClock, WALL_EPOCH_MS } from '../../sim/machine-clock.ts';
import { Prng } from '../../sim/prng.ts';

test('events fire in the order of time, then of scheduling', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 20 })), (times) => {
      const kernel = new Kernel();
      const fired: [number, number][] = [];
      times.forEach((time, sequence) => kernel.at(time, undefined, () => fired.push([time, sequence])));
      kernel.run(20);
      const expected = times.map((time, sequence): [number, number] => [time, sequence]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      assert.deepEqual(fired, expected);
    }),
  );
});

test('events fire at their virtual time and deferred calls before the next event', () => {
  const kernel = new Kernel();
  const process = new Process(kernel, 'a');
  const seen: string[] = [];
  process.setTimer(10, () => {
    seen.push(`timer ${process.now()}`);
    process.defer(() => seen.push('deferred'));
  });
  process.setTimer(10, () => seen.push('second'));
  process.setTimer(5, () => seen.push('cancelled')).cancel();
  kernel.run(9);
  assert.deepEqual(seen, []);
  kernel.run(20);
  assert.deepEqual(seen, ['timer 10', 'deferred', 'second']);
  assert.equal(kernel.now, 20);
});

test('a dead process never runs again', () => {
  const kernel = new Kernel();
  const process = new Process(kernel, 'a');
  process.setTimer(1, () => process.defer(() => assert.fail('deferred by a dead process')));
  process.setTimer(1, () => assert.fail('timer of a dead process'));
  kernel.at(0.5, undefined, () => process.kill());
  kernel.run(10);
  assert.equal(process.alive, false);
  assert.equal(kernel.queued, 0);
});

test('a paused process gets everything at once when it resumes, its clock having gone on, and may still cancel timers', () => {
  const kernel = new Kernel();
  const process = new Process(kernel, 'a');
  const seen: [string, number][] = [];
  process.setTimer(2, () => {
    seen.push(['first', process.now()]);
    late.cancel();
  });
  const late = process.setTimer(3, () => seen.push(['late', process.now()]));
  process.setTimer(4, () => seen.push(['third', process.now()]));
  kernel.at(1, undefined, () => process.pause());
  kernel.at(50, undefined, () => process.resume());
  kernel.run(100);
  assert.deepEqual(seen, [['first', 50], ['third', 50]]);
});

test('a skewed clock runs at its own rate from its own origin', () => {
  const kernel = new Kernel();
  const process = new Process(kernel, 'a', { monotonicOffsetMs: 1000, wallOffsetMs: -5, rate: 2 });
  let firedAt = 0;
  process.setTimer(10, () => (firedAt = kernel.now));
  kernel.run(20);
  assert.equal(firedAt, 5);
  assert.equal(process.now(), 1040);
});

test('a process that throws is reported as a crash of that process', () => {
  const kernel = new Kernel();
  const process = new Process(kernel, 'a');
  const crashes: string[] = [];
  kernel.onCrash = (owner, error) => crashes.push(`${owner.name}: ${error.message}`);
  process.setTimer(1, () => {
    throw new Error('boom');
  });
  kernel.run(2);
  assert.deepEqual(crashes, ['a: boom']);
});

test('forks of a generator do not depend on what was drawn before', () => {
  const plain = new Prng('7');
  const drawn = new Prng('7');
  drawn.float();
  assert.deepEqual(plain.fork('disk').bytes(8), drawn.fork('disk').bytes(8));
  assert.notDeepEqual(plain.fork('disk').bytes(8), plain.fork('network').bytes(8));
  const values = Array.from({ length: 10_000 }, () => plain.float());
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  assert.ok(mean > 0.48 && mean < 0.52, `mean ${mean}`);
});

test('the same events give the same hash', () => {
  const digest = (seed: string): string => {
    const kernel = new Kernel();
    const prng = new Prng(seed);
    const tick = (): void => void kernel.after(prng.between(0, 10), undefined, tick);
    tick();
    kernel.run(1000);
    return kernel.hash.digest();
  };
  assert.equal(digest('1'), digest('1'));
  assert.notEqual(digest('1'), digest('2'));
});

test('a machine that sleeps: monotonic time and timers stand still, the wall clock goes on, what came is there at once', () => {
  const kernel = new Kernel();
  const machine = new MachineClock();
  const process = new Process(kernel, 'a', EXACT_CLOCK, machine);
  const seen: [string, number, number][] = [];
  const note = (what: string) => (): void => void seen.push([what, kernel.now, process.now()]);
  process.setTimer(5, note('due before'));
  process.setTimer(20, note('due in sleep'));
  process.setTimer(500, note('due after'));
  kernel.at(50, undefined, () => process.run(note('message')));
  kernel.at(10, undefined, () => {
    process.pause();
    machine.sleep(kernel.now);
  });
  kernel.at(110, undefined, () => {
    machine.wake(kernel.now);
    process.resume();
    process.setTimer(1, note('set after'));
  });
  kernel.run(1000);
  assert.deepEqual(seen, [['due before', 5, 5], ['message', 110, 10], ['set after', 111, 11], ['due in sleep', 120, 20], ['due after', 600, 500]]);
  assert.equal(process.now(), 900);
  assert.equal(process.wall(), WALL_EPOCH_MS + 1000);
});

test('clocks that change their rate do not jump; a wall clock that is set does, alone', () => {
  const clock = new MachineClock({ monotonicOffsetMs: 7, wallOffsetMs: 100, rate: 0.5 });
  assert.equal(clock.monotonic(100), 57);
  clock.setRate(100, 2);
  assert.equal(clock.monotonic(100), 57);
  assert.equal(clock.monotonic(110), 77);
  clock.jump(-1000);
  assert.equal(clock.monotonic(110), 77);
  assert.equal(clock.wall(110), WALL_EPOCH_MS + 100 + 50 + 20 - 1000);
});

test('on a slow machine each turn takes its time, in order, and what was cancelled meanwhile does not happen', () => {
  const kernel = new Kernel();
  const process = new Process(kernel, 'a');
  const seen: [string, number][] = [];
  const note = (what: string) => (): void => void seen.push([what, kernel.now]);
  process.slowDown(10);
  process.setTimer(1, () => {
    note('first')();
    process.defer(note('deferred'));
  });
  const cancelled = process.setTimer(2, note('cancelled'));
  kernel.at(3, undefined, () => process.run(note('message')));
  process.setTimer(4, note('second'));
  kernel.at(5, undefined, () => cancelled.cancel());
  kernel.at(35, undefined, () => process.slowDown(0));
  process.setTimer(50, note('third'));
  process.setTimer(50.5, note('fourth'));
  kernel.run(100);
  assert.deepEqual(seen, [['first', 1], ['deferred', 1], ['message', 11], ['second', 21], ['third', 50], ['fourth', 50.5]]);
});

test('on a slow machine work that is cut finely costs what it costs in one piece', () => {
  const kernel = new Kernel();
  const process = new Process(kernel, 'a');
  const seen: number[] = [];
  process.slowDown(10, 2);
  const piece = (left: number): void => {
    process.defer(() => undefined);
    seen.push(kernel.now);
    if (left > 0) process.setTimer(0, () => piece(left - 1));
  };
  process.setTimer(1, () => piece(2));
  process.setTimer(30, () => piece(0));
  process.setTimer(31, () => piece(0));
  kernel.run(100);
  assert.deepEqual(seen, [1, 11, 13, 30, 40]);
});

test('a slow process that is paused goes on with what waited; one that died does not', () => {
  for (const dies of [false, true]) {
    const kernel = new Kernel();
    const process = new Process(kernel, 'a');
    const seen: number[] = [];
    process.slowDown(10);
    for (let i = 0; i < 3; i += 1) process.setTimer(1, () => seen.push(kernel.now));
    kernel.at(5, undefined, () => (dies ? process.kill() : process.pause()));
    kernel.at(100, undefined, () => process.resume());
    kernel.run(1000);
    assert.deepEqual(seen, dies ? [1] : [1, 100, 110]);
  }
});

test('whoever goes round in circles at one instant of time is a crash, not an endless simulation', () => {
  const kernel = new Kernel();
  const errors: string[] = [];
  kernel.onCrash = (_, error) => {
    errors.push(error.message);
    kernel.stop();
  };
  const process = new Process(kernel, 'a');
  const again = (): void => void process.setTimer(0, again);
  again();
  assert.equal(kernel.run(1), false);
  assert.match(errors[0] ?? '', /events at one instant/);
});
