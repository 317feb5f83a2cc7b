/** Notes as log lines. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import test from 'node:test';
import * as fc from 'fast-check';
import { SkeinError } from '../../../src/errors.ts';
import { logObserver, type LogInit } from '../../../src/io/metrics/log-observer.ts';
import { EVENT_KINDS_MAX, OTHER_EVENTS, eventCounts, tee } from '../../../src/io/metrics/observers.ts';
import type { Note } from '../../../src/ports/observer.ts';

const at = Date.UTC(2026, 2, 1, 12, 0, 0, 5);

function log(notes: readonly Note[], init: Partial<LogInit> = {}): string {
  const output = new PassThrough();
  const observer = logObserver({ level: 'debug', format: 'json', output, now: () => at, ...init });
  for (const note of notes) observer.notify(note);
  return String(output.read() ?? '');
}

const note: Note = { level: 'info', event: 'leader-elected', message: 'node1 leads', data: { peer: '12D3', term: 4 } };

test('JSON: one object a line, RFC 3339 time, level as a word, data beside', () => {
  const text = log([note, { ...note, level: 'warn' }], { bindings: () => ({ node: 'node1' }) });
  const lines = text.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(lines[0], { level: 'info', time: '2026-03-01T12:00:00.005Z', node: 'node1', event: 'leader-elected', peer: '12D3', term: 4, msg: 'node1 leads' });
  assert.equal(lines[1]?.['level'], 'warn');
});

test('levels below the wanted one are dropped', () => {
  assert.equal(log([note, { ...note, level: 'debug' }], { level: 'warn' }), '');
});

test('errors have type, message, stack and code; data cannot overwrite the line', () => {
  const err = new SkeinError('DISK_FAILED', 'no space', { secret: 'x' });
  const line = JSON.parse(log([{ ...note, data: { err, time: 'mine', msg: 'mine', level: 9 } }])) as { err: Record<string, unknown>; msg: string; level: string };
  assert.deepEqual(Object.keys(line.err), ['type', 'message', 'stack', 'code']);
  assert.deepEqual([line.err['type'], line.err['code']], ['SkeinError', 'DISK_FAILED']);
  assert.deepEqual([line.msg, line.level], ['node1 leads', 'info']);
});

test('a message with % is printed as it is', () => {
  assert.equal((JSON.parse(log([{ ...note, message: '100%d %s %o' }])) as { msg: string }).msg, '100%d %s %o');
});

test('secrets are masked by name and by value, however deep', () => {
  const secret = 'kGx7-secret-key';
  const data = { token: 'abc', nested: { clusterKey: 'def', url: `x?k=${secret}` }, list: [{ psk: 'ghi' }], requestKey: 'stays', key: 'jkl' };
  for (const format of ['json', 'pretty'] as const) {
    const text = log([{ ...note, message: `with ${secret}`, data: { ...data, err: new Error(`bad ${secret}`) } }], { format, secrets: [secret] });
    for (const hidden of [secret, 'abc', 'def', 'ghi', 'jkl']) assert.equal(text.includes(hidden), false, `${hidden} in ${text}`);
    assert.ok(text.includes('stays'));
  }
});

test('pretty: time, level, sentence, data as pairs; a stack only for errors', () => {
  const text = log([{ ...note, data: { peer: '12D3', words: 'two words' } }], { format: 'pretty' });
  assert.match(text, /^\d\d:\d\d:00\.005 INFO {2}node1 leads peer=12D3 words="two words"\n$/);
  assert.match(log([{ ...note, level: 'error', data: { err: new Error('boom') } }], { format: 'pretty' }), /ERROR node1 leads\nError: boom\n {4}at /);
  assert.ok(log([note], { format: 'pretty', colour: true }).includes('\u001b[36mINFO'));
});

test('any data makes one valid line', () => {
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  const odd = { big: 1n, bytes: new Uint8Array(9), map: new Map([['a', 1]]), fn: () => 1, symbol: Symbol('x'), date: new Date(at), cyclic, long: 'x'.repeat(10_000) };
  const line = JSON.parse(log([{ ...note, data: odd }])) as Record<string, unknown>;
  assert.deepEqual([line['big'], line['bytes'], line['map'], line['date']], ['1', '9 bytes', { a: 1 }, '2026-03-01T12:00:00.005Z']);
  assert.equal(String(line['long']).length, 4097);
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.anything()), fc.string(), (data, message) => {
      const text = log([{ ...note, message, data }]);
      assert.equal(text.split('\n').length, 2);
      JSON.parse(text);
    }),
    { numRuns: 200 },
  );
});

test('tee gives each observer every note, whatever another one throws', () => {
  const counts = eventCounts();
  const both = tee({ notify: () => assert.fail('broken observer') }, counts);
  both.notify(note);
  both.notify({ ...note, level: 'error' });
  assert.equal(counts.counts().get('leader-elected'), 2);
  assert.deepEqual(counts.byLevel(), { debug: 0, info: 1, warn: 0, error: 1 });
});

test('kinds of events are bounded', () => {
  const counts = eventCounts();
  for (let i = 0; i < EVENT_KINDS_MAX + 10; i++) counts.notify({ ...note, event: `event-${i}` });
  assert.equal(counts.counts().size, EVENT_KINDS_MAX + 1);
  assert.equal(counts.counts().get(OTHER_EVENTS), 10);
});
