/** Request keys and Submits in parts: one run per key, nothing kept for ever. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import * as limits from '../../../src/core/cell/limits.ts';
import { fromSections, stateHash, toSections } from '../../../src/core/cell/snapshot.ts';
import { uuidV7 } from '../../../src/core/lib/uuid-v7.ts';
import { TestCell, hooks, module, spec, start } from './cells.ts';

const one = spec([module('a')]);

function key(at: number, n = 0): string {
  return uuidV7(at, new Uint8Array([1, 2, 3, n >> 8, n, 4, 5, 6, 7, 8]));
}

test('the same key gives the same run, whatever becomes of it', () => {
  const cell = new TestCell();
  const requestKey = key(start);
  const run = cell.submit([module('a')], requestKey);
  const again = (): unknown => cell.apply({ type: 'submit', requestKey, spec: one });
  const stored = { type: 'run', run, runId: cell.state.runs.get(run)!.runId, duplicate: true };
  assert.deepEqual(again(), stored);
  cell.apply({ type: 'cancel', run, reason: '' });
  assert.deepEqual(again(), stored);
  cell.apply({ type: 'retire', runs: [run] });
  assert.deepEqual(again(), stored, 'the key outlives the run');
  assert.deepEqual(cell.events, []);
});

test('keys that are none are refused', () => {
  const cell = new TestCell();
  for (const requestKey of ['', 'x'.repeat(201), '\ud800']) assert.equal(cell.refusal({ type: 'submit', requestKey, spec: one }), 'REQUEST_INVALID');
});

const month = 30 * 24 * 3_600_000;

/** A cell that saw as many requests as it remembers and a few more. @returns their keys. */
function crowded(cell: TestCell, logAhead: (i: number) => number, clientAhead: (i: number) => number): string[] {
  const keys: string[] = [];
  for (let i = 0; i < limits.REQUEST_KEYS_MAX + 10; i++) {
    cell.now = start + i + logAhead(i);
    keys.push(key(start + i + clientAhead(i), i));
    cell.apply({ type: 'cancel', run: cell.submit([module('a')], keys[i]), reason: '' });
  }
  assert.equal(cell.state.requests.size, limits.REQUEST_KEYS_MAX);
  return keys;
}

const submitted = (cell: TestCell, requestKey: string): string => cell.refusal({ type: 'submit', requestKey, spec: one });

test('however old, a key that cannot have been forgotten is new', () => {
  const cell = new TestCell();
  cell.now = start + month;
  assert.equal(submitted(cell, key(start, 1)), '');
});

test('a log whose time is ahead shuts out no client, and none of its requests runs twice', () => {
  const cell = new TestCell();
  const keys = crowded(cell, () => month, () => 0);
  assert.equal(submitted(cell, keys[0]!), 'KEY_EXPIRED');
  assert.equal(submitted(cell, key(start + limits.REQUEST_KEYS_MAX, 99_999)), '');
});

test('a request that a leader with a late clock accepted is not forgotten when the next one has the right time', () => {
  const cell = new TestCell();
  cell.now = start - month;
  const early = key(start, 1);
  const run = cell.submit([module('a')], early);
  cell.apply({ type: 'cancel', run, reason: '' });
  cell.now = start + 10;
  cell.submit([module('a')], key(start + 10, 2));
  assert.deepEqual(cell.apply({ type: 'submit', requestKey: early, spec: one }), { type: 'run', run, runId: cell.state.runs.get(run)!.runId, duplicate: true });
});

test('one client whose clock is ahead shuts out no other', () => {
  const cell = new TestCell();
  const keys = crowded(cell, () => 0, (i) => (i % 1000 === 0 ? month : 0));
  assert.equal(submitted(cell, key(start + limits.REQUEST_KEYS_MAX + 10, 99_999)), '');
  assert.equal(submitted(cell, keys[1]!), 'KEY_EXPIRED', 'forgotten');
  assert.ok(cell.state.requests.has(keys[0]!), 'its own key is the newest');
});

test('over 10,000 keys the oldest are forgotten, and then expired rather than run twice', () => {
  const cell = new TestCell();
  const first = key(start, 0);
  for (let i = 0; i <= limits.REQUEST_KEYS_MAX; i++) {
    cell.now = start + i;
    const run = cell.submit([module('a')], key(cell.now, i));
    cell.apply({ type: 'cancel', run, reason: '' });
  }
  assert.equal(cell.state.requests.size, limits.REQUEST_KEYS_MAX);
  const sections = toSections(cell.state);
  const restored = fromSections(sections.header, sections.runs.map((run) => run.plain()), hooks);
  assert.equal(stateHash(restored), stateHash(cell.state));
  cell.state = restored;
  assert.equal(cell.refusal({ type: 'submit', requestKey: first, spec: one }), 'KEY_EXPIRED', 'after a restore as well');
  assert.equal(cell.refusal({ type: 'submit', requestKey: key(cell.now, 1), spec: one }), '');
});

