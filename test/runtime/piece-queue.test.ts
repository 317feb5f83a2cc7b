/** Goal: pieces are taken in their order, all of them, and of those that are compressed no more than a piece a turn. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { nodeId } from '../../src/core/lib/ids.ts';
import { BLOB_PIECE_BYTES } from '../../src/protocol/limits.ts';
import type { Piece } from '../../src/protocol/piece-codec.ts';
import { PIECE_COST_BYTES, PIECES_WAITING_BYTES_MAX } from '../../src/runtime/blobs/limits.ts';
import { PieceQueue } from '../../src/runtime/blobs/piece-queue.ts';
import { FakeContext } from './fake-context.ts';

const peer = nodeId('peer');

function pieceOf(id: number, rawBytes: number | null, bytes = Uint8Array.of(id & 255)): Piece {
  return { type: 'piece', id, offset: 0, total: BLOB_PIECE_BYTES, bytes, rawBytes };
}

test('all are taken, in their order, as they came, and never more than a piece a turn', () => {
  const raw = fc.oneof(fc.constant(null), fc.integer({ min: 2, max: BLOB_PIECE_BYTES }), fc.constant(BLOB_PIECE_BYTES));
  fc.assert(
    fc.property(fc.array(fc.array(raw, { maxLength: 12 }), { maxLength: 6 }), (frames) => {
      const fake = new FakeContext();
      const taken: number[] = [];
      let thisTurn = 0;
      let turn = -1;
      const queue = new PieceQueue(fake.context, (_from, { id, bytes, rawBytes }) => {
        assert.equal(bytes[0], id & 255, 'memory of a frame is used again');
        taken.push(id);
        if (fake.kernel.turn !== turn) thisTurn = 0;
        turn = fake.kernel.turn;
        thisTurn += rawBytes ?? 0;
        assert.ok(thisTurn <= BLOB_PIECE_BYTES);
      });
      let id = 0;
      for (const frame of frames) {
        fake.process.setTimer(0, () => {
          const memory = new Uint8Array(1);
          for (const rawBytes of frame) {
            memory[0] = id & 255;
            assert.ok(queue.add(peer, pieceOf(id++, rawBytes, memory)));
          }
          memory[0] = 255;
        });
      }
      fake.pass(10);
      assert.deepEqual(taken, Array.from({ length: id }, (_, i) => i));
    }),
  );
});

test('what is not compressed does not wait, unless behind what does', () => {
  const fake = new FakeContext();
  const taken: number[] = [];
  const queue = new PieceQueue(fake.context, (_from, { id }) => taken.push(id));
  for (let id = 0; id < 5; id += 1) queue.add(peer, pieceOf(id, null));
  assert.deepEqual(taken, [0, 1, 2, 3, 4]);
  queue.add(peer, pieceOf(5, BLOB_PIECE_BYTES));
  queue.add(peer, pieceOf(6, null));
  queue.add(peer, pieceOf(7, BLOB_PIECE_BYTES));
  queue.add(peer, pieceOf(8, null));
  assert.deepEqual(taken, [0, 1, 2, 3, 4, 5, 6]);
  fake.pass(1);
  assert.deepEqual(taken, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test('who sends more than anybody waits for fills no memory', () => {
  const fake = new FakeContext();
  const queue = new PieceQueue(fake.context, () => undefined);
  const bytes = new Uint8Array(1000);
  let accepted = 0;
  while (accepted < 100_000 && queue.add(peer, pieceOf(accepted, BLOB_PIECE_BYTES, bytes))) accepted += 1;
  assert.equal(accepted, 1 + Math.floor(PIECES_WAITING_BYTES_MAX / (bytes.byteLength + PIECE_COST_BYTES)));
  fake.pass(1);
  assert.ok(queue.add(peer, pieceOf(0, BLOB_PIECE_BYTES, bytes)), 'they have been taken');
});
