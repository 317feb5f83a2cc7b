import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import test from 'node:test';
import * as fc from 'fast-check';
import { LineReader, LineWriter } from '../../../src/io/executor/lines.ts';
import type { Line } from '../../../src/io/executor/lines.ts';

const line = fc.record({ kind: fc.constantFrom('run', 'end'), id: fc.nat(), head: fc.json(), body: fc.json() });

test('lines survive any cutting of the stream', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 10 }), fc.integer({ min: 1, max: 40 }), (lines, step) => {
      const compact = lines.map(({ kind, id, head, body }) => ({ kind, id, head: JSON.stringify(JSON.parse(head)), body: JSON.stringify(JSON.parse(body)) }));
      const stream = new PassThrough({ encoding: 'utf8', highWaterMark: 1 << 20 });
      const writer = new LineWriter(stream);
      for (const { kind, id, head, body } of compact) writer.send(kind, id, head, body);
      writer.flush();
      const text = (stream.read() as string | null) ?? '';
      const read: Line[] = [];
      const reader = new LineReader(1 << 20, (found) => read.push(found), () => assert.fail('not too long'));
      for (let at = 0; at < text.length; at += step) reader.push(text.slice(at, at + step));
      assert.deepEqual(read, compact);
    }),
  );
});

test('a line that is too long is told once, and nothing after it is read', () => {
  let told = 0;
  const read: Line[] = [];
  const reader = new LineReader(10, (found) => read.push(found), () => told++);
  reader.push('end\t1\t{}\t{}\n');
  reader.push('x'.repeat(11));
  reader.push('x'.repeat(11));
  reader.push('\nend\t2\t{}\t{}\n');
  assert.equal(told, 1);
  assert.deepEqual(read.map(({ id }) => id), [1]);
});

test('text that is no line is a line of no kind', () => {
  const read: Line[] = [];
  new LineReader(100, (found) => read.push(found), () => {}).push('rubbish\n\t\n');
  assert.deepEqual(read.map(({ kind }) => kind), ['', '']);
});
