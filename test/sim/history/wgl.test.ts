/** The search itself: small histories by hand, and many random ones against trying every order. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { checkLinearizable, type Operation } from '../../../sim/history/wgl.ts';
import { register, type RegisterInput, type RegisterOutput } from './porcupine-models.ts';

type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

function write(value: number, invokedAt: number, returnedAt?: number): RegisterOperation {
  return { input: { type: 'write', value }, invokedAt, outcome: returnedAt === undefined ? undefined : { output: { done: true }, returnedAt } };
}

function read(value: number | null, invokedAt: number, returnedAt: number): RegisterOperation {
  return { input: { type: 'read' }, invokedAt, outcome: { output: { value }, returnedAt } };
}

function verdict(...operations: RegisterOperation[]): string {
  return checkLinearizable(register, operations).verdict;
}

test('reads overlapping a write may see it or not, but not first the new and then the old value', () => {
  assert.equal(verdict(), 'ok');
  assert.equal(verdict(write(1, 0, 10), read(null, 1, 2), read(1, 3, 4)), 'ok');
  assert.equal(verdict(write(1, 0, 10), read(1, 1, 2), read(null, 3, 4)), 'violation');
  assert.equal(verdict(write(1, 0, 1), read(null, 2, 3)), 'violation');
});

test('what ends at the moment when another begins overlaps it', () => {
  assert.equal(verdict(write(1, 0, 2), read(null, 2, 3)), 'ok');
  assert.equal(verdict(write(1, 0, 2), read(null, 2.5, 3)), 'violation');
});

test('an unknown outcome may take effect at any later time, once, or never', () => {
  assert.equal(verdict(write(1, 0), read(null, 5, 6)), 'ok');
  assert.equal(verdict(write(1, 0), read(null, 5, 6), read(1, 100, 101)), 'ok');
  assert.equal(verdict(write(1, 0), read(1, 5, 6), read(null, 7, 8)), 'violation');
  assert.equal(verdict(write(1, 0), read(1, 5, 6), write(2, 7, 8), read(1, 9, 10)), 'violation');
  assert.equal(verdict(read(1, 0, 1), write(1, 2)), 'violation', 'not before it began');
});

test('a violation is explained: the longest order, the state after it, and who cannot follow', () => {
  const result = checkLinearizable(register, [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5), read(2, 6, 7)]);
  assert.ok(result.verdict === 'violation');
  assert.deepEqual(result.explanation, { prefix: [0, 1], state: '2', blocked: 2 });
});

test('an order that is given is legal and keeps the order of time', () => {
  const operations = [write(1, 0, 10), write(2, 0, 10), read(1, 11, 12), write(3, 11), read(3, 13, 14)];
  const result = checkLinearizable(register, operations);
  assert.ok(result.verdict === 'ok');
  assert.deepEqual(result.order, [1, 0, 2, 3, 4]);
});

test('limits end the search with "unknown", and an operation that ends before it begins is refused', () => {
  const writes = Array.from({ length: 12 }, (_, value) => write(value, 0, 1));
  const impossible = [...writes, read(99, 2, 3)];
  assert.equal(checkLinearizable(register, impossible, { visitedMax: 500 }).verdict, 'unknown');
  assert.equal(checkLinearizable(register, impossible, { expired: () => true }).verdict, 'unknown');
  assert.equal(checkLinearizable(register, impossible).verdict, 'violation');
  assert.throws(() => verdict(read(null, 3, 2)), RangeError);
});

/** Tries every order and every choice of what took effect. */
function oracle(operations: readonly RegisterOperation[], placed = 0, state: number | null = null): boolean {
  const rest = operations.map((operation, i) => ({ operation, i })).filter(({ i }) => (placed & (1 << i)) === 0);
  const known = rest.filter(({ operation }) => operation.outcome !== undefined);
  if (known.length === 0) return true;
  const firstReturn = Math.min(...known.map(({ operation }) => operation.outcome!.returnedAt));
  return rest.some(({ operation, i }) => {
    if (operation.invokedAt > firstReturn) return false;
    const after = register.step(state, operation.input, operation.outcome?.output);
    return after !== undefined && oracle(operations, placed | (1 << i), after);
  });
}

const value = fc.integer({ min: 0, max: 2 });
const input: fc.Arbitrary<{ input: RegisterInput; output: RegisterOutput }> = fc.oneof(
  fc.option(value).map((seen) => ({ input: { type: 'read' } as const, output: { value: seen } })),
  value.map((written) => ({ input: { type: 'write', value: written } as const, output: { done: true } })),
  fc.tuple(value, value, fc.boolean()).map(([from, to, done]) => ({ input: { type: 'cas', from, to } as const, output: { done } })),
);
const operation = fc.tuple(input, fc.nat(12), fc.nat(6), fc.integer({ min: 0, max: 4 })).map(([one, invokedAt, length, luck]): RegisterOperation => {
  return { input: one.input, invokedAt, outcome: luck === 0 ? undefined : { output: one.output, returnedAt: invokedAt + length } };
});

test('random histories: the same verdict as trying every order', () => {
  const seen = { ok: 0, violation: 0, unknown: 0 };
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 7 }), (operations) => {
      const result = checkLinearizable(register, operations);
      seen[result.verdict] += 1;
      assert.equal(result.verdict, oracle(operations) ? 'ok' : 'violation');
      if (result.verdict === 'ok') assert.ok(isLegal(operations, result.order));
    }),
    { numRuns: 1500, seed: 1 },
  );
  assert.ok(seen.ok > 100 && seen.violation > 100 && seen.unknown === 0, JSON.stringify(seen));
});

function isLegal(operations: readonly RegisterOperation[], order: readonly number[]): boolean {
  const placed = order.map((i) => operations[i]!);
  const complete = operations.every((one) => one.outcome === undefined || placed.includes(one));
  const timely = placed.every((one, at) => placed.slice(at + 1).every((later) => later.outcome === undefined || later.outcome.returnedAt >= one.invokedAt));
  let state: number | null | undefined = register.init;
  for (const one of placed) state = state === undefined ? undefined : register.step(state, one.input, one.outcome?.output);
  return complete && timely && new Set(order).size === order.length && state !== undefined;
}
