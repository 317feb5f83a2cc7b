/** The event stream parser against the text of the standard and against a plain one on whole input. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { isSkeinError } from '../../src/errors.ts';
import { SseParser, type SseEvent } from '../../src/cli/sse-parser.ts';

function parse(chunks: readonly string[]): SseEvent[] {
  const parser = new SseParser();
  return chunks.flatMap((chunk) => parser.push(chunk));
}

test('the examples of the standard', () => {
  assert.deepEqual(parse(['data: YHOO\ndata: +2\ndata: 10\n\n']), [{ event: 'message', data: 'YHOO\n+2\n10', id: '' }]);
  assert.deepEqual(parse([': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n']), [
    { event: 'message', data: 'first event', id: '1' },
    { event: 'message', data: 'second event', id: '' },
    { event: 'message', data: ' third event', id: '' },
  ]);
  assert.deepEqual(parse(['data\n\ndata\ndata\n\ndata:']).map((event) => event.data), ['', '\n']);
  assert.deepEqual(parse(['data:test\n\ndata: test\n\n']).map((event) => event.data), ['test', 'test']);
});

test('line ends of any kind, a byte order mark, unknown fields, an id with NUL', () => {
  assert.deepEqual(parse(['\uFEFFevent: a\rdata: 1\r\r', 'event: b\r\ndata: 2\r\n\r\n']).map(({ event, data }) => [event, data]), [
    ['a', '1'],
    ['b', '2'],
  ]);
  assert.deepEqual(parse(['data: 1\r', '\n\r', '\n']).map((event) => event.data), ['1']);
  assert.deepEqual(parse(['id: 7\nid: a\0b\nother: x\ndata: y\n\n']), [{ event: 'message', data: 'y', id: '7' }]);
  const parser = new SseParser();
  parser.push('retry: 250\nretry: x\n');
  assert.equal(parser.retryMs, 250);
});

test('an event without end is refused at the bound', () => {
  for (const chunks of [['data: ', 'x'.repeat(60), 'x'.repeat(60)], Array.from({ length: 20 }, () => 'data: 12345678\n')]) {
    const parser = new SseParser(100);
    assert.throws(() => chunks.forEach((chunk) => parser.push(chunk)), (error) => isSkeinError(error, 'API_UNREACHABLE'));
  }
  const many = new SseParser(100);
  for (let i = 0; i < 100; i++) assert.equal(many.push(`data: ${i}\n\n`).length, 1);
});

/** Straight from the standard, on the whole text at once. */
function oracle(text: string): SseEvent[] {
  const events: SseEvent[] = [];
  let [event, data, id] = ['', undefined as string | undefined, ''];
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/);
  for (const line of lines.slice(0, -1)) {
    if (line === '') {
      if (data !== undefined) events.push({ event: event === '' ? 'message' : event, data, id });
      [event, data] = ['', undefined];
      continue;
    }
    const [, field = '', value = ''] = /^([^:]*)(?::[ ]?([^]*))?$/.exec(line) ?? [];
    if (field === 'data') data = data === undefined ? value : `${data}\n${value}`;
    if (field === 'event') event = value;
    if (field === 'id' && !value.includes('\0')) id = value;
  }
  return events;
}

const piece = fc.oneof(fc.constantFrom('\n', '\r', '\r\n', '\n\n', 'data', 'data:', 'data: ', 'id: ', 'id:1', 'event: ', 'retry: 5', ':', ' ', '\uFEFF', '\0'), fc.string({ maxLength: 5, unit: 'binary' }));

test('however a stream is cut into chunks, the same events come out', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), fc.array(fc.nat(20), { maxLength: 20 }), (pieces, cuts) => {
      const text = pieces.join('');
      const chunks: string[] = [];
      let at = 0;
      for (const length of cuts) {
        chunks.push(text.slice(at, at + length));
        at += length;
      }
      chunks.push(text.slice(at));
      assert.deepEqual(parse(chunks), oracle(text));
    }),
    { numRuns: 1000 },
  );
});

test('data that a stream carries comes back as it was', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(), (data, id) => {
      assert.deepEqual(parse([`id: ${id}\nevent: run\ndata: ${JSON.stringify(data)}\n\n`]), [{ event: 'run', data: JSON.stringify(data), id: String(id) }]);
    }),
  );
});
