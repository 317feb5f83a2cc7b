/** Goal: a node's estimate of what it receives follows what large answers took, and only while any are under way. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeId, type Cid } from '../../src/core/lib/ids.ts';
import { Asks } from '../../src/runtime/blobs/asks.ts';
import { RATE_ANSWER_BYTES_MIN, RATE_SAMPLE_BYTES } from '../../src/runtime/blobs/limits.ts';
import { coarse } from '../../src/runtime/plannable.ts';
import { FakeContext } from './fake-context.ts';

const holder = nodeId('holder');
const half = RATE_SAMPLE_BYTES / 2;

class Fixture {
  readonly fake = new FakeContext();
  readonly ids: number[] = [];
  readonly asks = new Asks(this.fake.context, { hasher: () => ({ update: () => undefined, digest: () => new Uint8Array(32) }) }, (_to, message) => {
    if (message.type === 'want') this.ids.push(message.id);
    return true;
  });

  ask(bytesMax: number, cid = 'x'): number {
    this.asks.ask({ cid: cid as Cid, node: holder, chunk: 0, bytesMax, done: () => undefined });
    return this.ids.length - 1;
  }

  /** All of it, after so long. */
  answer(index: number, bytes: number, afterMs: number): void {
    this.fake.pass(afterMs);
    this.asks.piece(holder, { type: 'piece', id: this.ids[index]!, offset: 0, total: bytes, bytes: new Uint8Array(bytes), rawBytes: null });
  }

  get rate(): number {
    return this.asks.rate.bytesPerSecond;
  }
}

test('nothing is known until a sample is whole; pauses between answers do not count', () => {
  const one = new Fixture();
  one.answer(one.ask(half), half, 100);
  assert.equal(one.rate, 0);
  one.fake.pass(60_000);
  one.answer(one.ask(half), half, 300);
  assert.equal(one.rate, RATE_SAMPLE_BYTES / 0.4);
});

test('answers side by side take the time of both once', () => {
  const one = new Fixture();
  const [first, second] = [one.ask(half), one.ask(half)];
  one.answer(first, half, 200);
  one.answer(second, half, 200);
  assert.equal(one.rate, RATE_SAMPLE_BYTES / 0.4);
});

test('later samples move it by a part', () => {
  const one = new Fixture();
  one.answer(one.ask(RATE_SAMPLE_BYTES), RATE_SAMPLE_BYTES, 1_000);
  one.answer(one.ask(RATE_SAMPLE_BYTES), RATE_SAMPLE_BYTES, 500);
  assert.equal(one.rate, Math.round(RATE_SAMPLE_BYTES * 1.3));
});

test('short answers say nothing, and those that are given up end', () => {
  const one = new Fixture();
  for (let n = 0; n < 100; n++) one.answer(one.ask(RATE_ANSWER_BYTES_MIN - 1), RATE_ANSWER_BYTES_MIN - 1, 1_000);
  assert.equal(one.rate, 0);
  one.ask(half, 'given up');
  one.asks.forget('given up' as Cid);
  one.fake.pass(60_000);
  one.answer(one.ask(RATE_SAMPLE_BYTES), RATE_SAMPLE_BYTES, 100);
  assert.equal(one.rate, RATE_SAMPLE_BYTES * 10);
});

test('to the planner nodes on one network are as fast', () => {
  assert.deepEqual([0, 1, 118_000_000, 112_000_000, 60_000_000].map(coarse), [0, 1, 117_440_512, 117_440_512, 58_720_256]);
  for (let rate = 1; rate < 1e12; rate *= 1.7) assert.ok(Math.abs(coarse(rate) - rate) <= rate / 8, `${rate}`);
});
