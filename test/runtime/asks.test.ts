/** Goal: an answer is given up when its holder is silent, not when it waits for the others of that holder. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeId, type Cid } from '../../src/core/lib/ids.ts';
import { Asks } from '../../src/runtime/blobs/asks.ts';
import { ANSWER_STALL_MS, ANSWER_TURN_MS } from '../../src/runtime/blobs/limits.ts';
import { FakeContext } from './fake-context.ts';

const holder = nodeId('holder');
const cid = 'x' as Cid;

class Fixture {
  readonly fake = new FakeContext();
  readonly ids: number[] = [];
  readonly ends: string[] = [];
  readonly asks = new Asks(this.fake.context, { hasher: () => ({ update: () => undefined, digest: () => new Uint8Array(32) }) }, (_to, message) => {
    if (message.type === 'want') this.ids.push(message.id);
    return true;
  });

  ask(name: string, bytesMax = 100): void {
    this.asks.ask({ cid, node: holder, chunk: 0, bytesMax, done: (answer) => this.ends.push(`${name} ${typeof answer === 'string' ? answer : 'came'}`) });
  }

  piece(index: number, offset: number, length: number, total = 100): void {
    this.asks.piece(holder, { type: 'piece', id: this.ids[index]!, offset, total, bytes: new Uint8Array(length), rawBytes: null });
  }

  pass(ms: number): void {
    this.fake.pass(ms);
    this.asks.tick();
  }
}

test('over a slow line answers wait for each other', () => {
  const one = new Fixture();
  one.ask('first');
  one.ask('second');
  for (let at = 0; at < 4; at++) {
    one.piece(0, at, 1);
    one.pass(ANSWER_STALL_MS - 1);
  }
  assert.deepEqual(one.ends, []);
  one.pass(1);
  assert.deepEqual(one.ends, ['first stalled', 'second stalled']);
});

test('a question that was lost is asked again, however busy its holder is', () => {
  const one = new Fixture();
  one.ask('first');
  one.ask('lost');
  for (let at = 0; at * 1000 <= ANSWER_TURN_MS; at++) {
    one.piece(0, at, 1);
    one.pass(1000);
  }
  assert.deepEqual(one.ends, ['lost stalled']);
});

test('an answer that is longer than what was asked for, or that never gets longer, is none', () => {
  const one = new Fixture();
  one.ask('long');
  one.piece(0, 0, 50, 101);
  one.ask('empty');
  one.piece(1, 0, 0);
  one.ask('right', 0);
  one.piece(2, 0, 0, 0);
  assert.deepEqual(one.ends, ['long invalid', 'empty invalid', 'right came']);
});
