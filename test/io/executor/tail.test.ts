import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { ERROR_MESSAGE_BYTES_MAX, TAIL_BYTES_MAX } from '../../../src/io/executor/limits.ts';
import { clipText, Tail } from '../../../src/io/executor/tail.ts';

function tailOf(...chunks: (string | Uint8Array)[]): string {
  const tail = new Tail();
  for (const chunk of chunks) tail.append(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  return tail.text();
}

test('what fits is kept as it came', () => {
  assert.equal(tailOf(), '');
  assert.equal(tailOf('\u001b[31mred\u001b[0m\n', 'ünï\n'), '\u001b[31mred\u001b[0m\nünï\n');
});

test('what does not fit is cut at the start of a line, and says how much is missing', () => {
  const line = `${'x'.repeat(99)}\n`;
  const text = tailOf(line.repeat(1000));
  assert.match(text, /^\[98000 bytes cut\]\nxxx/);
  assert.equal(text.slice(text.indexOf('\n') + 1), line.repeat(20));
});

test('a character or a colour is never broken', () => {
  const text = tailOf('🪿'.repeat(2000));
  assert.ok(!text.includes('\ufffd') && text.endsWith('🪿'));
  const colours = tailOf('\u001b[38;5;196mx'.repeat(1000));
  assert.ok(['x', '\u001b[38;5;196mx'].some((start) => colours.slice(colours.indexOf('\n') + 1).startsWith(start)));
});

test('any bytes in any pieces: bounded, whole characters, the true end', () => {
  const chunk = fc.oneof(fc.uint8Array({ maxLength: 3000 }), fc.string({ unit: 'grapheme', maxLength: 800 }).map((text) => Buffer.from(text)));
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 8 }), (chunks) => {
      const text = tailOf(...chunks);
      assert.ok(Buffer.byteLength(text) <= TAIL_BYTES_MAX, `${Buffer.byteLength(text)} bytes`);
      const all = Buffer.concat(chunks).toString('utf8');
      const shown = text.startsWith('[') && all !== text ? text.slice(text.indexOf('\n') + 1) : text;
      assert.ok(all.endsWith(shown) || all.endsWith(shown.replace(/^\ufffd+/, '')));
      assert.ok(shown.length > 0 || all.length === 0 || all.endsWith('\n'));
    }),
  );
});

test('clipped text is within its bytes and well formed', () => {
  assert.equal(clipText('short', ERROR_MESSAGE_BYTES_MAX), 'short');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 600 }), fc.integer({ min: 16, max: 1024 }), (text, bytesMax) => {
      const clipped = clipText(text, bytesMax);
      assert.ok(Buffer.byteLength(clipped) <= bytesMax && clipped.isWellFormed());
    }),
  );
});
