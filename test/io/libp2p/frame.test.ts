import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { isSkeinError } from '../../../src/errors.ts';
import { encodeFrame, FrameParser, splitPayload } from '../../../src/io/libp2p/frame.ts';
import { FRAME_BYTES_MAX, FRAME_MESSAGES_MAX, LENGTH_BYTES } from '../../../src/io/libp2p/limits.ts';
import { MESSAGE_BYTES_MAX } from '../../../src/protocol/limits.ts';

const message = fc.uint8Array({ maxLength: 300 });
const frames = fc.array(fc.array(message, { minLength: 1, maxLength: 8 }), { maxLength: 8 });

/** The bytes in pieces of the given sizes, over and over. */
function pieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const cut: Uint8Array[] = [];
  for (let offset = 0, i = 0; offset < bytes.byteLength; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    cut.push(bytes.subarray(offset, offset + size));
    offset += size;
  }
  return cut;
}

test('what was framed comes out again, however the stream is cut', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 }), (sent, sizes) => {
      const parser = new FrameParser();
      const received = pieces(Buffer.concat(sent.map(encodeFrame)), sizes).flatMap((piece) => parser.push(piece)).map(splitPayload);
      assert.deepEqual(
        received.map((list) => list.map((bytes) => [...bytes])),
        sent.map((list) => list.map((bytes) => [...bytes])),
      );
      assert.equal(parser.held, 0);
    }),
  );
});

test('the same where memory is used again: a payload is whole until the next piece of the stream', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 }), (sent, sizes) => {
      const parser = new FrameParser(FRAME_BYTES_MAX, true);
      const received: number[][][] = [];
      for (const piece of pieces(Buffer.concat(sent.map(encodeFrame)), sizes)) for (const payload of parser.push(piece)) received.push(splitPayload(payload).map((bytes) => [...bytes]));
      assert.deepEqual(received, sent.map((list) => list.map((bytes) => [...bytes])));
    }),
  );
});

test('garbage is told by a code, holds no more than it brought, and never comes back as a message over the limit', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), fc.integer({ min: 1, max: 500 }), (chunks, frameBytesMax) => {
      const parser = new FrameParser(frameBytesMax);
      let given = 0;
      try {
        for (const chunk of chunks) {
          given += chunk.byteLength;
          for (const payload of parser.push(chunk)) {
            assert.ok(payload.byteLength <= frameBytesMax);
            splitPayload(payload);
          }
          assert.ok(parser.held <= given && parser.held <= frameBytesMax + LENGTH_BYTES);
        }
      } catch (error) {
        assert.ok(isSkeinError(error, 'FRAME_INVALID') || isSkeinError(error, 'FRAME_TOO_LARGE'), String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test('a flipped bit gives other messages or a code, never a crash', () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 8 }), fc.nat(), fc.nat(7), (list, at, bit) => {
      const bytes = encodeFrame(list);
      bytes[at % bytes.byteLength]! ^= 1 << bit;
      try {
        for (const payload of new FrameParser().push(bytes)) splitPayload(payload);
      } catch (error) {
        assert.ok(isSkeinError(error, 'FRAME_INVALID') || isSkeinError(error, 'FRAME_TOO_LARGE'), String(error));
      }
    }),
  );
});

test('a length over the limit is refused before anything is held', () => {
  const parser = new FrameParser();
  const length = new Uint8Array(LENGTH_BYTES);
  new DataView(length.buffer).setUint32(0, FRAME_BYTES_MAX + 1);
  assert.throws(() => parser.push(length), (error) => isSkeinError(error, 'FRAME_TOO_LARGE'));
  assert.equal(parser.held, 0);
  assert.throws(() => parser.push(encodeFrame([new Uint8Array(1)])), (error) => isSkeinError(error, 'FRAME_INVALID'));
});

test('an empty frame and lengths that do not add up are invalid', () => {
  assert.throws(() => new FrameParser().push(new Uint8Array(LENGTH_BYTES)), (error) => isSkeinError(error, 'FRAME_INVALID'));
  assert.throws(() => splitPayload(Uint8Array.of(0, 0)), (error) => isSkeinError(error, 'FRAME_INVALID'));
  assert.throws(() => splitPayload(Uint8Array.of(0, 0, 0, 2, 1)), (error) => isSkeinError(error, 'FRAME_INVALID'));
});

test('limits hold inside a frame: size of a message, number of messages', () => {
  const large = new Uint8Array(LENGTH_BYTES);
  new DataView(large.buffer).setUint32(0, MESSAGE_BYTES_MAX + 1);
  assert.throws(() => splitPayload(large), (error) => isSkeinError(error, 'FRAME_TOO_LARGE'));
  assert.throws(() => splitPayload(new Uint8Array((FRAME_MESSAGES_MAX + 1) * LENGTH_BYTES)), (error) => isSkeinError(error, 'FRAME_TOO_LARGE'));
});

test('a message of maximal size fits into one frame', () => {
  const bytes = encodeFrame([new Uint8Array(MESSAGE_BYTES_MAX)]);
  const [payload] = new FrameParser().push(bytes);
  assert.equal(splitPayload(payload!)[0]?.byteLength, MESSAGE_BYTES_MAX);
});
