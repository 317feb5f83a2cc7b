/** What one frame need not carry. The storm applies it to every frame. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { coalesce } from '../../../src/core/raft/coalesce.ts';
import type { RaftMessage } from '../../../src/core/raft/types.ts';

function append(round: number, entries: number, term = 2): RaftMessage {
  const list = Array.from({ length: entries }, (_, i) => ({ index: 10 + i, term, kind: 'command' as const, data: new Uint8Array(0) }));
  return { type: 'append', term, prevIndex: 9, prevTerm: 1, entries: list, commit: 9, sentAt: round, round };
}

function reply(round: number, index: number, ok = true): RaftMessage {
  return { type: 'appendReply', term: 2, ok, index, hintTerm: 0, sentAt: round, round };
}

function kept(...messages: RaftMessage[]): number[] {
  return coalesce(messages).map((message) => messages.indexOf(message));
}

test('an empty Append before another Append of the same term goes', () => {
  assert.deepEqual(kept(append(1, 0), append(2, 0), append(3, 1)), [2]);
  assert.deepEqual(kept(append(1, 1), append(2, 0)), [0, 1]);
  assert.deepEqual(kept(append(1, 0, 1), append(2, 0, 2)), [0, 1]);
});

test('an acknowledgement before one that goes as far goes; a rejection stays', () => {
  assert.deepEqual(kept(reply(1, 5), reply(2, 6)), [1]);
  assert.deepEqual(kept(reply(1, 7), reply(2, 6)), [0, 1]);
  assert.deepEqual(kept(reply(1, 5, false), reply(2, 6)), [0, 1]);
  assert.deepEqual(kept(reply(1, 5), reply(2, 6, false)), [0, 1]);
});

test('everything else stays, in order', () => {
  const vote: RaftMessage = { type: 'timeoutNow', term: 2, lastIndex: 1, lastTerm: 1 };
  assert.deepEqual(kept(vote, append(1, 0), vote), [0, 1, 0]);
  assert.deepEqual(kept(), []);
});