test('the key of a live run is never forgotten', () => {
  const cell = new TestCell();
  const live = key(start, 0);
  const run = cell.submit([module('a')], live);
  for (let i = 1; i <= limits.REQUEST_KEYS_MAX + 5; i++) {
    cell.now = start + i;
    const other = cell.submit([module('a')], key(cell.now, i));
    cell.apply({ type: 'cancel', run: other, reason: '' });
  }
  assert.equal(cell.state.requests.size, limits.REQUEST_KEYS_MAX);
  const reply = cell.apply({ type: 'submit', requestKey: live, spec: one });
  assert.ok(reply.type === 'run' && reply.run === run && reply.duplicate);
});

const bytes = new TextEncoder().encode(JSON.stringify(one));
const slices = [bytes.subarray(0, 10), bytes.subarray(10, 20), bytes.subarray(20)];

function send(cell: TestCell, requestKey: string, part: number, parts = 3, body: Uint8Array = slices[part]!): string {
  const reply = cell.apply({ type: 'submitPart', requestKey, part, parts, bytes: body });
  return reply.type === 'error' ? reply.code : reply.type;
}

test('parts make one Submit: it takes effect with the last one, at its index', () => {
  const cell = new TestCell();
  assert.deepEqual([send(cell, 'k', 0), send(cell, 'k', 1), send(cell, 'k', 2)], ['ok', 'ok', 'run']);
  assert.deepEqual([...cell.state.runs.keys()], [cell.index]);
  assert.deepEqual([cell.state.unfinished.size, cell.state.unfinishedBytes], [0, 0]);
  assert.equal(send(cell, 'k', 0), 'run', 'a retry gets the stored answer at its first part');
  assert.equal(cell.state.runs.size, 1);
});

test('a client that starts again half-way ends with one run', () => {
  const cell = new TestCell();
  for (const part of [0, 1, 0, 1, 1]) assert.equal(send(cell, 'k', part), 'ok');
  assert.equal(send(cell, 'k', 2), 'run');
});

test('parts of two submits do not mix', () => {
  const cell = new TestCell();
  for (const part of [0, 1]) for (const name of ['k', 'l']) send(cell, name, part);
  assert.deepEqual([send(cell, 'k', 2), send(cell, 'l', 2)], ['run', 'run']);
  assert.equal(cell.state.runs.size, 2);
});

test('a last part without the others, parts of another count, and bytes that are no Submit are refused', () => {
  const cell = new TestCell();
  send(cell, 'k', 0);
  assert.equal(send(cell, 'k', 2), 'REQUEST_INVALID');
  send(cell, 'k', 0);
  send(cell, 'k', 1, 4);
  assert.equal(cell.state.unfinished.get('k')?.parts, 4, 'another count starts over');
  assert.equal(send(cell, 'other', 0, 1, new Uint8Array([1, 2, 3])), 'REQUEST_INVALID');
  for (const [part, parts] of [[3, 3], [-1, 3], [0.5, 3], [0, NaN], [0, 0]] as const) assert.equal(send(cell, 'z', part, parts, slices[0]), 'REQUEST_INVALID');
  assert.equal(send(cell, 'z', 0, 3, new Uint8Array()), 'REQUEST_INVALID');
});

test('parts are bounded per part, per Submit, in number and together', () => {
  const big = new Uint8Array(limits.PART_BYTES_MAX);
  const cell = new TestCell();
  assert.equal(send(cell, 'k', 0, 3, new Uint8Array(limits.PART_BYTES_MAX + 1)), 'REQUEST_TOO_LARGE');
  assert.equal(send(cell, 'k', 0, limits.PARTS_PER_SUBMIT_MAX + 1), 'REQUEST_TOO_LARGE');
  const perSubmit = limits.SUBMIT_BYTES_MAX / limits.PART_BYTES_MAX;
  for (let part = 0; part < perSubmit; part++) assert.equal(send(cell, 'k', part, 150, big), 'ok');
  assert.equal(send(cell, 'k', perSubmit, 150, big), 'REQUEST_TOO_LARGE');
  assert.equal(cell.state.unfinishedBytes, 0);
  const many = new TestCell();
  for (let n = 0; n < limits.UNFINISHED_SUBMITS_MAX; n++) assert.equal(send(many, `k${n}`, 0), 'ok');
  assert.equal(send(many, 'one more', 0), 'LIMIT_EXCEEDED');
});

test('all submits under way together are bounded', () => {
  const cell = new TestCell();
  const big = new Uint8Array(limits.PART_BYTES_MAX);
  const fit = limits.UNFINISHED_BYTES_MAX / limits.PART_BYTES_MAX;
  for (let n = 0; n < fit; n++) assert.equal(send(cell, `k${n % 4}`, Math.floor(n / 4), 150, big), 'ok');
  assert.equal(send(cell, 'last', 0, 3, big), 'LIMIT_EXCEEDED');
});

test('parts that nobody finishes are dropped after 10 minutes', () => {
  const cell = new TestCell();
  send(cell, 'k', 0);
  cell.now += limits.UNFINISHED_AGE_MAX_MS + 1;
  send(cell, 'l', 0);
  assert.deepEqual([[...cell.state.unfinished.keys()], cell.state.unfinishedBytes], [['l'], 10]);
});
