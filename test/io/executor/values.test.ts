import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { VALUE_BYTES_MAX, VALUES_BYTES_MAX } from '../../../src/io/executor/limits.ts';
import { outcomeOfLine } from '../../../src/io/executor/outcome.ts';
import { valuesOfReturn } from '../../../src/io/executor/values.ts';

function kept(returned: unknown): unknown {
  const result = valuesOfReturn(returned);
  assert.ok(result.ok, result.ok ? '' : result.message);
  return result.values;
}

function refused(returned: unknown): string {
  const result = valuesOfReturn(returned);
  assert.ok(!result.ok);
  return result.message;
}

test('an object gives values by key, other JSON the value "value", undefined none', () => {
  assert.deepEqual(kept(undefined), {});
  assert.deepEqual(kept({ a: 1, b: undefined, c: [1, { d: null }] }), { a: 1, c: [1, { d: null }] });
  assert.deepEqual(kept(7), { value: 7 });
  assert.deepEqual(kept(null), { value: null });
  assert.deepEqual(kept([1, 2]), { value: [1, 2] });
  assert.deepEqual(kept(new Date(0)), { value: '1970-01-01T00:00:00.000Z' });
});

test('what has no JSON form is refused by name', () => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  assert.match(refused({ big: 1n }), /value "big" has no JSON form: .*BigInt/);
  assert.match(refused({ f: () => 1 }), /value "f" is a function/);
  assert.match(refused({ cycle }), /value "cycle" has no JSON form/);
  assert.match(refused({ m: new Map() }), /value "m" is a Map/);
  assert.match(refused(new Uint8Array(3)), /value "value" is a Uint8Array/);
  assert.match(refused({ 'a b': 1 }), /"a b" is no name/);
  assert.match(refused(JSON.parse('{"__proto__": 1}')), /__proto__/);
  assert.match(refused({ deep: JSON.parse('['.repeat(40) + ']'.repeat(40)) as unknown }), /nested deeper/);
  assert.match(refused({ deep: JSON.parse('['.repeat(40_000) + ']'.repeat(40_000)) as unknown }), /takes|JSON form/);
  assert.match(refused({ x: 'y'.repeat(VALUE_BYTES_MAX) }), /value "x" takes/);
});

test('half characters are replaced, so that every copy of the value is the same', () => {
  assert.deepEqual(kept({ s: 'a\ud800b', nested: [{ 'k\udc00': 'c' }], path: 'C:\\ud800' }), { s: 'a\ufffdb', nested: [{ 'k\ufffd': 'c' }], path: 'C:\\ud800' });
});

test('the last message of an execution, whatever it says, becomes an outcome within the limits', () => {
  const head = fc.oneof(fc.json(), fc.string(), fc.record({ code: fc.oneof(fc.constantFrom('', 'MODULE_THREW', 'toString'), fc.jsonValue()), message: fc.jsonValue(), exitCode: fc.jsonValue(), durationMs: fc.jsonValue(), tail: fc.jsonValue() }).map((value) => JSON.stringify(value)));
  fc.assert(
    fc.property(head, fc.oneof(fc.json(), fc.string()), (headText, body) => {
      const outcome = outcomeOfLine({ kind: 'end', id: 1, head: headText, body }, { startedAt: 1000, durationMs: 50 });
      assert.equal(outcome.ok, outcome.error === null);
      assert.ok(Buffer.byteLength(outcome.tail) <= 2048 && outcome.durationMs >= 0 && outcome.durationMs <= 50);
      assert.ok(Buffer.byteLength(JSON.stringify(outcome.values)) <= VALUES_BYTES_MAX * 2);
      assert.match(outcome.error?.code ?? 'MODULE_THREW', /^[A-Z_]+$/);
    }),
  );
});
