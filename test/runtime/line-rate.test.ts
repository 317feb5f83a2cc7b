/** Goal: a line is measured while it has something to carry, and by nothing else. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { LINE_KNOWN_MS } from '../../src/runtime/blobs/limits.ts';
import { LineRate } from '../../src/runtime/blobs/line-rate.ts';

const KIB = 1024;

/** A line of so many KiB a ms into which more is put whenever less than `aheadKib` stands before it. */
function carried(kibPerMs: number, aheadKib: number, lookEveryMs: number): LineRate {
  const line = new LineRate();
  let queued = 0;
  for (let now = 0; now < 1000; now += lookEveryMs) {
    line.look(queued, now);
    while (queued < aheadKib * KIB) {
      line.sent(256 * KIB);
      queued += 256 * KIB;
    }
    queued = Math.max(0, queued - kibPerMs * KIB * lookEveryMs);
  }
  return line;
}

test('while more stands in the queue than it takes between two looks, what it takes is known', () => {
  for (const kibPerMs of [1, 10, 100]) {
    const bytesPerMs = carried(kibPerMs, 1024, 5).bytesPerMs(1000);
    assert.ok(Math.abs(bytesPerMs - kibPerMs * KIB) < 0.1 * kibPerMs * KIB, `${bytesPerMs / KIB} of ${kibPerMs}`);
  }
});

test('a line that runs empty before anybody looks is not taken for a slow one', () => {
  assert.equal(carried(1000, 1024, 5).bytesPerMs(1000), Infinity);
  assert.equal(carried(10, 256, 100).bytesPerMs(1000), Infinity);
});

test('what is asked for now and then says nothing, though it stands there when the next one comes', () => {
  const line = new LineRate();
  for (let now = 0; now < 10_000; now += 200) {
    line.look(0, now);
    line.sent(256 * KIB);
    line.look(256 * KIB, now);
  }
  assert.equal(line.bytesPerMs(10_000), Infinity);
});

test('what is known is forgotten when nothing has confirmed it for a while', () => {
  const line = carried(1, 1024, 5);
  assert.ok(line.bytesPerMs(1000 + LINE_KNOWN_MS / 2) < Infinity);
  assert.equal(line.bytesPerMs(1000 + LINE_KNOWN_MS), Infinity);
  assert.equal(line.bytesPerMs(1000), Infinity, 'for good');
});
